"""``everyloop exec``: any program on another platform's loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import backends, completing, executing
from .audit.document import ReportError
from .audit.program import Audit
from .commands import INTERRUPTED, USAGE, Command, complain

_AUDIT = "--audit"


class _Exec(Command):
    """Takes ``--audit`` with and without a value; what follows it is the program, not its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let the value be what follows the ``=``, or nothing."""
        valued = {name for param in self.params if isinstance(param, click.Option) for name in param.opts}
        words = iter(args)
        for place, word in enumerate(words):
            if not word.startswith("-") or word == "--":
                break
            if word == _AUDIT:
                args[place] = f"{_AUDIT}="
            elif word in valued:
                next(words, None)
        return super().parse_args(ctx, args)


@click.command(
    "exec",
    short_help="Execute a program whose asyncio is another platform's.",
    cls=_Exec,
    # What follows the program is the program's.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""
Examples:
  everyloop exec --on windows-selector program.py --port 0
  everyloop exec --on windows-selector --impersonate myapp -m myapp
  everyloop exec --on macos-10.8 -m pytest tests
  everyloop exec --on windows-selector@max_sockets=64 -m unittest
  everyloop exec --audit program.py
  everyloop exec --audit=report.sarif --on uvloop -m myapp

Exit status: the program's; 2 if it cannot be executed there, 130 after Ctrl-C.
""",
)
@click.option(
    "--on",
    "name",
    metavar="BACKEND",
    shell_complete=completing.asyncio_backends,
    help="What `everyloop list backends` shows. (Required; with --audit it is asyncio if it is not given.)",
)
@click.option(
    "--impersonate",
    "packages",
    multiple=True,
    metavar="PACKAGE",
    help='Let this package see the platform: sys.platform, os.name, missing names. "__main__" is the program itself. '
    "(Repeatable.)",
)
@click.option("-m", "module", metavar="MODULE", help="Execute a module, as python -m does.")
@click.option(
    _AUDIT,
    "report",
    metavar="[=REPORT]",
    help="Record what the program asks of its event loops, and tell in the end which loops and platforms it would run "
    "on; also into a report, .json or .sarif.",
)
@click.argument(
    "arguments", metavar="[SCRIPT] [ARGUMENT]...", nargs=-1, type=click.UNPROCESSED, shell_complete=completing.files
)
def exec_(
    name: str | None, packages: Sequence[str], module: str | None, report: str | None, arguments: Sequence[str]
) -> int:
    """Execute a Python program whose asyncio is another platform's.

    asyncio.run(), the loop classes and the policies are those of the emulated platform; a real backend only makes the
    loops.
    """
    if module is None and not arguments:
        raise click.UsageError("name a script, or a module after -m")
    if name is None and report is None:
        raise click.UsageError("Missing option '--on'.")
    audit = None
    try:
        if report is not None:
            audit = Audit(Path(report) if report else None)
        backend = backends.find(name or "asyncio")
        return executing.execute(backend, packages, module=module, arguments=arguments, watching=audit)
    except (backends.BackendError, executing.ExecutionError, ReportError) as error:
        if audit is not None:
            audit.silent = True
        complain(str(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
