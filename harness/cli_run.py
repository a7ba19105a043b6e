"""``everyloop run``: judge loops."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from ..conformance import catalogue
from . import backends, baseline_update, documents, results, terminal
from .baselines import Baseline, BaselineError, Subject
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
from .orders import Effort, Selection
from .pool import Pool, PoolError, SelectionError
from .reports import writing
from .reports.content import Content
from .running import CONTROL, Session, is_expected


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
""",
)
@click.argument("names", metavar="[BACKEND]...", nargs=-1)
@count_option("workers", "Worker processes that run cases at the same time.")
@click.option("-k", "keyword", metavar="EXPR", default="", help="Only cases that match, as in pytest -k.")
@click.option("--area", "areas", multiple=True, metavar="A", help="Only this area, such as FD (repeatable).")
@click.option(
    "--level",
    type=click.Choice(catalogue.LEVELS),
    default="info",
    show_default=True,
    help="The lowest level to run: must; should and must; or all.",
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
    chosen = [_checked_backend(name) for name in dict.fromkeys(names)] or _installed()
    selection = Selection(keyword, _checked_areas(areas), _levels_down_to(level))
    baseline = _read_baseline(baseline_file, update_baseline)
    cases: set[str] = set()
    journal = None if json_file is None else _journal_beside(json_file)
    console = terminal.diagnostics()
    live = terminal.reporter(console, quiet)
    session: Session | None = None

    async def work() -> None:
        nonlocal session
        if baseline is not None:
            cases.update(await _all_cases())
            baseline.check([Subject.to_run(backends.find(name)) for name in chosen], cases)
        async with Pool.open(workers, timeout, selection) as pool:
            session = Session(pool, live, journal, effort)
            await session.run(chosen)

    problem: BaseException | None = None
    try:
        run_async(work())
    except (KeyboardInterrupt, PoolError, SelectionError, BaselineError, OSError) as error:
        problem = error
    finally:
        live.close()
    runs = session.runs if session is not None else []
    refused = session.refused if session is not None else []
    if problem is None and not refused and not any(found["results"] for found in runs):
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
    for line in refused:
        complain(line)
    writing.write(reports, Content(runs, baseline))
    if isinstance(problem, KeyboardInterrupt):
        complain("interrupted: the results are those so far")
        return INTERRUPTED
    if problem is not None:
        complain(f"everyloop itself failed: {problem}")
        return HARNESS_FAILED
    if refused:
        return USAGE
    if update_baseline and baseline is not None:
        try:
            complain(baseline_update.update(baseline.path, runs, cases))
        except BaselineError as error:
            raise click.ClickException(str(error)) from None
        return AS_EXPECTED
    if differences is not None:
        return NOT_AS_EXPECTED if differences else AS_EXPECTED
    good = all(is_expected(result) for found in runs for result in found["results"])
    return AS_EXPECTED if good else NOT_AS_EXPECTED


def _checked_backend(name: str) -> str:
    try:
        backend = backends.find(name)
        if not backend.asyncio:
            raise backends.BackendError(f"{backend.name} has no asyncio loop: the behaviours cannot be run on it")
    except backends.BackendError as error:
        raise click.ClickException(str(error)) from None
    return name


def _installed() -> list[str]:
    return [
        backend.name
        for backend in backends.registered().values()
        if backend.asyncio and not backend.emulated and backend.why_not_here() is None
    ]


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


async def _all_cases() -> list[str]:
    """The ids of all cases, selected or not."""
    async with Pool.open(1, 10.0, Selection()) as pool:
        return [case.case for case in (await pool.probe(CONTROL)).cases]


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
