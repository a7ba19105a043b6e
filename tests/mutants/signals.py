"""Broken signal handlers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop


@mutant(
    "SIG",
    bug="removing the handler of SIGINT leaves the default action of the system, not KeyboardInterrupt",
    source="SIG-04",
)
class LeavesCtrlCDeadly(SelectorLoop):
    def remove_signal_handler(self, sig: int) -> bool:
        removed = bool(super().remove_signal_handler(sig))
        if removed:
            signal.signal(sig, signal.SIG_DFL)
        return removed


@mutant(
    "SIG",
    bug="the wakeup descriptor stays set after the last handler has gone",
    source="https://github.com/MagicStack/uvloop/pull/270",
)
class LeavesTheWakeupDescriptor(SelectorLoop):
    def remove_signal_handler(self, sig: int) -> bool:
        before = signal.set_wakeup_fd(-1) if self._signal_handlers else -1
        removed = bool(super().remove_signal_handler(sig))
        if before != -1 and self._csock is not None:
            signal.set_wakeup_fd(before)
        return removed


@mutant("SIG", bug="the callback runs in the signal handler, in the middle of whatever runs", source="SIG-01")
class RunsInTheMiddle(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        super().add_signal_handler(sig, lambda: None)
        signal.signal(sig, lambda *_: callback(*args))


@mutant("SIG", bug="a signal does not wake a loop that waits for events", source="SIG-02")
class SleepsThroughSignals(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        super().add_signal_handler(sig, callback, *args)
        signal.set_wakeup_fd(-1)
        signal.signal(sig, lambda *_: self._add_callback(self._signal_handlers[sig]))


@mutant("SIG", bug="of several signals that come together only the first is handled", source="SIG-01")
class HandlesTheFirst(SelectorLoop):
    def _process_self_data(self, data: bytes) -> None:
        super()._process_self_data(data.lstrip(b"\0")[:1])


@mutant("SIG", bug="a signal that comes between two runs is lost", source="SIG-10")
class DropsWhatComesBetweenRuns(SelectorLoop):
    def run_forever(self) -> None:
        if not self.is_closed() and not self.is_running():
            self._process_self_data, process = (lambda _: None), self._process_self_data
            self._read_from_self()
            self._process_self_data = process
        super().run_forever()


@mutant("SIG", bug="close() leaves the handlers of signals in place", source="SIG-06")
class ClosesWithHandlers(SelectorLoop):
    def close(self) -> None:
        if not self.is_running():
            self._signal_handlers.clear()
        super().close()


@mutant(
    "SIG",
    bug="a second handler for a signal does not replace the first",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_signal_handler",
)
class KeepsTheFirstHandler(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        before = self._signal_handlers.get(sig)
        super().add_signal_handler(sig, callback, *args)
        if before is not None:
            self._signal_handlers[sig] = before


@mutant("SIG", bug="outside the main thread add_signal_handler() does nothing", source="SIG-05")
class IgnoresOtherThreads(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            super().add_signal_handler(sig, callback, *args)


@mutant("SIG", bug="a signal that cannot be caught raises OSError", source="SIG-03")
class RaisesTheSystemsError(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        try:
            super().add_signal_handler(sig, callback, *args)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


@mutant("SIG", bug="a coroutine function is taken for a callback and never awaited", source="SIG-03")
class TakesCoroutineFunctions(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        super().add_signal_handler(sig, lambda: callback(*args))


@mutant("SIG", bug="remove_signal_handler() of a signal without handler raises KeyError", source="SIG-04")
class RaisesKeyError(SelectorLoop):
    def remove_signal_handler(self, sig: int) -> bool:
        if sig not in self._signal_handlers and sig in signal.valid_signals():
            raise KeyError(sig)
        return bool(super().remove_signal_handler(sig))


@mutant(
    "SIG",
    bug="closing a loop removes the handler that another loop has set since",
    source="https://github.com/Kludex/zuvloop/pull/62",
)
class ForgetsWhoseHandlerItIs(SelectorLoop):
    used: set[int]

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        super().add_signal_handler(sig, callback, *args)
        self.used = getattr(self, "used", set()) | {sig}

    def close(self) -> None:
        super().close()
        for sig in getattr(self, "used", ()):
            signal.signal(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        self.used = set()


@mutant(
    "SIG", "THR", bug="a wake-up that the full pipe does not take raises in call_soon_threadsafe()", source="SIG-16"
)
class RaisesWhenThePipeIsFull(SelectorLoop):
    def _write_to_self(self) -> None:
        if self._csock is not None:
            self._csock.send(b"\0")
