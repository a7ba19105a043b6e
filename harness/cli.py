"""The command line."""

from __future__ import annotations

import io
import sys

import click

from . import inherited
from .cli_compare import compare
from .cli_completion import completion
from .cli_exec import exec_
from .cli_list import list_
from .cli_merge import merge
from .cli_probe import probe
from .cli_report import report
from .cli_run import run
from .commands import HARNESS_FAILED, INTERRUPTED, USAGE, Group, complain
from .documents import DocumentError
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
  everyloop report out.json --html out.html    results as a page
  everyloop compare old.json new.json     what differs
  everyloop exec --on windows-selector program.py    a program on Windows' loop
  everyloop COMMAND --help                what it means, all options, examples

Exit status: 0 as expected, 1 not as expected, 2 usage or a backend that cannot be run,
3 everyloop itself failed, 130 interrupted (the results so far are written).
""",
)
@click.version_option(VERSION, prog_name="everyloop")
def cli() -> None:
    """Find out whether an event loop does everything that asyncio promises.

    And whether a program runs on every loop and platform: Windows' and macOS' loops, emulated on Linux.
    """


for command in (compare, completion, exec_, list_, merge, probe, report, run):
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
    except DocumentError as error:  # what any of the commands was given to read
        complain(str(error))
        status = USAGE
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except PoolError as error:
        complain(f"everyloop itself failed: {error}")
        status = HARNESS_FAILED
    sys.exit(status)
