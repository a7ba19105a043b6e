"""Scheduling: callbacks and timers of every kind, and a model of the orders that are legal.

What the model holds a loop to is documented: every callback runs once, unless it was cancelled; those of
``call_soon()`` in the order of their registration, and so those of ``call_soon_threadsafe()``; ``stop()`` lets the
batch that runs come to its end, and what it schedules wait for the next run; a timer does not fire early, nor after a
later one. What is free, it leaves free: the order of the loop's own callbacks, those from other threads and timers
among each other, and of timers that are due at about the same time.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .worlds import PATIENCE, BrokenPromiseError, NewLoop

Action: TypeAlias = tuple[Any, ...]
"""What a callback does: the name of a method of the world, and its arguments."""

NEARLY = 0.002
"""Seconds between two moments that a loop may take for one: some count whole milliseconds."""
RUNS = 100


@dataclass(eq=False)
class Call:
    """A callback, and what is known of it.

    Attributes:
        then: what it does.
        batch: in which turn of the present run it has to be called, None if that is free.
        earliest: when it may be called, on the loop's clock; None if it is no timer.
        latest: when the loop may think it is due, at the latest; infinite if it need not be ordered.
        registered: when the loop knew of it, at the latest.
    """

    label: str
    then: Sequence[Action] = ()
    batch: int | None = None
    earliest: float | None = None
    latest: float = math.inf
    registered: float = 0.0
    handle: asyncio.Handle | None = field(default=None, repr=False)
    cancelled: bool = False
    ran: bool = False


class World:
    """A stopped loop, what was scheduled on it, and what may happen next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[str, Call] = {}
        self._queue: list[Call] = []  # by call_soon()
        self._from_threads: list[Call] = []  # by call_soon_threadsafe(), from threads one after the other
        self._threads: list[threading.Thread] = []
        self._running: Call | None = None
        self._in_run = False
        self._runs = 0
        self._stopped = False  # by whom the batch is unknown
        self._last: float = math.inf
        self._wrong: str | None = None
        loop.set_exception_handler(lambda _, _context: None)
        self._nearly = max(NEARLY, 2 * _tick(loop))

    # Steps, and what callbacks do.

    def call_soon(self, label: str, then: Sequence[Action] = ()) -> None:
        """Schedule a callback."""
        call = self._new(label, then)
        if self._running is not None and self._running.batch is not None:
            call.batch = self._running.batch + 1
        self._queue.append(call)
        call.handle = self._loop.call_soon(self._called, call)

    def call_soon_threadsafe(self, label: str, then: Sequence[Action] = ()) -> None:
        """Schedule a callback from another thread, and wait for that thread."""
        call = self._new(label, then)
        self._from_threads.append(call)

        def schedule() -> None:
            call.handle = self._loop.call_soon_threadsafe(self._called, call)

        thread = threading.Thread(target=schedule)
        thread.start()
        thread.join()

    def call_from_thread(self, label: str, delay: float, then: Sequence[Action] = ()) -> None:
        """Let another thread schedule a callback, some time after."""
        call = self._new(label, then)

        def schedule() -> None:
            time.sleep(delay)
            self._loop.call_soon_threadsafe(self._called, call)

        thread = threading.Thread(target=schedule)
        self._threads.append(thread)
        thread.start()

    def call_later(self, label: str, delay: float, then: Sequence[Action] = ()) -> None:
        """Start a timer."""
        self._timer(label, delay, then, lambda call: self._loop.call_later(delay, self._called, call))

    def call_at(self, label: str, delay: float, then: Sequence[Action] = ()) -> None:
        """Start a timer by the time when it is due."""
        when = self._loop.time() + delay
        self._timer(label, delay, then, lambda call: self._loop.call_at(when, self._called, call))

    def cancel(self, label: str) -> None:
        """Cancel a callback, if it was scheduled: one that ran already, or one that was cancelled before, too."""
        call = self._calls.get(label)
        if call is not None and call.handle is not None:
            call.cancelled = call.cancelled or not call.ran
            call.handle.cancel()

    def stop(self) -> None:
        """Stop the loop."""
        if not self._in_run:
            self._last = 0
        elif self._running is None or self._running.batch is None:
            self._stopped = True
        else:
            self._last = min(self._last, self._running.batch)
        self._loop.stop()

    def block(self, seconds: float) -> None:
        """Keep the loop from everything else for a while: timers that are due meanwhile become ready together."""
        time.sleep(seconds)

    def fail(self) -> None:
        """Raise an exception out of the callback."""
        raise _MeantError

    def turn(self) -> None:
        """Run the loop for one iteration."""
        self._last = 0
        self._loop.call_soon(self._loop.stop)
        self._run()

    def run(self) -> None:
        """Run the loop until it is stopped, or nothing is left to be called."""
        if any(self._pending()):
            self._run()
        else:
            self.turn()

    def finish(self) -> None:
        """Run what is left, and see that nothing is missing."""
        for _ in range(RUNS):
            if not any(self._pending()):
                break
            self._run()
        for thread in self._threads:
            thread.join()
        self.turn()

    def close(self) -> None:
        """Close the loop, when nobody schedules on it any more."""
        for thread in self._threads:
            thread.join()
        self._loop.close()

    # The model.

    def _new(self, label: str, then: Sequence[Action]) -> Call:
        call = Call(label, then)
        self._calls[label] = call
        return call

    def _timer(
        self, label: str, delay: float, then: Sequence[Action], start: Callable[[Call], asyncio.TimerHandle]
    ) -> None:
        call = self._new(label, then)
        call.earliest = self._loop.time() + delay
        call.handle = start(call)
        call.registered = self._loop.time()
        if delay > 0:
            call.latest = call.registered + delay

    def _pending(self) -> list[Call]:
        return [call for call in self._calls.values() if not call.ran and not call.cancelled]

    def _run(self) -> None:
        self._runs += 1
        for call in self._queue:
            call.batch = 0
        rescue = self._loop.call_later(PATIENCE, self._give_up, self._runs)
        self._in_run = True
        try:
            self._loop.run_forever()
        finally:
            self._in_run = False
            rescue.cancel()
        if self._wrong is None:
            self._judge_end()
        if self._wrong is not None:
            raise BrokenPromiseError(self._wrong)
        self._stopped, self._last = False, math.inf

    def _judge_end(self) -> None:
        if self._stopped:
            return
        if self._last == math.inf:
            self._fail("run_forever() returned although nobody had stopped the loop")
        for call in self._queue:
            if not call.cancelled and call.batch is not None and call.batch <= self._last:
                self._fail(f"{call.label!r} was ready before the loop was stopped, and was not called in that run")

    def _called(self, call: Call) -> None:
        before, self._running = self._running, call
        try:
            self._judge(call)
            call.ran = True
            for name, *arguments in call.then:
                getattr(self, name)(*arguments)
        except _MeantError:
            raise
        except Exception as error:  # noqa: BLE001 - the loop would only log it
            self._fail(f"a callback could not {name}(): {error!r}")
        finally:
            if not any(self._pending()):
                self.stop()
            self._running = before

    def _judge(self, call: Call) -> None:
        label = call.label
        if not self._in_run:
            self._fail(f"{label!r} was called while the loop was not running")
        if call.cancelled:
            self._fail(f"{label!r} was called although it was cancelled")
        if call.ran:
            self._fail(f"{label!r} was called twice")
        for queue in (self._queue, self._from_threads):
            if call in queue:
                first = next(other for other in queue if not other.cancelled or other is call)
                if first is not call:
                    self._fail(f"{label!r} was called before {first.label!r}, which was registered first")
                queue.remove(call)
        if call.batch is not None and call.batch > self._last:
            self._fail(f"{label!r} was scheduled by the last callbacks of a run, and was called in that run")
        if call.earliest is not None:
            self._judge_timer(call, call.earliest)

    def _judge_timer(self, call: Call, earliest: float) -> None:
        early = earliest - self._loop.time()
        if early > self._nearly:
            self._fail(f"the timer {call.label!r} fired {early * 1000:.1f} ms early")
        # A timer without delay is ready at once, and the order of what is ready and what is due is free.
        for other in self._pending() if call.latest < math.inf else ():
            if other is not call and max(other.registered, other.latest) + self._nearly < earliest:
                late = (earliest - other.latest) * 1000
                self._fail(
                    f"the timer {call.label!r} fired before {other.label!r}, which was due {late:.1f} ms earlier"
                )

    def _give_up(self, run: int) -> None:
        if self._in_run and run == self._runs:
            missing = ", ".join(repr(call.label) for call in self._pending())
            self._fail(f"nobody called {missing} within {PATIENCE:g} s")

    def _fail(self, wrong: str) -> None:
        """Note what is wrong. It is raised when the run has ended: what a callback raises goes no further."""
        self._wrong = self._wrong or wrong
        self._loop.stop()


class _MeantError(Exception):
    """Raised by a callback that is meant to raise."""


def _tick(loop: asyncio.AbstractEventLoop) -> float:
    """Measure how far apart two times of the loop's clock are."""
    first = second = loop.time()
    while first == second:
        second = loop.time()
    third = second
    while second == third:
        third = loop.time()
    return third - second


def execute(script: Callable[[World], None], new_loop: NewLoop) -> str | None:
    """Execute a script; say which promise the loop broke, if it did."""
    world = World(new_loop())
    try:
        script(world)
        world.finish()
    except BrokenPromiseError as broken:
        return str(broken)
    finally:
        world.close()
    return None
