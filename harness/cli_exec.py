"""``everyloop exec``: any program on another platform's loop."""

from __future__ import annotations

from collections.abc import Sequence

import click

from . import backends, executing
from .commands import INTERRUPTED, USAGE, Command, complain


@click.command(
    "exec",
    cls=Command,
    # What follows the program is the program's.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""
Examples:
  everyloop exec --on windows-selector program.py --port 0
  everyloop exec --on windows-selector --impersonate myapp -m myapp
  everyloop exec --on macos-10.8 -m pytest tests
  everyloop exec --on windows-selector@max_sockets=64 -m unittest

Exit status: the program's; 2 if it cannot be executed there, 130 after Ctrl-C.
""",
)
@click.option("--on", "name", metavar="BACKEND", required=True, help="What `everyloop list backends` shows.")
@click.option(
    "--impersonate",
    "packages",
    multiple=True,
    metavar="PACKAGE",
    help='Let this package see the platform: sys.platform, os.name, missing names. "__main__" is the program itself. '
    "(Repeatable.)",
)
@click.option("-m", "module", metavar="MODULE", help="Execute a module, as python -m does.")
@click.argument("arguments", metavar="[SCRIPT] [ARGUMENT]...", nargs=-1, type=click.UNPROCESSED)
def exec_(name: str, packages: Sequence[str], module: str | None, arguments: Sequence[str]) -> int:
    """Execute a Python program whose asyncio is another platform's.

    asyncio.run(), the loop classes and the policies are those of the emulated platform; a real backend only makes the
    loops.
    """
    if module is None and not arguments:
        raise click.UsageError("name a script, or a module after -m")
    try:
        return executing.execute(backends.find(name), packages, module=module, arguments=arguments)
    except (backends.BackendError, executing.ExecutionError) as error:
        complain(str(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
