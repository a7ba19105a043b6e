"""Loops that begin and end wrongly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop


@mutant("LIF", bug="a running loop can be closed", source="LIF-02")
class ClosesWhileRunning(SelectorLoop):
    def close(self) -> None:
        if self.is_running():
            self.stop()
            self.call_soon(lambda: None)
            self._ready.clear()
            return
        super().close()


@mutant("LIF", bug="call_soon() on a closed loop is accepted, and never called", source="LIF-01")
class TakesCallbacksWhenClosed(SelectorLoop):
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        if self.is_closed():
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)


@mutant("LIF", bug="closing a closed loop raises", source="LIF-01")
class ClosesOnlyOnce(SelectorLoop):
    def close(self) -> None:
        self._check_closed()
        super().close()

    def __del__(self) -> None:
        if not self.is_closed():
            super().__del__()


@mutant("LIF", bug="a loop that nobody closes is collected without a warning", source="LIF-03")
class DiesSilently(SelectorLoop):
    def __del__(self) -> None:
        if not self.is_closed() and not self.is_running():
            self.close()


@mutant("LIF", bug="close() leaves the pipe open that wakes the loop", source="LIF-04")
class LeavesItsPipeOpen(SelectorLoop):
    def _close_self_pipe(self) -> None:
        kept = self._ssock.dup()
        kept.detach()
        super()._close_self_pipe()


@mutant(
    "LIF", bug="an error of an asynchronous generator that shutdown_asyncgens() closes is not reported", source="LIF-05"
)
class HidesErrorsOfGenerators(SelectorLoop):
    async def shutdown_asyncgens(self) -> None:
        report, self.call_exception_handler = self.call_exception_handler, lambda _: None
        try:
            await super().shutdown_asyncgens()
        finally:
            self.call_exception_handler = report


@mutant("LIF", bug="shutdown_asyncgens() does not wait for the generators that it closes", source="LIF-05")
class DoesNotWaitForGenerators(SelectorLoop):
    async def shutdown_asyncgens(self) -> None:
        self.closing = self.create_task(super().shutdown_asyncgens())


@mutant("LIF", bug="a generator that begins after shutdown_asyncgens() is not warned about", source="LIF-05")
class DoesNotWarnOfLateGenerators(SelectorLoop):
    def _asyncgen_firstiter_hook(self, generator: Any) -> None:
        self._asyncgens.add(generator)


@mutant("LIF", bug="the hooks for asynchronous generators stay set after the run", source="LIF-07")
class LeavesItsHooks(SelectorLoop):
    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)


@mutant(
    "LIF",
    bug="a generator that is collected in another thread does not wake the loop that must close it",
    source="LIF-06",
)
class FinalisesInSilence(SelectorLoop):
    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        self._asyncgens.discard(generator)
        if not self.is_closed():
            self.call_soon(self.create_task, generator.aclose())


@mutant("LIF", bug="an abandoned asynchronous generator is not closed", source="LIF-06")
class ForgetsAbandonedGenerators(SelectorLoop):
    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        self._asyncgens.discard(generator)


@mutant(
    "GC",
    bug="a closed loop keeps its pending callbacks, and all that they refer to",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.close",
)
class KeepsPendingCallbacks(SelectorLoop):
    def close(self) -> None:
        pending = list(self._ready)
        super().close()
        self._ready.extend(pending)


@mutant("LIF", bug="a loop that is closed once it has stopped early can be run again", source="LIF-01")
class RunsWhenClosed(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        if not self.is_closed():
            return super().run_until_complete(future)
        with asyncio.Runner(loop_factory=type(self)) as runner:
            return runner.run(future)
