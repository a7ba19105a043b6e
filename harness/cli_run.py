"""``everyloop run``: judge loops."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from ..conformance import catalogue
from . import backends, baseline_update, completing, documents, places, results, terminal
from .baselines import Baseline, BaselineError
from .commands import (
    AS_EXPECTED,
    HARNESS_FAILED,
    INTERRUPTED,
    NOT_AS_EXPECTED,
    USAGE,
    Command,
    Seconds,
    complain,
    count_option,
    file_option,
    run_async,
    timeout_option,
)
from .orders import Effort, Equipment, Selection
from .pool import PoolError, SelectionError
from .reports import writing
from .reports.content import Content
from .running import Session, is_expected

_MOST_SHARDS = 10_000


def _shard(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Return both numbers of ``K/N``, the part K, from 1, of N."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= _MOST_SHARDS:
        raise click.BadParameter(f"{text!r} is no shard: write K/N, such as 2/3, with K from 1 to N")
    return number, of


@click.command(
    cls=Command,
    epilog="""
Examples:
  everyloop run                           every real backend that is installed
  everyloop run asyncio uvloop rloop      three side by side
  everyloop run uvloop --area FD -k pipe  the cases about descriptors whose names contain "pipe"
  everyloop run uvloop --durations 10     and show the ten slowest cases
  everyloop run uvloop --json out.json    the results as a document; `everyloop merge` joins several
  everyloop run uvloop --html out.html    the results as a page; `everyloop report` makes more
  everyloop run uvloop --fuzz 60          then try random scripts for a minute
  everyloop run uvloop --baseline known.toml --update-baseline    write down what is known of it
  everyloop run uvloop --baseline known.toml                      from now on, only news count
  everyloop run windows-proactor@faults=accept-64,seed=7    knobs: see `everyloop list platforms`
  everyloop run uvloop --shard 2/3 --json 2.json            a third of the cases; `merge` joins them
  everyloop run uvloop --dist popen//python=python3.12 --dist ssh=host//python=python3.13

Verdicts:
  pass          the loop does what is promised
  fail          it does not, and it is documented, or relied on everywhere (a must)
  deviation     it does not, and the standard library's loops do (a should)
  unsupported   the method is absent or not implemented, or refuses a documented keyword
  crash, hang   the process died, or gave no verdict in time: the detail has the stack
  info          what is up to the loop: recorded, never wrong
  skip          this machine, or this Python, lacks something that the case needs
  error         the standard library's loop is no better here: not this loop's fault
What a case leaves behind - descriptors, threads, processes, handlers - is told beside its verdict.

Exit status: 0 as expected: all good, explained by a documented limit, or in the baseline; 1 not;
2 usage, or a backend that cannot be run; 3 everyloop itself failed; 130 interrupted, and what was
found until then is written.
""",
)
@click.argument("names", metavar="[BACKEND]...", nargs=-1, shell_complete=completing.asyncio_backends)
@count_option("workers", "Worker processes that run cases at the same time.")
@click.option(
    "-k",
    "keyword",
    metavar="EXPR",
    default="",
    shell_complete=completing.cases,
    help='Only cases that match, as in pytest -k: "pipe and not cancel". `everyloop list cases` shows all names.',
)
@click.option(
    "--area",
    "areas",
    multiple=True,
    metavar="A",
    shell_complete=completing.areas,
    help="Only this area, such as FD (repeatable): what `everyloop list behaviours` shows before the dash.",
)
@click.option(
    "--level",
    type=click.Choice(catalogue.LEVELS),
    default="info",
    show_default=True,
    help="How much to run: must, what is documented or relied on everywhere; should, also what the standard "
    "library's loops do; info, also what is up to the loop.",
)
@click.option("--shard", callback=_shard, metavar="K/N", help="Only part K of N; `everyloop merge` joins the parts.")
@click.option(
    "--dist",
    "gateways",
    multiple=True,
    metavar="SPEC",
    help="Run at a gateway of execnet: popen//python=P, another Python; ssh=HOST, another machine (repeatable).",
)
@timeout_option(10.0, "Seconds a case may take before it counts as a hang.")
@file_option("--json", "Write the results document here; while the run lasts, F.journal has every verdict.")
@file_option(
    "--baseline", "Expect what this TOML file says: only what differs from it counts, for better or for worse."
)
@writing.options
@click.option("--update-baseline", is_flag=True, help="Write what was found into the baseline; its comments stay.")
@click.option(
    "--fuzz",
    type=Seconds(),
    metavar="S",
    help="Then let the property-based cases try random scripts for S seconds; what one finds is printed as a program.",
)
@click.option(
    "--fuzz-seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Begin with the scripts of this seed, which the detail of a finding names.",
)
@click.option(
    "--durations", type=click.IntRange(min=1), metavar="N", help="Also show the N slowest cases of a backend."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, one line a backend.")
@click.option("-v", "--verbose", is_flag=True, help="Every case, with all of its detail.")
def run(
    names: Sequence[str],
    workers: int,
    keyword: str,
    areas: Sequence[str],
    level: catalogue.Level,
    shard: tuple[int, int] | None,
    gateways: Sequence[str],
    timeout: float,
    json_file: Path | None,
    baseline_file: Path | None,
    update_baseline: bool,
    fuzz: float | None,
    fuzz_seed: int | None,
    durations: int | None,
    quiet: bool,
    verbose: bool,
    **report_files: Path | None,
) -> int:
    """Run the cases on event loops and judge them.

    BACKEND is a name that `everyloop list backends` shows, or package.module:factory, a function that makes a loop.
    Without any, every real backend that is installed is run.
    """
    effort = _effort(fuzz, fuzz_seed)
    reports = writing.wanted(report_files)
    chosen = tuple(dict.fromkeys(names))
    selection = Selection(keyword, _checked_areas(areas), _levels_down_to(level), shard)
    baseline = _read_baseline(baseline_file, update_baseline)
    said = click.get_current_context().get_parameter_source("workers") is not ParameterSource.DEFAULT
    equipment = Equipment(chosen, workers if said else None, timeout, selection, with_cases=baseline is not None)
    work = _Work(terminal.reporter(terminal.diagnostics(), quiet), effort, baseline)
    with contextlib.closing(work.live):
        opening = _places(gateways, equipment, work.live)
        journal = None if json_file is None else _journal_beside(json_file)
        problem: BaseException | None = None
        try:
            run_async(work.run(opening, journal))
        except (KeyboardInterrupt, PoolError, SelectionError, BaselineError, OSError) as error:
            problem = error
    runs, refused, lost = work.runs, work.refused, work.lost
    if problem is None and not refused and not lost and not any(map(_has_cases, runs)):
        problem = SelectionError("no case matches: `everyloop list cases` shows all")
    if isinstance(problem, SelectionError | BaselineError):
        if journal is not None:
            journal.discard()
        raise click.ClickException(str(problem))
    if json_file is not None and journal is not None:
        documents.write(json_file, results.document(runs))
        journal.discard()
    differences = None if baseline is None else baseline.differences(runs)
    terminal.show(terminal.output(), runs, quiet=quiet, verbose=verbose, differences=differences)
    if durations is not None:
        terminal.show_slowest(terminal.output(), runs, durations)
    for line in [*refused, *lost]:
        complain(line)
    writing.write(reports, Content(runs, baseline))
    if isinstance(problem, KeyboardInterrupt):
        complain("interrupted: the results are those so far")
        return INTERRUPTED
    if problem is not None:
        complain(f"everyloop itself failed: {problem}")
        return HARNESS_FAILED
    if lost:
        return HARNESS_FAILED
    if refused:
        return USAGE
    if update_baseline and baseline is not None:
        try:
            complain(baseline_update.update(baseline.path, runs, work.cases))
        except BaselineError as error:
            raise click.ClickException(str(error)) from None
        return AS_EXPECTED
    if differences is not None:
        return NOT_AS_EXPECTED if differences else AS_EXPECTED
    good = all(is_expected(result) for found in runs for result in found["results"])
    return AS_EXPECTED if good else NOT_AS_EXPECTED


class _Work:
    """What the command does, and what there is of it at any time.

    Attributes:
        live: is told how it goes.
        cases: the ids of all cases that there are, if there is a baseline.
    """

    def __init__(self, live: terminal.Quiet, effort: Effort, baseline: Baseline | None) -> None:
        self.live = live
        self.cases: set[str] = set()
        self._effort = effort
        self._baseline = baseline
        self._sessions: list[Session] = []
        self._unusable: Sequence[str] = ()

    async def run(
        self, opening: contextlib.AbstractAsyncContextManager[places.Places], journal: results.Journal | None
    ) -> None:
        """Run everything, in all places at the same time."""
        async with opening as opened:
            self._unusable = opened.unusable
            if self._baseline is not None:
                for place in opened.found:
                    self.cases.update(place.cases)
                    self._baseline.check(place.subjects, place.cases)
            try:
                async with asyncio.TaskGroup() as group:
                    for place in opened.found:
                        session = Session(place.pool, self.live, journal, self._effort, place.where)
                        self._sessions.append(session)
                        group.create_task(session.run(place.names))
            except* (PoolError, SelectionError, OSError) as errors:
                raise errors.exceptions[0] from None

    @property
    def runs(self) -> list[results.Run]:
        """The runs so far: the backends in their order, those of a backend in that of the places."""
        found = [run for session in self._sessions for run in session.runs]
        titles = list(dict.fromkeys(map(results.title, found)))
        return sorted(found, key=lambda run: titles.index(results.title(run)))

    @property
    def refused(self) -> list[str]:
        """Why places or backends were not run, a line each."""
        return [*self._unusable, *(line for session in self._sessions for line in session.refused)]

    @property
    def lost(self) -> list[str]:
        """What was not run because those who should have were lost, a line each."""
        return [line for session in self._sessions for line in session.lost]


def _places(
    gateways: Sequence[str], equipment: Equipment, live: terminal.Quiet
) -> contextlib.AbstractAsyncContextManager[places.Places]:
    if not gateways:
        for name in equipment.names:
            _check_backend(name)
        return places.here(equipment)
    try:
        return places.elsewhere(gateways, equipment, live.warn)
    except places.DistributionError as error:
        raise click.ClickException(str(error)) from None


def _check_backend(name: str) -> None:
    try:
        backend = backends.find(name)
        if not backend.asyncio:
            raise backends.BackendError(f"{backend.name} has no asyncio loop: the behaviours cannot be run on it")
    except backends.BackendError as error:
        raise click.ClickException(str(error)) from None


def _has_cases(run: results.Run) -> bool:
    """Whether there are any; a shard may have none of those of the whole."""
    return bool(run["results"] or ("shard" in run and run["shard"]["cases"]))


def _checked_areas(areas: Sequence[str]) -> tuple[str, ...]:
    known = {area.code for area in catalogue.areas()}
    chosen = tuple(area.upper() for area in areas)
    for area in chosen:
        if area not in known:
            raise click.ClickException(f"no area {area!r}: choose from {', '.join(sorted(known))}")
    return chosen


def _levels_down_to(level: catalogue.Level) -> tuple[str, ...]:
    return catalogue.LEVELS[: catalogue.LEVELS.index(level) + 1]


def _effort(seconds: float | None, seed: int | None) -> Effort:
    if seconds is None:
        if seed is not None:
            raise click.UsageError("--fuzz-seed needs --fuzz S: for how long?")
        return Effort()
    return Effort(seconds, secrets.randbelow(1_000_000_000) if seed is None else seed)


def _read_baseline(path: Path | None, update: bool) -> Baseline | None:
    if path is None:
        if update:
            raise click.UsageError("--update-baseline needs --baseline F: which file?")
        return None
    try:
        if update:
            baseline_update.check(path)
        baseline = Baseline(path, ()) if update and not path.exists() else Baseline.read(path)
    except BaselineError as error:
        raise click.ClickException(str(error)) from None
    for line in baseline.strangers():
        complain(line)
    return baseline


def _journal_beside(document: Path) -> results.Journal:
    path = document.with_name(f"{document.name}.journal")
    try:
        if path.exists():
            kept = next(place for n in range(1, 1000) if not (place := path.with_name(f"{path.name}.{n}")).exists())
            path.rename(kept)
            complain(f"a killed run left {path.name}: kept as {kept}; `everyloop merge` makes a document of it")
        return results.Journal(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None
