"""``everyloop probe``: the platform-support table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import backends, completing, documents, platform_table, probing, terminal
from .commands import (
    AS_EXPECTED,
    HARNESS_FAILED,
    INTERRUPTED,
    NOT_AS_EXPECTED,
    USAGE,
    Command,
    complain,
    count_option,
    file_option,
    run_async,
    timeout_option,
)
from .orders import Selection
from .pool import PROBER, Pool, PoolError


@click.command(
    cls=Command,
    epilog="""
Examples:
  everyloop probe                               every installed loop, trio, every emulated platform
  everyloop probe asyncio windows-selector      what a program loses on Windows' selector loop
  everyloop probe windows-selector@max_sockets=64
  everyloop probe --json table.json             the measurements as a document (everyloop-probe/1)

A cell is what was measured. The limits of the standard library's loops are documented (`everyloop
list limits`): a measurement that differs from them is marked with ≠ and makes the exit status 1.
Nobody documents those of other loops.
""",
)
@click.argument("names", metavar="[BACKEND]...", nargs=-1, shell_complete=completing.all_backends)
@count_option("together", "Backends that are probed at the same time.")
@timeout_option(20.0, "Seconds a probe may take before it counts as a hang; some wait 5 s for what never happens.")
@file_option("--json", "Write the measurements here.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, one line a backend.")
def probe(names: Sequence[str], together: int, timeout: float, json_file: Path | None, quiet: bool) -> int:
    """Measure what loops can do, beside what is documented.

    BACKEND is a name that `everyloop list backends` shows, or package.module:factory, a function that makes a loop.
    Without any, every real backend that is installed is probed, trio among them, and every emulated platform.
    """
    chosen = [_checked(name) for name in dict.fromkeys(names)] or _all_here()
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise click.ClickException(f"cannot write {json_file}: No such file or directory")
    live = platform_table.reporter(terminal.diagnostics(), quiet)
    session: probing.Session | None = None

    async def work() -> None:
        nonlocal session
        async with Pool.open(1, timeout, Selection(), PROBER) as pool:
            session = probing.Session(pool, live)
            await session.probe(chosen, together)

    problem: BaseException | None = None
    try:
        run_async(work())
    except (KeyboardInterrupt, PoolError, OSError) as error:
        problem = error
    finally:
        live.close()
    columns = session.in_order(chosen) if session is not None else []
    refused = session.refused if session is not None else []
    if json_file is not None:
        try:
            documents.write(json_file, probing.document(columns))
        except OSError as error:
            raise click.ClickException(f"cannot write {json_file}: {error.strerror}") from None
    platform_table.show(terminal.output(), columns, quiet=quiet)
    for line in refused:
        complain(line)
    if isinstance(problem, KeyboardInterrupt):
        complain("interrupted: the measurements are those so far")
        return INTERRUPTED
    if problem is not None:
        complain(f"everyloop itself failed: {problem}")
        return HARNESS_FAILED
    if refused:
        return USAGE
    different = any(found["agreement"] == "different" for column in columns for found in column["measurements"])
    return NOT_AS_EXPECTED if different else AS_EXPECTED


def _checked(name: str) -> str:
    try:
        backends.find(name)
    except backends.BackendError as error:
        raise click.ClickException(str(error)) from None
    return name


def _all_here() -> list[str]:
    return [backend.name for backend in backends.registered().values() if backend.why_not_here() is None]
