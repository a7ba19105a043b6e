"""A run: every case on every backend, what is unexpected once more in a fresh process, and then on the control."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from . import results
from .explaining import is_left_by
from .judging import BROKEN, GOOD
from .orders import Effort, Selection
from .pool import NO_EFFORT, Attempt, Case, Listener, LostError, Opened, Pool, RefusedError, SelectionError

CONTROL = "asyncio"


class Executor(Protocol):
    """Who executes cases: a :class:`~.pool.Pool`, or the gateways of a :class:`~.team.Team`."""

    @property
    def size(self) -> int:
        """How many at the same time."""

    async def run(
        self, backend: str, wanted: Sequence[str] | None, listener: Listener, effort: Effort = NO_EFFORT
    ) -> None:
        """Run cases on a backend: those of the selection, or the `wanted` ones.

        Raises:
            RefusedError: the backend cannot be run.
            SelectionError: the selection makes no sense.
            PoolError: there is nobody, or nobody any more, who could.
        """


async def all_cases() -> tuple[Case, ...]:
    """Return all cases that there are on this machine.

    Raises:
        PoolError: workers cannot be started.
    """
    async with Pool.open(1, 10.0, Selection()) as pool:
        return (await pool.probe(CONTROL)).cases


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
    """All runs in one place, complete or not: what there is can be written at any time.

    Attributes:
        fuzz: how far the property-based cases go after all cases have been run.
        where: names the place if there are several.
        runs: the runs so far, in the order of the command line.
        refused: why backends were not run, a line each.
        lost: what was not run because nobody was left who could, a line for each backend.
    """

    pool: Executor
    reporter: Reporter
    journal: results.Journal | None = None
    fuzz: Effort = NO_EFFORT
    where: str = ""
    runs: list[results.Run] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _control: dict[str, Attempt] = field(default_factory=dict)

    async def run(self, names: Sequence[str]) -> None:
        """Run every backend; one that is refused does not keep the others from running."""
        for name in names:
            try:
                await _BackendRun(self, name).run()
            except RefusedError as refusal:
                self.refused.append(f"{self.where}: {refusal}" if self.where else str(refusal))
            except LostError as lost:
                self.lost.append(f"{self.shown(name)}: {lost}")

    def shown(self, name: str) -> str:
        """Tell a backend here from the same one elsewhere."""
        return f"{name} on {self.where}" if self.where else name

    async def control(self, cases: Sequence[str]) -> dict[str, Attempt]:
        """Return what the standard library's own loop gives for these cases, asking it only once.

        A case is not in it if those who were to execute it were lost.
        """
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
        self._shown = session.shown(name)
        self._number = 0
        self._started = time.monotonic()
        self._cases: dict[str, Case] = {}
        self._results: dict[str, results.Result] = {}
        self._attempts: dict[str, Attempt] = {}
        self._run: results.Run | None = None
        # What was not yet tried again, compared with the control, or explored, and has to be.
        self._untried: set[str] = set()
        self._uncompared: set[str] = set()
        self._unexplored: set[str] = set()

    async def run(self) -> None:
        try:
            await self._session.pool.run(self._name, None, self)
            await self._try_again()
            await self._ask_the_control()
            if self._session.fuzz.seconds:
                await self._explore(self._session.fuzz)
        except LostError:
            if self._run is None:
                raise
        finally:
            self._finish()
        if missing := len(self._cases) - len(self._results):
            raise LostError(f"{missing} of {len(self._cases)} cases were not run")
        if preliminary := self._untried | self._uncompared | self._unexplored:
            raise LostError(f"{len(preliminary)} of {len(self._cases)} verdicts are preliminary: more was to be tried")
        if self._run is not None:
            self._run.pop("incomplete", None)

    async def _try_again(self) -> None:
        again = [case for case in self._unexpected() if self._deserves_second_try(case)]
        if again:
            self._untried.update(again)
            self._session.reporter.phase(self._shown, "again", len(again))
            await self._session.pool.run(self._name, again, _Collector(self._judged_again))

    async def _ask_the_control(self) -> None:
        doubted = self._unexpected()
        if doubted and self._name != CONTROL:
            self._uncompared.update(doubted)
            self._session.reporter.phase(self._shown, f"on {CONTROL}", len(doubted))
            control = await self._session.control(doubted)
            for case in doubted:
                if case in control:
                    self._compare(case, control[case])

    # What the pool tells: see pool.Listener.

    def opened(self, opened: Opened) -> None:
        self._run = {
            "backend": opened.backend,
            "version": opened.version,
            "emulated": opened.emulated,
            "knobs": opened.knobs,
            "loop": opened.loop,
            "python": opened.python,
            "platform": opened.platform,
            "host": opened.host,
            "started": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": 0.0,
            "incomplete": True,  # until the last verdict is in
            "results": [],
        }
        if opened.shard is not None:
            self._run["shard"] = opened.shard
        if opened.gateways:
            self._run["gateways"] = list(opened.gateways)
        self._session.runs.append(self._run)
        if self._session.journal is not None:
            self._number = self._session.journal.begin(self._run)
        self._cases = {case.case: case for case in opened.cases}
        explores = opened.shard is not None or any(case.explores for case in opened.cases)
        if self._session.fuzz.seconds and not explores:
            raise SelectionError(
                "--fuzz: none of the chosen cases is property-based (they have random_ in their names)"
            )
        self._session.reporter.begin(self._shown, len(opened.cases))

    def judged(self, case: str, attempt: Attempt) -> None:
        self._attempts[case] = attempt
        self._settle(case, attempt, flaky=False)

    def _judged_again(self, case: str, attempt: Attempt) -> None:
        self._untried.discard(case)
        first = self._attempts[case]
        flaky = attempt.verdict != first.verdict or (attempt.cleanup == "clean") != (first.cleanup == "clean")
        # One good try clears the loop of the charge, but the mark stays.
        self._settle(case, attempt if _is_expected(attempt) else first, flaky)

    def _compare(self, case: str, control: Attempt) -> None:
        self._uncompared.discard(case)
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
            name
            for name, case in self._cases.items()
            if case.explores and name in self._results and self._results[name]["verdict"] == "pass"
        ]
        if cases:
            self._unexplored.update(cases)
            self._session.reporter.phase(self._shown, "exploring", len(cases))
            share = fuzz.seconds * min(self._session.pool.size, len(cases)) / len(cases)
            effort = Effort(share, fuzz.seed)
            await self._session.pool.run(self._name, cases, _Collector(self._explored), effort)

    def _explored(self, case: str, attempt: Attempt) -> None:
        self._unexplored.discard(case)
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
        if attempt.gateway is not None:
            result["gateway"] = attempt.gateway
        first_time = case not in self._results
        self._results[case] = result
        if self._session.journal is not None:
            self._session.journal.add(self._number, result)
        if first_time:
            self._session.reporter.verdict(self._shown, result)

    def _deserves_second_try(self, case: str) -> bool:
        verdict = self._attempts[case].verdict
        # A hang has had all the time there is: trying again would double the time a run may take.
        # What a good case left behind, it left twice already (see worker.py).
        return verdict != "hang" and verdict not in GOOD

    def _unexpected(self) -> list[str]:
        return [case for case in self._cases if case in self._results and not is_expected(self._results[case])]

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
