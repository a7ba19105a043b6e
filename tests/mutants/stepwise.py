"""An iteration of the loop in steps, for mutants that break one of them: like CPython's, but in parts."""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import Any

from .parts import SelectorLoop

LONGEST_WAIT = 24 * 3600.0  # seconds


class Stepwise(SelectorLoop):
    """The unbroken loop."""

    def _run_once(self) -> None:
        self._forget_cancelled_timers()
        self._process_events(self._select(self._patience()))
        self._collect_due_timers()
        self._run_batch()

    def _forget_cancelled_timers(self) -> None:
        if self._timer_cancelled_count > 50 and self._timer_cancelled_count > len(self._scheduled) // 2:
            self._scheduled = [timer for timer in self._scheduled if not timer.cancelled()]
            heapq.heapify(self._scheduled)
            self._timer_cancelled_count = 0
        while self._scheduled and self._scheduled[0].cancelled():
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False

    def _patience(self) -> float | None:
        """Seconds to wait for events; None for ever."""
        if self._ready or self._stopping:
            return 0
        if self._scheduled:
            deadline: float = self._scheduled[0].when()
            return min(max(deadline - float(self.time()), 0), LONGEST_WAIT)
        return None

    def _select(self, timeout: float | None) -> Any:
        return self._selector.select(timeout)

    def _collect_due_timers(self) -> None:
        end = self.time() + self._clock_resolution
        while self._scheduled and self._scheduled[0].when() < end:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            self._ready.append(timer)

    def _run_batch(self) -> None:
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                self._run_handle(handle)

    def _run_handle(self, handle: Any) -> None:
        if not self._debug:
            handle._run()
            return
        self._current_handle = handle
        started = self.time()
        try:
            handle._run()
        finally:
            self._current_handle = None
        duration = self.time() - started
        if duration >= self.slow_callback_duration:
            task = getattr(handle._callback, "__self__", None)
            slow = task if isinstance(task, asyncio.Task) else handle
            logging.getLogger("asyncio").warning("Executing %r took %.3f seconds", slow, duration)
