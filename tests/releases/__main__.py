"""Install releases of real loops from before and after a fix, and say whether the suite tells them apart."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import environments, pairs, runner


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "everyloop-releases")


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  python -m tests.releases                          all pairs
  python -m tests.releases uvloop                   those of a package
  python -m tests.releases rloop-serves-forever     one

Exit status: 0 if all are told apart, 1 if one is not, 2 usage (or a release that cannot be installed).
""",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=_cache,
    show_default="$XDG_CACHE_HOME/everyloop-releases",
    metavar="D",
    help="Where the virtual environments are kept.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds a case may take before it counts as a hang.",
)
def main(names: Sequence[str], folder: Path, timeout: float) -> None:
    """Run the cases of pairs.toml on the release before a fix and on the release with it.

    NAME is a pair or a package. Without any, all pairs are run.
    """
    outcomes: list[runner.Outcome] = []
    try:
        for pair in _chosen(names):
            outcome = runner.judge(pair, folder.resolve(), timeout)
            outcomes.append(outcome)
            click.echo(describe(outcome))
    except environments.EnvironmentError as error:
        raise click.UsageError(str(error)) from None
    except runner.RunError as error:
        raise click.ClickException(str(error)) from None
    alike = sum(not outcome.told_apart for outcome in outcomes)
    click.echo(f"{len(outcomes)} pairs: {len(outcomes) - alike} told apart, {alike} not")
    sys.exit(1 if alike else 0)


def describe(outcome: runner.Outcome) -> str:
    """Say of a pair whether it was told apart and, in a line each, the verdicts of its cases before and after."""
    pair = outcome.pair
    lines = [f"{'told apart' if outcome.told_apart else 'NOT'}  {pair.name} {pair.before} -> {pair.fixed}: {pair.bug}"]
    lines += [f"    {case}: {outcome.before[case]} -> {outcome.fixed[case]}" for case in pair.cases]
    return "\n".join(lines)


def _chosen(names: Sequence[str]) -> list[pairs.Pair]:
    known = pairs.read()
    for name in names:
        if not any(name in {pair.name, pair.package} for pair in known):
            raise click.BadParameter(f"there is no pair or package {name!r}", param_hint="NAME")
    return [pair for pair in known if not names or not {pair.name, pair.package}.isdisjoint(names)]


if __name__ == "__main__":
    main(prog_name="python -m tests.releases")
