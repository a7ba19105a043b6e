"""The suite's power: run it on broken loops and say which it catches, and by which case."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import runner
from .declare import Mutant

EXAMPLES = 3  # of the cases that caught a mutant


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  python -m tests.mutants                                  all of them
  python -m tests.mutants readers sockets -n 2             those of two modules
  python -m tests.mutants readers:removes_both -v          one, with every case that catches it

Exit status: 0 if all are caught, 1 if one survives, 2 usage.
""",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "-n",
    "workers",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="one per CPU",
    metavar="N",
    help="Worker processes that run cases at the same time.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3.0,
    show_default=True,
    metavar="S",
    help="Seconds a case may take before it counts as a hang.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="F",
    help="Write every mutant and the cases that catch it here.",
)
@click.option("-v", "--verbose", is_flag=True, help="Every case that catches a mutant, not only the first three.")
def main(names: Sequence[str], workers: int, timeout: float, json_file: Path | None, verbose: bool) -> None:
    """Run the conformance suite on mutants, each over its areas, and say what catches them.

    NAME is a module of tests/mutants or module:mutant. Without any, all mutants are run.
    """
    outcomes: list[runner.Outcome] = []
    try:
        for outcome in runner.judge(_chosen(names), workers=workers, timeout=timeout):
            outcomes.append(outcome)
            click.echo(describe(outcome, verbose))
    except runner.RunError as error:
        raise click.ClickException(str(error)) from None
    if json_file is not None:
        runner.write(json_file, outcomes)
    survivors = sum(not outcome.evidence for outcome in outcomes)
    click.echo(f"{len(outcomes)} mutants: {len(outcomes) - survivors} caught, {survivors} survived")
    sys.exit(1 if survivors else 0)


def describe(outcome: runner.Outcome, verbose: bool = False) -> str:
    """Say in a line whether a mutant was caught and by what; in more lines with all of the cases."""
    name = _short(outcome.mutant)
    if not outcome.evidence:
        return f"SURVIVED {name} [{', '.join(outcome.mutant.areas)}]: {outcome.mutant.bug}"
    count = len(outcome.evidence)
    line = f"caught   {name} by {count} case{'s' if count > 1 else ''} in {outcome.seconds:.1f} s: "
    if verbose:
        return line + "".join(f"\n           {evidence}" for evidence in outcome.evidence)
    return line + ", ".join(map(str, outcome.evidence[:EXAMPLES])) + (", ..." if count > EXAMPLES else "")


def _chosen(names: Sequence[str]) -> list[Mutant]:
    known = runner.mutants()
    for name in names:
        if not any(_is_named(mutant, name) for mutant in known):
            raise click.BadParameter(f"there is no mutant {name!r}", param_hint="NAME")
    return [mutant for mutant in known if not names or any(_is_named(mutant, name) for name in names)]


def _is_named(mutant: Mutant, name: str) -> bool:
    return name in {_short(mutant), _short(mutant).partition(":")[0]}


def _short(mutant: Mutant) -> str:
    return mutant.backend.removeprefix(f"{__package__}.")


if __name__ == "__main__":
    main(prog_name="python -m tests.mutants")
