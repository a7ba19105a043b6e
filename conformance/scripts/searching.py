"""The search for a script that the loop under test fails, and for the smallest one.

By default the scripts are always the same and few. An exploration goes on with others until its time is over. What is
found is executed again, and on the control: only what the loop fails again, and the control does not, is a finding.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from types import ModuleType
from typing import Any

from ..subject import Exploring, InconclusiveError, LoopFactory
from . import drawing, exchanges, operations, schedules, worlds
from .programs import Step, program

EXAMPLES = 15
"""Scripts of a case that does not explore."""
BUDGET = 3.0
"""Seconds after which it begins no other: loops differ, and so do machines, but a case has ten for everything."""
SHRINK = 1.5
"""Seconds to make a script smaller, once there is one; an exploration takes three times as long."""
AGAIN = 2
"""How often a script must fail again."""
CONTROLS = 3
"""How often it must not fail on the control."""
TRIES = 20


class FoundError(AssertionError):
    """The loop under test failed a script; a note has the program."""


def search_schedules(exploring: Exploring, new_loop: LoopFactory) -> None:
    """Look for callbacks and timers that are called in no legal order.

    Raises:
        FoundError: there are some.
        InconclusiveError: the control is no better.
    """
    _Search(schedules, exploring, new_loop, asyncio.new_event_loop).search(drawing.schedules)


def search_exchanges(exploring: Exploring, kind: str) -> None:
    """Look for a stream, ``tcp`` or ``unix``, that loses something or tells its protocol what is not so.

    Raises:
        FoundError: there is one.
        InconclusiveError: the control is no better.
    """
    control = worlds.runner(asyncio.new_event_loop)
    _Search(exchanges, exploring, exploring.run, control).search(lambda random: drawing.exchanges(random, kind))


def search_operations(exploring: Exploring, *, unix: bool) -> None:
    """Look for operations that leave another trace than on the control.

    Args:
        exploring: on which loop, and how long.
        unix: whether there are Unix sockets.

    Raises:
        FoundError: there are such operations.
        InconclusiveError: they leave several traces on the control.
    """
    control = worlds.runner(asyncio.new_event_loop)
    _Search(operations, exploring, exploring.run, control).search(lambda random: drawing.operations(random, unix=unix))


class _Search:
    """A search in the scripts of one world, on a loop under test and the control."""

    def __init__(self, world: ModuleType, exploring: Exploring, subject: Any, control: Any) -> None:
        self._world = world
        self._exploring = exploring
        self._subject = subject
        self._control = control

    def search(self, draw: Callable[[Random], Sequence[Step]]) -> None:
        """Execute scripts, one from each seed."""
        seconds, seed = self._exploring.seconds, self._exploring.seed
        until = time.monotonic() + (seconds or BUDGET)
        last = seed + EXAMPLES
        while time.monotonic() < until and (seconds or seed < last):
            # Of a text, because the seeds of numbers that are near each other are near each other.
            steps = draw(Random(f"{self._world.__name__.rpartition('.')[2]} {seed}"))
            if (wrong := self._execute(steps, self._subject)) is not None:
                self._confirm(*self._smallest(steps, wrong), seed)
            seed += 1

    def _smallest(self, steps: Sequence[Step], wrong: str) -> tuple[Sequence[Step], str]:
        """Leave away what the loop does not need to fail, while there is time; the control has to go on to pass."""
        until = time.monotonic() + SHRINK * (3 if self._exploring.seconds else 1)
        better = self._execute(steps, self._control) is None
        candidates = _smaller(steps)
        while time.monotonic() < until and (candidate := next(candidates, None)) is not None:
            still = self._execute(candidate, self._subject)
            if still is not None and (self._execute(candidate, self._control) is None) is better:
                steps, wrong, candidates = candidate, still, _smaller(candidate)
        return steps, wrong

    def _confirm(self, steps: Sequence[Step], wrong: str, seed: int) -> None:
        """Raise what was found, if it can be shown again: a machine that stands still makes a loop fail, too."""
        fails, tries = 0, 0
        until = time.monotonic() + SHRINK
        while fails < AGAIN and tries < TRIES and (tries < AGAIN or time.monotonic() < until):
            tries += 1
            failed = self._execute(steps, self._subject)
            fails += failed is not None
            wrong = failed or wrong
        if fails < AGAIN:
            return
        for _ in range(CONTROLS):
            if (there := self._execute(steps, self._control)) is not None:
                inconclusive = InconclusiveError(f"the control is no better here: {there} (seed {seed})")
                inconclusive.add_note(self._program(steps, there))
                raise inconclusive
        found = FoundError(f"{wrong} (again {fails} times of {tries}, never on the control; seed {seed})")
        found.add_note(self._program(steps, wrong))
        raise found

    def _execute(self, steps: Sequence[Step], on: Any) -> str | None:
        # It may be the last that is heard of this process.
        self._exploring.executing(self._program(steps, "This was executed when the process ended."))
        try:
            found: str | None = self._world.execute(_replay(self._world, steps), on)
        except NotImplementedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a loop raises
            return f"{type(error).__name__}: {error}"
        return found

    def _program(self, steps: Sequence[Step], title: str) -> str:
        return program(self._world, steps, title, self._exploring.backend, self._exploring.factory)


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
    """Yield what is left of a script without some steps, or with less in one: the boldest cuts first."""
    size = len(steps)
    while size:
        for start in range(0, len(steps), size):
            yield [*steps[:start], *steps[start + size :]]
        size //= 2
    for place, step in enumerate(steps):
        for position, part in enumerate(step if isinstance(step, tuple) else ()):
            for less in _smaller(part) if isinstance(part, list) else [0, 1] if type(part) is int and part > 1 else []:
                yield [*steps[:place], (*step[:position], less, *step[position + 1 :]), *steps[place + 1 :]]
