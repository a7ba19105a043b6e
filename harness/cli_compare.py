"""``everyloop compare``: what differs between two documents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from ..conformance import catalogue
from . import comparing, fidelity, merging, results, terminal
from .commands import AS_EXPECTED, NOT_AS_EXPECTED, Command, file_option
from .comparing import Change, said
from .escaping import line as harmless


@click.command(
    cls=Command,
    epilog="""
Examples:
  everyloop compare old.json new.json          what changed, of each backend that is in both
  everyloop compare asyncio.json uvloop.json   two loops: one run in each file
  everyloop compare -q old.json new.json       one line for each pair of runs
  everyloop compare --emulated linux.json windows.json --differences known.toml

Runs of the same backend are compared, on the same platform and Python if both files have them. The
exit status is 1 if anything differs: a verdict, what a case left behind, a case or a backend that
only one of them has.

With --emulated, windows-selector in A is held against asyncio-selector in B, windows-proactor
against asyncio-proactor, macos against asyncio-kqueue, each on the same version of Python. The
share of the cases that agree is our fidelity. Every other case must be in the --differences file:

  [[difference]]
  backend = "windows-selector"
  case = "pipes::*"
  emulated = "unsupported"
  real = "pass"
  reason = "why"
""",
)
@click.argument("before", metavar="A.json", type=click.Path(path_type=Path))
@click.argument("after", metavar="B.json", type=click.Path(path_type=Path))
@click.option("--emulated", is_flag=True, help="Hold emulated loops in A against the real ones in B.")
@file_option("--differences", "With --emulated: the known differences, each with a reason (TOML).")
@click.option("-q", "--quiet", is_flag=True, help="One line for each pair of runs.")
@click.option("-v", "--verbose", is_flag=True, help="The details of both sides, and the known differences.")
def compare(
    before: Path, after: Path, emulated: bool, differences_file: Path | None, quiet: bool, verbose: bool
) -> int:
    """Show what differs between two results documents."""
    if differences_file is not None and not emulated:
        raise click.UsageError("--differences needs --emulated")
    console = terminal.output()
    left, right = merging.read_all([before]), merging.read_all([after])
    if not emulated:
        return _compare(console, comparing.compare(left, right), quiet, verbose)
    try:
        reasons = [] if differences_file is None else fidelity.read(differences_file)
        report = fidelity.measure(left, right, reasons)
    except fidelity.FidelityError as error:
        raise click.ClickException(str(error)) from None
    return _fidelity(console, report, differences_file, quiet, verbose)


def _compare(console: Console, comparison: comparing.Comparison, quiet: bool, verbose: bool) -> int:
    different = bool(comparison.only_before or comparison.only_after)
    for pair in comparison.pairs:
        changes = list(pair.changes())
        different = different or bool(changes)
        cases = len({result["case"] for run in (pair.before, pair.after) for result in run["results"]})
        _print(console, f"{_sides(pair)}: {len(changes)} of {cases} cases differ", "bold")
        if not quiet:
            _print_changes(console, changes, verbose)
    for runs, where in ((comparison.only_before, "A"), (comparison.only_after, "B")):
        for run in runs:
            _print(console, f"{results.label(run)}: only in {where}", "bold")
    return NOT_AS_EXPECTED if different else AS_EXPECTED


def _fidelity(console: Console, report: fidelity.Report, path: Path | None, quiet: bool, verbose: bool) -> int:
    for found in report.found:
        summary = (
            f"{_sides(found.pair)}: {found.score:.2%} fidelity, {found.agreeing} of {found.judged} cases judged alike; "
            f"{len(found.explained)} known differences, {len(found.unexplained)} unknown"
        )
        _print(console, summary, "bold")
        if not quiet:
            _print_changes(console, found.unexplained, verbose)
        for change, reason in found.explained if verbose and not quiet else ():
            _print_changes(console, [change], verbose)
            _print(console, f"      reason: {reason.reason} ({path}:{reason.line})")
    for reason in report.stale:
        _print(console, f"{path}:{reason.line}: {', '.join(reason.cases)} explains no difference", "bold yellow")
    for run in report.alone:
        _print(console, f"{results.label(run)}: the real loop's run on this Python is not in B", "dim")
    good = not report.stale and not any(found.unexplained for found in report.found)
    return AS_EXPECTED if good else NOT_AS_EXPECTED


def _sides(pair: comparing.Pair) -> str:
    before, after = results.label(pair.before), results.label(pair.after)
    return before if before == after else f"{before} → {after}"


def _print_changes(console: Console, changes: Iterable[Change], verbose: bool) -> None:
    behaviour = None
    for change in changes:
        result = change.result
        if result["behaviour"] != behaviour:
            behaviour = result["behaviour"]
            known = catalogue.behaviours().get(behaviour)
            _print(console, f"{behaviour} {result['level']}" + (f"  {known.statement}" if known else ""))
        _print(console, f"  {said(change.before)} → {said(change.after)}  {result['case']}")
        if verbose:
            for side, found in (("A", change.before), ("B", change.after)):
                for line in (found["detail"] or "").splitlines() if found else ():
                    _print(console, f"      {side}: {line}", "dim")


def _print(console: Console, line: str, style: str = "") -> None:
    console.print(Text(harmless(line), style), soft_wrap=True)
