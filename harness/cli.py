"""The command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import inherited, results
from .cli_exec import exec_
from .cli_list import list_
from .cli_probe import probe
from .cli_run import run
from .commands import AS_EXPECTED, HARNESS_FAILED, INTERRUPTED, USAGE, Group, complain
from .pool import PoolError
from .version import VERSION


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
Examples:
  everyloop run uvloop                    judge uvloop
  everyloop run mypackage.loops:new_loop  judge your own loop
  everyloop probe                         what loops and platforms can do, measured
  everyloop list backends                 what can be judged here
  everyloop exec --on windows-selector program.py

Exit status: 0 as expected, 1 not as expected, 2 usage or a backend that cannot be run,
3 everyloop itself failed, 130 interrupted (the results so far are written).
""",
)
@click.version_option(VERSION, prog_name="everyloop")
def cli() -> None:
    """Find out whether an event loop does everything that asyncio promises."""


@cli.command(
    epilog="""
Examples:
  everyloop merge linux.json macos.json -o all.json
  everyloop merge out.json.journal -o out.json    complete what a killed run left behind
"""
)
@click.argument("sources", metavar="R.json...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="ALL.json")
def merge(sources: Sequence[Path], target: Path) -> int:
    """Make one results document of several, or of the journal of a run that was killed."""
    try:
        runs = [found for source in sources for found in results.read(source)["runs"]]
        results.write(target, results.document(runs))
    except results.DocumentError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error.strerror}") from None
    return AS_EXPECTED


for command in (exec_, list_, probe, run):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its status."""
    inherited.open_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # else a detail that the encoding lacks would end in a traceback
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = USAGE
    except click.ClickException as error:
        complain(error.format_message())
        status = USAGE
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except PoolError as error:
        complain(f"everyloop itself failed: {error}")
        status = HARNESS_FAILED
    sys.exit(status)
