"""A run: every case on every backend, what is unexpected once more in a fresh process, and then on the control."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from . import backends, results
from .explaining import is_left_by
from .judging import BROKEN, GOOD
from .orders import Effort
from .pool import NO_EFFORT, Attempt, Case, Opened, Pool, RefusedError, SelectionError

CONTROL = "asyncio"


class Reporter(Protocol):
    """Is told how a run goes."""

    def begin(self, backend: str, cases: int) -> None:
        """A backend's cases are known and begin."""

    def verdict(self, backend: str, result: results.Result) -> None:
        """A case has a verdict, which a second try may change."""

    def phase(self, backend: str, phase: str, cases: int) -> None:
        """What was unexpected is tried again, or on the control."""


@dataclass
class Session:
    """All runs of one command, complete or not: what there is can be written at any time.

    Attributes:
        fuzz: how far the property-based cases go after all cases have been run.
        runs: the runs so far, in the order of the command line.
        refused: why backends were not run, a line each.
    """

    pool: Pool
    reporter: Reporter
    journal: results.Journal | None = None
    fuzz: Effort = NO_EFFORT
    runs: list[results.Run] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _control: dict[str, Attempt] = field(default_factory=dict)

    async def run(self, names: Sequence[str]) -> None:
        """Run every backend; one that is refused does not keep the others from running."""
        for name in names:
            try:
                await _BackendRun(self, name).run()
            except RefusedError as refusal:
                self.refused.append(str(refusal))

    async def control(self, cases: Sequence[str]) -> dict[str, Attempt]:
        """Return what the standard library's own loop gives for these cases, asking it only once."""
        missing = [case for case in cases if case not in self._control]
        if missing:
            await self.pool.run(CONTROL, missing, _Collector(self._control.__setitem__))
        return self._control


class _Collector:
    """A listener that only wants the attempts."""

    def __init__(self, judged: Callable[[str, Attempt], None]) -> None:
        self.judged = judged

    def opened(self, opened: Opened) -> None: ...


class _BackendRun:
    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._started = time.monotonic()
        self._cases: dict[str, Case] = {}
        self._results: dict[str, results.Result] = {}
        self._attempts: dict[str, Attempt] = {}
        self._run: results.Run | None = None

    async def run(self) -> None:
        pool, reporter, name = self._session.pool, self._session.reporter, self._name
        try:
            await pool.run(name, None, self)
            again = [case for case in self._unexpected() if self._deserves_second_try(case)]
            if again:
                reporter.phase(name, "again", len(again))
                await pool.run(name, again, _Collector(self._judged_again))
            doubted = self._unexpected()
            if doubted and name != CONTROL:
                reporter.phase(name, f"on {CONTROL}", len(doubted))
                control = await self._session.control(doubted)
                for case in doubted:
                    self._compare(case, control[case])
            if self._session.fuzz.seconds:
                await self._explore(self._session.fuzz)
        finally:
            self._finish()
        if self._run is not None:
            self._run.pop("incomplete", None)

    # What the pool tells: see pool.Listener.

    def opened(self, opened: Opened) -> None:
        self._run = {
            "backend": backends.find(self._name).name,
            "version": opened.version,
            "emulated": opened.emulated,
            "knobs": opened.knobs,
            "loop": opened.loop,
            "python": platform.python_version(),
            "platform": opened.platform,
            "host": platform.platform(),
            "started": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": 0.0,
            "incomplete": True,  # until the last verdict is in
            "results": [],
        }
        self._session.runs.append(self._run)
        if self._session.journal is not None:
            self._session.journal.begin(self._run)
        self._cases = {case.case: case for case in opened.cases}
        if self._session.fuzz.seconds and not any(case.explores for case in opened.cases):
            raise SelectionError(
                "--fuzz: none of the chosen cases is property-based (they have random_ in their names)"
            )
        self._session.reporter.begin(self._name, len(opened.cases))

    def judged(self, case: str, attempt: Attempt) -> None:
        self._attempts[case] = attempt
        self._settle(case, attempt, flaky=False)

    def _judged_again(self, case: str, attempt: Attempt) -> None:
        first = self._attempts[case]
        flaky = attempt.verdict != first.verdict or (attempt.cleanup == "clean") != (first.cleanup == "clean")
        # One good try clears the loop of the charge, but the mark stays.
        self._settle(case, attempt if _is_expected(attempt) else first, flaky)

    def _compare(self, case: str, control: Attempt) -> None:
        first = self._attempts[case]
        if _is_expected(control):
            if first.verdict == "error":
                # What surrounds the case works with the control: it is the loop that broke it, as by closing
                # descriptors that were not its own.
                broken = BROKEN[self._cases[case].level]
                self._settle(case, replace(first, verdict=broken), self._results[case]["flaky"])
            return
        detail = f"the control ({CONTROL}) is no better here: {control.verdict}, {control.cleanup}"
        if control.detail:
            detail += f": {control.detail}"
        attempt = replace(first, verdict="error", detail=detail)
        self._settle(case, attempt, self._results[case]["flaky"])

    async def _explore(self, fuzz: Effort) -> None:
        """Let every property-based case that went well go on for its share of the time."""
        cases = [
            name for name, case in self._cases.items() if case.explores and self._results[name]["verdict"] == "pass"
        ]
        if cases:
            self._session.reporter.phase(self._name, "exploring", len(cases))
            share = fuzz.seconds * min(self._session.pool.size, len(cases)) / len(cases)
            effort = Effort(share, fuzz.seed)
            await self._session.pool.run(self._name, cases, _Collector(self._explored), effort)

    def _explored(self, case: str, attempt: Attempt) -> None:
        # No second try: what a case found, it has shown again itself, and that the control does better.
        if not _is_expected(attempt):
            self._settle(case, attempt, self._results[case]["flaky"])

    def _settle(self, case: str, attempt: Attempt, flaky: bool) -> None:
        about = self._cases[case]
        result: results.Result = {
            "case": case,
            "behaviour": about.behaviour,
            "area": about.area,
            "level": about.level,
            "verdict": attempt.verdict,
            "cleanup": attempt.cleanup,
            "limit": attempt.limit,
            "detail": attempt.detail,
            "flaky": flaky,
            "duration": attempt.duration,
        }
        first_time = case not in self._results
        self._results[case] = result
        if self._session.journal is not None:
            self._session.journal.add(len(self._session.runs) - 1, result)
        if first_time:
            self._session.reporter.verdict(self._name, result)

    def _deserves_second_try(self, case: str) -> bool:
        verdict = self._attempts[case].verdict
        # A hang has had all the time there is: trying again would double the time a run may take.
        # What a good case left behind, it left twice already (see worker.py).
        return verdict != "hang" and verdict not in GOOD

    def _unexpected(self) -> list[str]:
        return [case for case in self._cases if not is_expected(self._results[case])]

    def _finish(self) -> None:
        if self._run is not None:
            self._run["results"] = [self._results[case] for case in self._cases if case in self._results]
            self._run["duration"] = round(time.monotonic() - self._started, 3)


def is_expected(result: results.Result) -> bool:
    """Whether a result is as expected of a conforming loop: a good verdict (or an explained one), left clean."""
    return _is_good(result["verdict"], result["limit"], result["cleanup"])


def _is_expected(attempt: Attempt) -> bool:
    return _is_good(attempt.verdict, attempt.limit, attempt.cleanup)


def _is_good(verdict: str, limit: str | None, cleanup: str) -> bool:
    return (verdict in GOOD or limit is not None) and (cleanup == "clean" or is_left_by(cleanup, limit))
