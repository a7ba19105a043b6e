"""What a person sees of a run: a progress line while it lasts, then the matrix and every verdict that is not good."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..conformance import catalogue
from ..conformance.scripts.programs import SHEBANG
from ..fake_selectors import limits
from . import results
from .baselines import Difference
from .commands import complain
from .escaping import line as harmless
from .judging import GOOD, VERDICTS, counts
from .running import is_expected

_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "deviation": "yellow",
    "unsupported": "magenta",
    "crash": "bold red",
    "hang": "bold red",
    "info": "cyan",
    "skip": "dim",
    "error": "bold white on red",
}
_DETAIL_LINES = 6


class _Output(Console):
    """A console whose reader may have seen enough (``| head -1``): the exit status stays that of the command."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # what is still buffered has to go somewhere at exit
        os.close(null)


def output() -> Console:
    """The console of the answer: standard output, wide enough for ids when it is no terminal."""
    console = _Output(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    return console


def diagnostics() -> Console:
    """The console of progress and warnings: standard error."""
    return Console(stderr=True, highlight=False)


class Quiet:
    """A reporter that says nothing: in CI, in pipes, with ``--quiet``."""

    def begin(self, backend: str, cases: int) -> None:
        """A backend's cases begin."""

    def verdict(self, backend: str, result: results.Result) -> None:
        """A case has a verdict."""

    def phase(self, backend: str, phase: str, cases: int) -> None:
        """Some are tried again."""

    def warn(self, line: str) -> None:
        """Something happened that people must know of."""
        complain(line)

    def close(self) -> None:
        """The run has ended."""


class Live(Quiet):
    """A reporter that keeps one line a backend up to date on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, collections.Counter[str]] = {}
        self._progress.start()

    def begin(self, backend: str, cases: int) -> None:
        """Start a backend's line."""
        self._tasks[backend] = self._progress.add_task(backend, total=cases, note="")
        self._counts[backend] = collections.Counter()

    def verdict(self, backend: str, result: results.Result) -> None:
        """Move it on."""
        self._counts[backend][result["verdict"]] += 1
        self._progress.update(self._tasks[backend], advance=1, note=counts(self._counts[backend]))

    def phase(self, backend: str, phase: str, cases: int) -> None:
        """Say what is done again."""
        note = f"{counts(self._counts[backend])} · {cases} {phase}"
        self._progress.update(self._tasks[backend], note=note, refresh=True)

    def warn(self, line: str) -> None:
        """Say it above the lines."""
        self._progress.console.print(Text(f"everyloop: {line}"), soft_wrap=True)

    def close(self) -> None:
        """Take the lines away."""
        self._progress.stop()


def reporter(console: Console, quiet: bool) -> Quiet:
    """Return the reporter that fits where standard error goes."""
    return Quiet() if quiet or not console.is_terminal or "CI" in os.environ else Live(console)


def matrix(runs: Sequence[results.Run]) -> Table:
    """Return the table of areas down and backends across, a count per verdict in each cell."""
    table = Table(box=None, pad_edge=False, show_footer=True, header_style="bold", padding=(0, 3, 0, 0))
    titles = {area.code: area.title for area in catalogue.areas()}
    present = {result["area"] for run in runs for result in run["results"]}
    table.add_column("area", footer="all", vertical="top")
    headers = results.told_apart(runs, lambda run: f"{results.title(run)} {run['version']}")
    for run, header in zip(runs, headers, strict=True):
        table.add_column(header, footer=_cell(run["results"]), vertical="top")
    for code in (code for code in titles if code in present):
        cells = [_cell([r for r in run["results"] if r["area"] == code]) for run in runs]
        table.add_row(f"{code}  {titles[code]}", *cells)
    return table


def _cell(found: Sequence[results.Result]) -> Text:
    count = collections.Counter(result["verdict"] for result in found)
    unclean = sum(result["cleanup"] != "clean" and result["verdict"] not in {"crash", "hang"} for result in found)
    flaky = sum(result["flaky"] for result in found)
    parts = [Text(f"{count[verdict]} {verdict}", _STYLES[verdict]) for verdict in VERDICTS if count[verdict]]
    parts += [Text(f"{unclean} unclean", "yellow")] if unclean else []
    parts += [Text(f"{flaky} flaky", "yellow")] if flaky else []
    return Text(", ").join(parts) if parts else Text("-", "dim")


def show(
    console: Console,
    runs: Sequence[results.Run],
    *,
    quiet: bool,
    verbose: bool,
    differences: Sequence[Difference] | None = None,
) -> None:
    """Print the answer of a run; if it is held against a baseline, what differs comes first, and is all but for -v."""
    if quiet:
        for run, name in zip(runs, results.told_apart(runs, results.title), strict=True):
            verdicts = collections.Counter(result["verdict"] for result in run["results"])
            news = "" if differences is None else f"; {sum(d.run is run for d in differences)} not as in the baseline"
            console.print(Text(f"{name}: {counts(verdicts)}{news}"), soft_wrap=True)
        return
    if not runs:
        return
    if differences is not None:
        for line in _differing(differences, verbose):
            console.print(line, soft_wrap=True)
    console.print(matrix(runs))
    everything = differences is None
    told = {id(difference.result) for difference in differences or ()}
    for run in runs:
        shown = [r for r in run["results"] if verbose or r["flaky"] or (everything and not is_expected(r))]
        shown = [result for result in shown if verbose or id(result) not in told]
        alike = {} if verbose else _left_behind(shown)
        shown = [result for result in shown if result["cleanup"] not in alike or result["verdict"] not in GOOD]
        explained = _explained(run["results"]) if everything and not verbose else {}
        if shown or alike or explained:
            console.print()
            console.print(Text(_title(run), "bold"))
        for limit, verdicts in explained.items():
            for line in _limit(limit, verdicts):
                console.print(line, soft_wrap=True)
        for cleanup, cases in alike.items():
            summary = (
                f"  {len(cases)} good cases, {cases[0]} the first (-v shows all)\n    cleanup: {harmless(cleanup)}"
            )
            console.print(Text.assemble(("unclean", "yellow"), summary), soft_wrap=True)
        for behaviour, group in itertools.groupby(shown, key=lambda result: result["behaviour"]):
            together = list(group)
            lines = (line for result in together for line in _lines(result, verbose))
            for line in [*_broken(behaviour, together), *lines]:
                console.print(line, soft_wrap=True)
    for run in runs:
        for result in run["results"]:
            for line in _program(run, result) if everything or id(result) in told else ():
                console.print(line, soft_wrap=True)
    if any(run.get("incomplete") for run in runs):
        console.print(Text("incomplete: the run was ended before every case had its verdict", "bold yellow"))


def show_slowest(console: Console, runs: Sequence[results.Run], count: int) -> None:
    """Print the cases that took longest, in seconds."""
    for run, name in zip(runs, results.told_apart(runs, results.title), strict=True):
        console.print()
        console.print(Text(f"{name}: the slowest cases", "bold"))
        for result in sorted(run["results"], key=lambda result: result["duration"], reverse=True)[:count]:
            console.print(Text(f"{result['duration']:8.3f} s  {harmless(result['case'])}"), soft_wrap=True)


def _differing(differences: Sequence[Difference], verbose: bool) -> Iterator[Text]:
    """What is not as in the baseline, by backend and behaviour."""
    for _, of_run in itertools.groupby(differences, key=lambda difference: id(difference.run)):
        found = list(of_run)
        yield Text(f"{_title(found[0].run)}: {len(found)} not as in the baseline", "bold")
        for behaviour, group in itertools.groupby(found, key=lambda difference: difference.result["behaviour"]):
            together = list(group)
            yield from _broken(behaviour, [difference.result for difference in together])
            for difference in together:
                first, *others = _lines(difference.result, verbose)
                yield first
                expected = difference.expected
                known = "" if expected is None else f" (line {expected.line})"
                yield Text(f"      expected: {'pass' if expected is None else harmless(str(expected))}{known}", "bold")
                if expected is not None and expected.reason:
                    yield Text(f"      reason: {harmless(expected.reason)}")
                yield from others
        yield Text()


def _explained(found: Sequence[results.Result]) -> dict[str, collections.Counter[str]]:
    """How many verdicts each documented limit explains."""
    verdicts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in found:
        if result["limit"] is not None:
            verdicts[result["limit"]][result["verdict"]] += 1
    return verdicts


def _limit(name: str, verdicts: collections.Counter[str]) -> Iterator[Text]:
    """A limit and what it explains; its sentence and source, unless a document has it from another version of ours."""
    yield Text.assemble(("limit", "cyan"), f"  {harmless(name)} explains {counts(verdicts)}")
    for limit in limits.LIMITS:
        if limit.id == name:
            yield Text(f"    {limit.forbids}")
            yield Text(f"    {limit.source}", "dim")


def _title(run: results.Run) -> str:
    return f"{results.title(run)} {run['version']} ({run['loop']}), Python {run['python']}, {run['platform']}"


def _left_behind(shown: Sequence[results.Result]) -> dict[str, list[str]]:
    """What several good cases left behind alike, with the cases: one defect, not as many as there are cases."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for result in shown:
        if result["verdict"] in GOOD and result["cleanup"] != "clean" and not result["flaky"]:
            found[result["cleanup"]].append(result["case"])
    return {cleanup: cases for cleanup, cases in found.items() if len(cases) > 1}


def _broken(name: str, cases: Sequence[results.Result]) -> Iterator[Text]:
    """The behaviour that the cases below it are about, and its sentence and source if one of them breaks it."""
    behaviour = catalogue.behaviours().get(name)
    if behaviour is not None and not all(map(is_expected, cases)):
        yield Text.assemble((f"{name} {behaviour.level}", "bold"), f"  {behaviour.statement}")
        yield Text(f"    {behaviour.source}", "dim")


def _lines(result: results.Result, verbose: bool) -> Iterator[Text]:
    yield Text.assemble(
        "  ",
        (result["verdict"], _STYLES[result["verdict"]]),
        (" (flaky)" if result["flaky"] else "", "yellow"),
        f"  {result['case']}",
    )
    if result["cleanup"] != "clean" and result["verdict"] not in {"crash", "hang"}:
        yield Text(f"      cleanup: {harmless(result['cleanup'])}", "yellow")
    if result["limit"] is not None:
        yield Text(f"      limit: {harmless(result['limit'])}", "cyan")
    said, _, _ = (result["detail"] or "").partition(SHEBANG)
    detail = [harmless(line) for line in said.splitlines() if line.strip()]
    shown = detail if verbose or len(detail) <= _DETAIL_LINES else [*detail[:_DETAIL_LINES], "… (-v shows all)"]
    for line in shown:
        yield Text(f"      {line}", "cyan" if is_expected(result) else "")


def _program(run: results.Run, result: results.Result) -> Iterator[Text]:
    """The program that shows what a property-based case found, to be copied as it is."""
    _, found, program = (result["detail"] or "").partition(SHEBANG)
    if found:
        yield Text(f"\n# {result['case']} on {results.title(run)}: the rest is a program that shows it", "bold")
        for line in (SHEBANG + program).splitlines():
            yield Text(harmless(line))
        yield Text("# the end of the program", "bold")
