"""Broken debug modes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise


@mutant("DBG", bug="slow_callback_duration is read when the loop is made, and never again", source="DBG-02")
class FixesTheDuration(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        asked, self.slow_callback_duration = self.slow_callback_duration, 0.1
        try:
            super()._run_handle(handle)
        finally:
            if self.slow_callback_duration == 0.1:
                self.slow_callback_duration = asked


@mutant("DBG", bug="a slow step of a task is not logged, only slow callbacks are", source="DBG-02")
class OverlooksSlowTasks(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        if isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):
            handle._run()
        else:
            super()._run_handle(handle)


@mutant("DBG", bug="call_soon() of another thread is not noticed in debug mode", source="DBG-03")
class DoesNotCheckThreads(SelectorLoop):
    def _check_thread(self) -> None:
        pass


@mutant("DBG", bug="call_soon() of another thread is refused without debug mode, too", source="DBG-03")
class AlwaysChecksThreads(SelectorLoop):
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        self._check_thread()
        return super().call_soon(callback, *args, context=context)


@mutant("DBG", bug="the origins of coroutines are recorded after the run, too", source="DBG-05")
class KeepsTrackingOrigins(SelectorLoop):
    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            if self._debug:
                sys.set_coroutine_origin_tracking_depth(10)


@mutant(
    "DBG",
    bug="debug mode that is switched on while the loop runs does not record the origins of coroutines",
    source="https://docs.python.org/3/library/asyncio-dev.html#debug-mode",
)
class TracksOriginsFromTheBeginningOnly(SelectorLoop):
    def set_debug(self, enabled: bool) -> None:
        self._debug = enabled


@mutant("DBG", bug="PYTHONASYNCIODEBUG is not read", source="DBG-01")
class IgnoresTheEnvironment(SelectorLoop):
    def __init__(self) -> None:
        super().__init__()
        self.set_debug(False)


@mutant("DBG", bug="handles do not know where they were made", source="DBG-04")
class ForgetsWhereHandlesWereMade(SelectorLoop):
    def _call_soon(self, callback: Any, args: Any, context: Any) -> Any:
        debug, self._debug = self._debug, False
        try:
            return super()._call_soon(callback, args, context)
        finally:
            self._debug = debug


@mutant("DBG", bug="get_debug() is true only while the loop runs", source="DBG-01")
class DebugsWhileRunning(SelectorLoop):
    def get_debug(self) -> bool:
        return bool(super().get_debug()) and self.is_running()
