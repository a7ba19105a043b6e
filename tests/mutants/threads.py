"""Loops that are broken when several threads use them."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise


class WithInbox(Stepwise):
    """Other threads' callbacks wait in a queue of their own, which is emptied once an iteration."""

    def __init__(self) -> None:
        self.inbox: deque[Any] = deque()
        super().__init__()

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if not self._is_for_inbox():
            return super().call_soon_threadsafe(callback, *args, context=context)
        self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")
        handle = asyncio.Handle(callback, args, self, context)
        self.inbox.append(handle)
        self._write_to_self()
        return handle

    def _is_for_inbox(self) -> bool:
        return self._thread_id not in {None, threading.get_ident()}

    def _patience(self) -> float | None:
        return 0 if self.inbox else super()._patience()

    def _collect_due_timers(self) -> None:
        super()._collect_due_timers()
        self._empty_inbox()

    def _empty_inbox(self) -> None:
        while self.inbox:
            self._ready.append(self.inbox.popleft())


@mutant("THR", bug="call_soon_threadsafe() does not wake a loop that waits for events", source="THR-01")
class DoesNotWake(SelectorLoop):
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")
        return self._call_soon(callback, args, context)


@mutant(
    "THR",
    bug="a second call while the loop is awake for the first is believed to need no wake-up, and waits",
    source="https://github.com/MagicStack/uvloop/issues/408",
)
class LosesTheSecondWakeup(WithInbox):
    awake = False

    def _write_to_self(self) -> None:
        if not self.awake:
            self.awake = True
            super()._write_to_self()

    def _patience(self) -> float | None:
        return Stepwise._patience(self)

    def _run_batch(self) -> None:
        super()._run_batch()
        self.awake = False


@mutant(
    "THR",
    bug="callbacks of call_soon_threadsafe() overtake those that call_soon() has scheduled before",
    source="THR-02",
)
class OvertakesItsOwnThread(WithInbox):
    def _is_for_inbox(self) -> bool:
        return True

    def _empty_inbox(self) -> None:
        self._ready.extendleft(reversed(self.inbox))
        self.inbox.clear()


@mutant(
    "THR",
    bug="a closed loop takes calls from threads and forgets them",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
)
class ForgetsCallsWhenClosed(SelectorLoop):
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if self.is_closed():
            return self._call_soon(callback, args, context)
        return super().call_soon_threadsafe(callback, *args, context=context)


@mutant(
    "THR",
    bug="the queue of threads' callbacks is locked while they run: one that schedules another waits for ever",
    source="THR-06",
)
class HoldsTheLock(WithInbox):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        super().__init__()

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        with self.lock:
            return super().call_soon_threadsafe(callback, *args, context=context)

    def _empty_inbox(self) -> None:
        with self.lock:
            while self.inbox:
                handle = self.inbox.popleft()
                if not handle.cancelled():
                    self._run_handle(handle)


@mutant("THR", bug="running sets the wakeup descriptor of signals, which only the main thread may", source="THR-11")
class RunsInTheMainThreadOnly(SelectorLoop):
    def run_forever(self) -> None:
        if not self.is_closed() and not self.is_running():
            signal.set_wakeup_fd(signal.set_wakeup_fd(-1))
        super().run_forever()


@mutant("THR", bug="all loops share one queue of threads' callbacks: whichever wakes runs them", source="THR-12")
class SharesItsInbox(WithInbox):
    shared: ClassVar[deque[Any]] = deque()

    def __init__(self) -> None:
        super().__init__()
        self.inbox = self.shared


@mutant(
    "THR",
    bug="the queue of threads' callbacks is copied and then cleared: what comes in between is lost",
    source="THR-05",
)
class ClearsWhatItHasNotSeen(WithInbox):
    def _empty_inbox(self) -> None:
        taken = list(self.inbox)
        self._ready.extend(taken)
        if taken:
            time.sleep(0.001)  # other threads run meanwhile
        self.inbox.clear()


@mutant("THR", "TSK", bug="call_soon_threadsafe() runs its callback in an empty context", source="TSK-07")
class LosesTheThreadsContext(SelectorLoop):
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        context = contextvars.Context() if context is None else context
        return super().call_soon_threadsafe(callback, *args, context=context)


@mutant("THR", bug="call_soon_threadsafe() from the loop's own thread calls at once", source="THR-02")
class CallsAtOnce(SelectorLoop):
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        if self._thread_id == threading.get_ident():
            self._ready.remove(handle)
            handle._run()
        return handle
