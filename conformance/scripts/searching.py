"""The search for a script that the loop under test fails, and for the smallest one.

By default the scripts are always the same and few. An exploration goes on with others until its time is over. What is
found is executed again, and on the control: only what the loop fails again, and the control does not, is a finding.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ..subject import Exploring, InconclusiveError, LoopFactory
from . import drawing, exchanges, operations, schedules, worlds
from .programs import Step, program

SHRINK = 2.0
"""Seconds to make a script smaller, once there is one; an exploration takes five times as long."""
AGAIN = 3
"""How often a script must fail again, and must not on the control."""
TRIES = 20
EXAMPLES = {schedules: 10, exchanges: 15, operations: 15}
"""Scripts of a case that does not explore."""
BATCH = 100
"""Scripts from one seed of an exploration."""


class FoundError(AssertionError):
    """The loop under test failed a script; a note has the program."""


class _TimeUp(BaseException):
    """There is no time for more examples."""


class _Search:
    """One search: which scripts, on what, until when, and what was found."""

    def __init__(self, world: ModuleType, exploring: Exploring, subject: Any, control: Any) -> None:
        self._world = world
        self._exploring = exploring
        self._subject = subject
        self._control = control
        self._until = time.monotonic() + exploring.seconds
        self._found: tuple[Sequence[Step], str] | None = None
        self.seed = exploring.seed

    def search(self, test: Callable[[hypothesis.settings], None]) -> None:
        """Call what executes examples, once or until the time is over; raise what was found."""
        try:
            if not self._exploring.seconds:
                test(self._settings(EXAMPLES[self._world], derandomize=True))
            while self._exploring.seconds:
                test(self._settings(BATCH, derandomize=False))
                self.seed += 1
        except _TimeUp:
            pass
        except Exception:
            if self._found is None:
                raise
        if self._found is not None:
            self._confirm(*self._smallest(*self._found))

    def in_time(self) -> None:
        """End the search if there is no time left, or something was found."""
        if self._found is not None or (self._exploring.seconds and time.monotonic() > self._until):
            raise _TimeUp

    def attempt(self, steps: Sequence[Step]) -> None:
        """Execute a script; raise if the loop fails it."""
        self.in_time()
        self.announce(steps)
        wrong = self._execute(steps, self._subject)
        if wrong is not None:
            self.failed(steps, wrong)
            raise FoundError(wrong)

    def announce(self, steps: Sequence[Step]) -> None:
        """Say what is executed next: it may be the last that is heard of this process."""
        self._exploring.executing(self._program(steps, "This was executed when the process ended."))

    def failed(self, steps: Sequence[Step], wrong: str) -> None:
        """Note a script that the loop failed."""
        self._found = self._found or (list(steps), wrong)

    def _smallest(self, steps: Sequence[Step], wrong: str) -> tuple[Sequence[Step], str]:
        """Leave away what the loop does not need to fail, while there is time."""
        until = time.monotonic() + SHRINK * (5 if self._exploring.seconds else 1)
        candidates = _smaller(steps)
        while time.monotonic() < until and (candidate := next(candidates, None)) is not None:
            self.announce(candidate)
            if (still := self._execute(candidate, self._subject)) is not None:
                steps, wrong, candidates = candidate, still, _smaller(candidate)
        return steps, wrong

    def _confirm(self, steps: Sequence[Step], wrong: str) -> None:
        fails, tries = 0, 0
        started = time.monotonic()
        self.announce(steps)
        while fails < AGAIN and tries < TRIES and time.monotonic() - started < SHRINK * 2:
            tries += 1
            failed = self._execute(steps, self._subject)
            fails += failed is not None
            wrong = failed or wrong
        if not fails:
            return  # what cannot be shown again is no finding: a machine that stood still for a moment does that, too
        for _ in range(AGAIN):
            if (there := self._execute(steps, self._control)) is not None:
                inconclusive = InconclusiveError(f"the control is no better here: {there}")
                inconclusive.add_note(self._program(steps, there))
                raise inconclusive
        seed = f"; seed {self.seed}" if self._exploring.seconds else ""
        found = FoundError(f"{wrong} (again {fails} times of {tries}; never on the control{seed})")
        found.add_note(self._program(steps, wrong))
        raise found

    def _execute(self, steps: Sequence[Step], on: Any) -> str | None:
        try:
            found: str | None = self._world.execute(_replay(self._world, steps), on)
        except NotImplementedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a loop raises
            return f"{type(error).__name__}: {error}"
        return found

    def _program(self, steps: Sequence[Step], title: str) -> str:
        return program(self._world, steps, title, self._exploring.backend, self._exploring.factory)

    @staticmethod
    def _settings(examples: int, *, derandomize: bool) -> hypothesis.settings:
        return hypothesis.settings(
            max_examples=examples,
            derandomize=derandomize,
            database=None,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            stateful_step_count=8,
            verbosity=hypothesis.Verbosity.quiet,
            phases=[hypothesis.Phase.generate],  # we know better what can be left away from a list of steps
            suppress_health_check=list(hypothesis.HealthCheck),
        )


def search_exchanges(exploring: Exploring, kind: str) -> None:
    """Look for a stream, ``tcp`` or ``unix``, that loses something or tells its protocol what is not so.

    Raises:
        FoundError: there is one.
        InconclusiveError: the control is no better.
    """
    _search_list(exchanges, drawing.exchanges(kind), exploring)


def search_operations(exploring: Exploring, *, unix: bool) -> None:
    """Look for operations that leave another trace than on the control.

    Raises:
        FoundError: there are such operations.
        InconclusiveError: they leave several traces on the control.
    """
    _search_list(operations, drawing.operations(unix), exploring)


def _search_list(world: ModuleType, scripts: st.SearchStrategy[drawing.Script], exploring: Exploring) -> None:
    search = _Search(world, exploring, exploring.run, worlds.runner(asyncio.new_event_loop))

    def test(settings: hypothesis.settings) -> None:
        examine = settings(hypothesis.given(scripts)(search.attempt))
        (examine if settings.derandomize else hypothesis.seed(search.seed)(examine))()

    search.search(test)


def search_schedules(exploring: Exploring, new_loop: LoopFactory) -> None:
    """Look for callbacks and timers that are called in no legal order.

    Raises:
        FoundError: there are some.
        InconclusiveError: the control is no better.
    """
    search = _Search(schedules, exploring, new_loop, asyncio.new_event_loop)

    class Scheduling(RuleBasedStateMachine):
        """A loop that is driven step by step, and watched by the model."""

        def __init__(self) -> None:
            super().__init__()
            search.in_time()
            self._steps: list[Step] = []
            self._labels = 0
            self._world = schedules.World(new_loop())

        @rule(then=drawing.THEN, safely=st.booleans())
        def call_soon(self, then: Any, safely: bool) -> None:
            self._do("call_soon_threadsafe" if safely else "call_soon", self._label(), self._labelled(then))

        @rule(then=drawing.THEN, delay=drawing.DELAYS, method=st.sampled_from(["call_later", "call_at"]))
        def start_timer(self, method: str, delay: float, then: Any) -> None:
            self._do(method, self._label(), delay, self._labelled(then))

        @rule(then=drawing.THEN, delay=st.sampled_from([0, 0.001]))
        def call_from_thread(self, delay: float, then: Any) -> None:
            self._do("call_from_thread", self._label(), delay, self._labelled(then))

        @rule(back=drawing.TARGETS)
        def cancel(self, back: int) -> None:
            self._do("cancel", self._known(back))

        @rule(step=st.sampled_from(["run", "turn", "stop"]))
        def drive(self, step: str) -> None:
            self._do(step)

        def teardown(self) -> None:
            try:
                self._watched("finish")
            finally:
                self._world.close()

        def _do(self, *step: Any) -> None:
            self._steps.append(step)
            search.announce(self._steps)
            self._watched(*step)

        def _watched(self, name: str, *arguments: Any) -> None:
            try:
                getattr(self._world, name)(*arguments)
            except NotImplementedError:
                raise
            except Exception as error:
                text = (
                    str(error) if isinstance(error, worlds.BrokenPromiseError) else f"{type(error).__name__}: {error}"
                )
                search.failed(self._steps, text)
                raise

        def _label(self) -> str:
            self._labels += 1
            return f"c{self._labels}"

        def _known(self, back: int) -> str:
            return f"c{max(self._labels - back, 1)}"

        def _labelled(self, then: Any) -> list[Step]:
            done: list[Step] = []
            for name, *arguments in then:
                if name == "cancel":
                    done.append((name, self._known(arguments[0])))
                elif arguments:
                    *others, inner = arguments
                    done.append((name, self._label(), *others, self._labelled(inner)))
                else:
                    done.append((name,))
            return done

    def test(settings: hypothesis.settings) -> None:
        machine = Scheduling if settings.derandomize else hypothesis.seed(search.seed)(Scheduling)
        run_state_machine_as_test(machine, settings=settings)

    search.search(test)


def _replay(world: ModuleType, steps: Sequence[Step]) -> Callable[[Any], Any]:
    """Return what executes a script's steps."""
    if "new_loop" in inspect.signature(world.execute).parameters:

        def replay(on: Any) -> None:
            for name, *arguments in steps:
                getattr(on, name)(*arguments)

        return replay

    async def replay_async(on: Any) -> None:
        for name, *arguments in steps:
            result = getattr(on, name)(*arguments)
            if result is not None:
                await result

    return replay_async


def _smaller(steps: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield what is left of a script without some steps, or with less of one: the boldest cuts first."""
    size = len(steps)
    while size:
        for start in range(0, len(steps), size):
            yield [*steps[:start], *steps[start + size :]]
        size //= 2
    for place, step in enumerate(steps):
        for position, part in enumerate(step if isinstance(step, tuple) else ()):
            if isinstance(part, list):
                for less in _smaller(part):
                    yield [*steps[:place], (*step[:position], less, *step[position + 1 :]), *steps[place + 1 :]]
