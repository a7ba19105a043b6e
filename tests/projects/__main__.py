"""Libraries of the package index: whether their own tests pass on other platforms, and whose fault it is if not."""

from __future__ import annotations

import collections
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import running
from .recipes import BACKENDS, Difference, Project, read

EXAMPLES = 3  # of the tests that failed alike


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  python -m tests.projects                                 all of them
  python -m tests.projects aiosqlite tornado               these two
  python -m tests.projects anyio --on windows-proactor     on one platform only

Exit status: 0 if every difference is known and every known one is seen, 1 if not or a project did not run, 2 usage.
""",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--on", "on", multiple=True, type=click.Choice(BACKENDS), help="Only on this backend (repeatable).")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=running.ROOT / "build" / "projects",
    show_default="build/projects",
    help="Folder for the environments, sdists and what pytest said; what is there is used again.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds that all tests of a project may take on a platform.",
)
def main(names: Sequence[str], on: Sequence[str], into: Path, timeout: float) -> None:
    """Run the tests of libraries of the package index natively and on other platforms' loops.

    NAME is a project of projects.toml. Without any, all are run. What fails on a platform and not natively is printed,
    by limit or exception, with whose it is.
    """
    known = read()
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"there is no project {unknown[0]!r}: {', '.join(known)}", param_hint="NAME")
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    try:
        wheel = running.our_wheel(into)
    except running.RunError as error:
        raise click.ClickException(str(error)) from None
    open_ends = 0
    for name in names or known:
        try:
            open_ends += compare(known[name], wheel, into, on or BACKENDS, timeout)
        except running.RunError as error:
            click.echo(f"  did not run: {error}")
            open_ends += 1
    sys.exit(1 if open_ends else 0)


def compare(project: Project, wheel: Path, into: Path, on: Sequence[str], timeout: float) -> int:
    """Run a project's tests everywhere, print what differs, and return how many differences nobody knows.

    Raises:
        RunError: it could not be installed, or its tests could not be run natively.
    """
    click.echo(f"{project.name} {project.version} ({project.kind})")
    home = running.installed(project, wheel, into)
    native = running.tests(project, home, None, timeout)
    click.echo(f"  native: {_counts(native)}")
    unknown = 0
    for backend in on:
        try:
            there = running.tests(project, home, backend, timeout)
        except running.RunError as error:
            click.echo(f"  {backend}: did not run: {error}")
            unknown += 1
            continue
        click.echo(f"  {backend}: {_counts(there)}")
        for line, is_known in differences(project, backend, native, there):
            click.echo(f"    {line}")
            unknown += not is_known
        for difference in gone(project, backend, native, there):
            click.echo(f"    not seen any more: {difference.verdict}: {difference.because}")
            unknown += 1
    return unknown


def differences(project: Project, backend: str, native: running.Tests, there: running.Tests) -> list[tuple[str, bool]]:
    """Return a line for each kind of failure that is not native, and whether somebody has looked into it."""
    kinds: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for test, failure in there.failed.items():
        if test not in native.failed:
            why = project.why(backend, test, failure.error)
            whose = f"{why.verdict}: {why.because}" if why else ""
            kinds[whose, failure.limit or running.alike(failure.error)].append(test)
    lines = []
    for (whose, kind), tests in sorted(kinds.items(), key=lambda item: -len(item[1])):
        names = ", ".join(tests[:EXAMPLES]) + (", …" if len(tests) > EXAMPLES else "")
        lines.append((f"{len(tests)} of {kind} [{whose or 'NOT LOOKED INTO'}] {names}", bool(whose)))
    return lines


def gone(project: Project, backend: str, native: running.Tests, there: running.Tests) -> list[Difference]:
    """Return the differences that are known on a backend and that no test shows."""
    shown = {
        project.why(backend, test, failure.error) for test, failure in there.failed.items() if test not in native.failed
    }
    return [known for known in project.known if backend in known.on and known not in shown]


def _counts(tests: running.Tests) -> str:
    again = f" ({len(tests.again)} of them at the second try)" if tests.again else ""
    return f"{len(tests.passed)} passed{again}, {len(tests.failed)} failed, {tests.skipped} skipped"


if __name__ == "__main__":
    main(prog_name="python -m tests.projects")
