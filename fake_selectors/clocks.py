"""Clocks and the waits of a kernel, as coarse as the platform's own.

Some facts about time on Windows:

* The scheduler looks at sleeping threads once per tick of the system's timer: every 15.625 ms, unless a program asked
  for more (``timeBeginPeriod``: 1 ms, ``NtSetTimerResolution``: 0.5 ms).
  A wait with a time-out is measured from the last tick, not from the call, and ends at a tick: it lasts up to
  one tick longer than asked, or, against a finer clock, up to one tick less.
  https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-sleep#remarks
* ``time.monotonic`` of Python up to 3.12 is ``GetTickCount64``: whole milliseconds, which move once per tick, by 15 or
  16. From 3.13 it is ``QueryPerformanceCounter``, 100 ns fine (https://github.com/python/cpython/issues/88494).
  ``time.time`` went from ``GetSystemTimeAsFileTime`` to its precise sister in the same release.
* asyncio runs every timer that is due within one resolution of the clock (``BaseEventLoop._run_once``): with the
  coarse clock up to 15.6 ms early.

And on macOS: ``mach_absolute_time`` counts in steps of 125/3 ns on Apple silicon; waits are fine.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .views import View

SECOND = 1_000_000_000  # nanoseconds
WINDOWS_TICK = 0.015625  # seconds
FINEST_TICK = 0.0005  # seconds: what NtSetTimerResolution gives at best


@dataclass(frozen=True)
class FineClock:
    """A clock, and waits, as fine as this machine's.

    Attributes:
        implementation: what :func:`time.get_clock_info` says of ``monotonic``.
        step: of the clock, in nanoseconds; not necessarily whole.
    """

    implementation: str
    step: float = 1.0

    def monotonic_ns(self) -> int:
        """Return the time in nanoseconds."""
        return int(time.monotonic_ns() // self.step * self.step)

    def wait(self, timeout: float | None) -> float | None:
        """Return for how many seconds the kernel waits when asked to wait for `timeout` seconds; None: for ever."""
        return timeout

    def module(self) -> ModuleType:
        """Return :mod:`time` as the platform has it."""
        return View(time, _readings(self))

    def info(self, name: str) -> Any:
        """Stand for :func:`time.get_clock_info`."""
        found: Any = time.get_clock_info(name)  # type: ignore[arg-type] # any name: the real function refuses it
        if name in {"monotonic", "perf_counter"}:
            found.implementation = self.implementation
            found.resolution = self.step / SECOND
        return found


@dataclass(frozen=True)
class WindowsClock:
    """Windows' clock and waits.

    Attributes:
        tick: of the system's timer, in seconds.
        coarse: whether ``time.monotonic`` is GetTickCount64 (Python up to 3.12) and moves once per tick.
    """

    tick: float = WINDOWS_TICK
    coarse: bool = sys.version_info < (3, 13)

    def __post_init__(self) -> None:
        if not FINEST_TICK <= self.tick <= WINDOWS_TICK:
            raise ValueError(
                f"clock_resolution: {self.tick!r} is not between {FINEST_TICK} and {WINDOWS_TICK} seconds, "
                "which is what Windows' timer can be set to"
            )

    @property
    def _tick_ns(self) -> int:
        return round(self.tick * SECOND)

    def monotonic_ns(self) -> int:
        """Return GetTickCount64 or QueryPerformanceCounter, in nanoseconds."""
        now = time.monotonic_ns()
        if self.coarse:
            now -= now % self._tick_ns
            return now - now % 1_000_000 if self.tick >= 0.001 else now
        return now - now % 100

    def wait(self, timeout: float | None) -> float | None:
        """Return for how many seconds the kernel waits when asked to wait for `timeout` seconds; None: for ever.

        It ends at the first tick that is `timeout` after the last one.
        """
        if timeout is None or timeout <= 0:
            return timeout
        tick = self._tick_ns
        now = time.monotonic_ns()
        due = now - now % tick + int(timeout * SECOND)
        return max(-(-due // tick) * tick - now, 0) / SECOND

    def module(self) -> ModuleType:
        """Return :mod:`time` as the platform has it."""
        changed: dict[str, object] = dict(_readings(self))
        if self.coarse:

            def wall_ns() -> int:
                now = time.time_ns()
                return now - now % self._tick_ns

            changed |= {"time_ns": wall_ns, "time": lambda: wall_ns() / SECOND}
        missing = [name for name in dir(time) if name.startswith(("CLOCK_", "clock_", "pthread_"))]
        return View(time, changed, (*missing, "tzset"))

    def info(self, name: str) -> Any:
        """Stand for :func:`time.get_clock_info`."""
        found: Any = time.get_clock_info(name)  # type: ignore[arg-type] # any name: the real function refuses it
        counter = ("QueryPerformanceCounter()", 1e-07)
        known = {
            "monotonic": ("GetTickCount64()", self.tick) if self.coarse else counter,
            "perf_counter": counter,
            "time": (
                ("GetSystemTimeAsFileTime()", self.tick) if self.coarse else ("GetSystemTimePreciseAsFileTime()", 1e-07)
            ),
            "process_time": ("GetProcessTimes()", 1e-07),
            "thread_time": ("GetThreadTimes()", 1e-07),
        }
        if name in known:
            found.implementation, found.resolution = known[name]
        return found


Clock = FineClock | WindowsClock
MACOS = FineClock("mach_absolute_time()", step=125 / 3)
LINUX = FineClock("clock_gettime(CLOCK_MONOTONIC)")


def _readings(clock: Clock) -> dict[str, object]:
    return {
        "monotonic": lambda: clock.monotonic_ns() / SECOND,
        "monotonic_ns": clock.monotonic_ns,
        "get_clock_info": clock.info,
    }
