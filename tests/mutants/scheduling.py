"""Broken schedulers: callbacks, timers, running and stopping."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise

UVLOOP = "https://github.com/MagicStack/uvloop/issues/"
CPYTHON = "https://github.com/python/cpython/issues/"


# Callbacks


@mutant(
    "SCH", bug="callbacks that are scheduled by a callback run in the same iteration, before any I/O", source="SCH-02"
)
class RunsUntilNothingIsReady(Stepwise):
    def _run_batch(self) -> None:
        while self._ready and not self._stopping:
            super()._run_batch()


@mutant("SCH", bug="a callback that an earlier one of its batch has cancelled runs", source="SCH-03")
class RunsTheCancelledOfABatch(Stepwise):
    def _run_batch(self) -> None:
        batch = [(handle, handle._callback, handle._args) for handle in self._ready if not handle.cancelled()]
        self._ready.clear()
        for handle, callback, arguments in batch:
            if handle.cancelled():
                handle.get_context().run(callback, *arguments)
            else:
                self._run_handle(handle)


@mutant(
    "SCH", bug="a batch is taken out of the queue whole: what is left of it after an interrupt is lost", source="SCH-20"
)
class LosesTheBatchOnInterrupt(Stepwise):
    def _run_batch(self) -> None:
        batch, self._ready = self._ready, deque()
        for handle in batch:
            if not handle.cancelled():
                self._run_handle(handle)


@mutant("SCH", bug="stop() ends the batch at once: the callbacks behind it wait for the next run", source="SCH-07")
class StopsInsideABatch(Stepwise):
    def _run_batch(self) -> None:
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                self._run_handle(handle)
            if self._stopping:
                break


@mutant("SCH", bug="call_soon() and timers share a stack: the last callback of a batch comes first", source="SCH-01")
class LastInFirstOut(Stepwise):
    def _run_batch(self) -> None:
        self._ready.reverse()
        super()._run_batch()


@mutant("SCH", bug="a handle that is cancelled after it has run says that it was not", source="SCH-45")
class KeepsAHandleRunForEver(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        super()._run_handle(handle)
        handle._cancelled = True  # so that it cannot run twice


# Timers


@mutant(
    "SCH",
    bug="a timer ends up to 20 ms early, which the loop takes for its clock's resolution",
    source=CPYTHON + "127859",
)
class FiresEarly(SelectorLoop):
    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 0.02


@mutant("SCH", bug="timers of one hundredth of a second run in the order in which they were made", source="SCH-35")
class CountsHundredths(Stepwise):
    def __init__(self) -> None:
        super().__init__()
        self.count = itertools.count()
        self.numbers: dict[int, int] = {}

    def _collect_due_timers(self) -> None:
        before = len(self._ready)
        super()._collect_due_timers()
        due = [self._ready.pop() for _ in range(len(self._ready) - before)]
        self._ready.extend(sorted(due, key=lambda timer: (round(timer.when(), 2), self.numbers.pop(id(timer), 0))))

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        timer = super().call_at(when, callback, *args, context=context)
        self.numbers[id(timer)] = next(self.count)
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        self.numbers.pop(id(handle), None)
        super()._timer_handle_cancelled(handle)


@mutant("SCH", bug="of two timers with the same deadline only the later made fires", source="SCH-36")
class OneTimerADeadline(SelectorLoop):
    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        self._scheduled = [timer for timer in self._scheduled if timer.when() != when]
        heapq.heapify(self._scheduled)
        return super().call_at(when, callback, *args, context=context)


@mutant("SCH", bug="a cancelled timer is taken out of the heap, and whichever equals it instead of it", source="SCH-48")
class TakesAnEqualTimerOut(SelectorLoop):
    def _timer_handle_cancelled(self, handle: Any) -> None:
        if handle in self._scheduled:
            self._scheduled.remove(handle)
            heapq.heapify(self._scheduled)
        handle._scheduled = False


@mutant(
    "SCH",
    bug="a cancelled timer is replaced by the heap's last one, which is not moved to where it belongs",
    source="SCH-35",
)
class BreaksTheHeap(SelectorLoop):
    def _timer_handle_cancelled(self, handle: Any) -> None:
        for place, timer in enumerate(self._scheduled):
            if timer is handle:
                last = self._scheduled.pop()
                if last is not handle:
                    self._scheduled[place] = last
                break
        handle._scheduled = False


@mutant("SCH", bug="cancelled timers stay, with all that they refer to, until they would have fired", source="SCH-42")
class NeverForgetsTimers(Stepwise):
    def _forget_cancelled_timers(self) -> None:
        pass


@mutant(
    "SCH", bug="time() is read once an iteration, so that it stands still while a callback blocks", source=UVLOOP + "29"
)
class StopsTheClock(Stepwise):
    now: float | None = None

    def time(self) -> float:
        return super().time() if self.now is None else self.now

    def _run_batch(self) -> None:
        self.now = super().time()
        try:
            super()._run_batch()
        finally:
            self.now = None


@mutant("SCH", bug="call_later() without a delay returns the handle of call_soon()", source=UVLOOP + "482")
class NoTimerWithoutDelay(SelectorLoop):
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if delay <= 0:
            return self.call_soon(callback, *args, context=context)
        return super().call_later(delay, callback, *args, context=context)


@mutant("SCH", bug="call_later() refuses a negative delay", source="SCH-28")
class RefusesNegativeDelays(SelectorLoop):
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if delay < 0:
            raise ValueError("delay must not be negative")
        return super().call_later(delay, callback, *args, context=context)


@mutant("SCH", bug="a very long delay overflows the time that the kernel is asked to wait for", source="SCH-38")
class OverflowsOnLongDelays(Stepwise):
    def _patience(self) -> float | None:
        if self._ready or self._stopping or not self._scheduled:
            return super()._patience()
        milliseconds = int(max(self._scheduled[0].when() - self.time(), 0) * 1000 + 1)
        if milliseconds >= 2**31:
            raise OverflowError("timeout is too large")
        return milliseconds / 1000


@mutant(
    "SCH", bug="timers are looked at only when no callback is ready, so that a busy loop starves them", source="SCH-43"
)
class StarvesTimers(Stepwise):
    def _collect_due_timers(self) -> None:
        if not self._ready:
            super()._collect_due_timers()


@mutant(
    "SCH", bug="events are asked for only when no callback is ready, so that a busy loop starves I/O", source="SCH-43"
)
class StarvesEvents(Stepwise):
    def _select(self, timeout: float | None) -> Any:
        return [] if self._ready else super()._select(timeout)


@mutant(
    "SCH",
    bug="waiting times are rounded down to a millisecond, and the loop spins through the last one",
    source="SCH-40",
)
class SpinsThroughTheLastMillisecond(Stepwise):
    def _patience(self) -> float | None:
        patience = super()._patience()
        return patience if patience is None else int(patience * 1000) / 1000


# Running and stopping


@mutant("SCH", bug="a stop() before the run is forgotten when it begins", source="SCH-09")
class ForgetsAnEarlyStop(SelectorLoop):
    def run_forever(self) -> None:
        if not self.is_running():
            self._stopping = False
        super().run_forever()


@mutant("SCH", bug="stop() goes on to hold for the next run", source="SCH-12")
class StaysStopped(SelectorLoop):
    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            self._stopping = not self._ready and not self._scheduled


@mutant(
    "SCH",
    bug="an interrupted run_until_complete() leaves its callback on the future, which stops a later run",
    source="SCH-19",
)
class LeavesItsDoneCallback(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        future = asyncio.ensure_future(future, loop=self)
        try:
            return super().run_until_complete(future)
        except BaseException:
            if not future.done():
                future.add_done_callback(lambda _: self.stop())
            elif not future.cancelled():
                future.exception()
            raise


@mutant(
    "SCH", bug="run_until_complete() returns None if the loop was stopped before the future was done", source="SCH-16"
)
class CompletesNothing(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except RuntimeError as error:
            if "before Future completed" not in str(error):
                raise
            return None


@mutant("SCH", bug="run_until_complete() takes the future of another loop", source="SCH-15")
class TakesAnothersFuture(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        if not asyncio.isfuture(future) or future.get_loop() is self:
            return super().run_until_complete(future)
        future.add_done_callback(lambda _: self.call_soon_threadsafe(self.stop))
        self.run_forever()
        future.remove_done_callback(self.stop)
        if not future.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return future.result()


@mutant(
    "SCH", bug="a callback's KeyboardInterrupt goes to the exception handler and not out of the run", source="SCH-20"
)
class SwallowsInterrupts(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        try:
            super()._run_handle(handle)
        except KeyboardInterrupt as error:
            self.call_exception_handler({"message": "Exception in callback", "exception": error, "handle": handle})


@mutant(
    "SCH", bug="a loop that an interrupt has ended says that it is running, and cannot be run again", source="SCH-20"
)
class RunsForEverAfterInterrupt(SelectorLoop):
    def _run_once(self) -> None:
        try:
            super()._run_once()
        except BaseException:
            self._interrupted = True
            raise

    def is_running(self) -> bool:
        return super().is_running() or hasattr(self, "_interrupted")


@mutant("SCH", bug="a task that raises SystemExit stops the loop twice: the next run ends at once", source="SCH-21")
class StopsOnceMore(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except (KeyboardInterrupt, SystemExit):
            self.stop()
            raise


@mutant("SCH", bug="a loop runs inside another one that runs in the same thread", source="SCH-18")
class RunsInsideAnother(SelectorLoop):
    def run_forever(self) -> None:
        outer = asyncio._get_running_loop()
        if outer is self:
            raise RuntimeError("This event loop is already running")
        asyncio._set_running_loop(None)
        try:
            super().run_forever()
        finally:
            asyncio._set_running_loop(outer)

    def _check_running(self) -> None:
        if self.is_running():
            raise RuntimeError("This event loop is already running")


@mutant("SCH", bug="the running loop is not unset when the run ends", source="SCH-23")
class StaysTheRunningLoop(SelectorLoop):
    def run_forever(self) -> None:
        asyncio._set_running_loop(None)
        try:
            super().run_forever()
        finally:
            asyncio._set_running_loop(self)

    def _check_running(self) -> None:
        if self.is_running():
            raise RuntimeError("This event loop is already running")

    def close(self) -> None:
        super().close()
        asyncio._set_running_loop(None)
