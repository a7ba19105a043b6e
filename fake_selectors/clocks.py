"""Clocks and the waits of a kernel, as coarse as the platform's own.

Some facts about time on Windows:

1. The system looks at sleeping threads once per tick of its timer: every 15.625 ms, unless a program asked for more
   (``timeBeginPeriod``: 1 ms, ``NtSetTimerResolution``: 0.5 ms). A wait with a time-out is measured from the last tick,
   not from the call, and ends at a tick. It lasts up to one tick longer than asked, or up to one tick less.
   https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-sleep#remarks
2. ``time.monotonic`` of Python up to 3.12 is ``GetTickCount64``: whole milliseconds, which move once per tick, by 15 or
   16. ``get_clock_info`` gives one tick as its resolution. From 3.13 it is ``QueryPerformanceCounter``, 100 ns fine
   (https://github.com/python/cpython/issues/88494). ``time.time`` went from ``GetSystemTimeAsFileTime``, which moves
   once per tick too, to its precise sister in the same release. ``time.perf_counter`` was always the fine counter.
3. Waits still end at ticks from 3.13 on, but now the clock shows it: a wait that ended early is followed by another.
4. ``time.sleep`` waits for a high-resolution timer from 3.11 on (https://github.com/python/cpython/issues/65501). It is
   not among the coarse waits.
5. There is no ``clock_gettime`` and its family, and no ``tzset``.

What asyncio makes of a coarse clock: ``BaseEventLoop._run_once`` runs every timer that is due within one resolution of
the clock. ``call_later`` counts from a clock that may be a tick behind. Together, a timer runs up to two ticks early,
where the loop happens to be awake, and up to one tick late where it is not; ``loop.time()`` may stand still between
iterations. Python's own tests allow for 50 ms (https://github.com/python/cpython/issues/110695: 78 ms for 100).

And on macOS: ``mach_absolute_time`` counts in steps of 125/3 ns on Apple silicon, of one on Intel; both ``monotonic``
and ``perf_counter`` read it. Waits are as fine as the clock.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from .views import View

SECOND = 1_000_000_000  # nanoseconds
MILLISECOND = 1_000_000
WINDOWS_TICK = 0.015625  # seconds
FINEST_TICK = 0.0005  # seconds: what NtSetTimerResolution gives at best
LONGEST_POLL = 2**31 - 1  # milliseconds: what poll() and epoll_wait() take

Ready = TypeVar("Ready")


@dataclass(frozen=True)
class FineClock:
    """A clock, and waits, as fine as this machine's.

    Attributes:
        implementation: what :func:`time.get_clock_info` says of ``monotonic``.
        step: numerator and denominator of the clock's step in nanoseconds.
        host: the clock of this machine, in nanoseconds.
    """

    implementation: str
    step: tuple[int, int] = (1, 1)
    host: Callable[[], int] = field(default=time.monotonic_ns, repr=False)

    def monotonic_ns(self) -> int:
        """Return the time in nanoseconds."""
        numerator, denominator = self.step
        return self.host() * denominator // numerator * numerator // denominator

    def wait(self, timeout: float | None) -> float | None:
        """Return for how many seconds the kernel waits when asked to wait for `timeout` seconds; None: for ever."""
        return timeout

    def module(self) -> ModuleType:
        """Return :mod:`time` as the platform has it."""
        readings = _readings(self)
        return View(
            time, readings | {"perf_counter": readings["monotonic"], "perf_counter_ns": readings["monotonic_ns"]}
        )

    def info(self, name: str) -> Any:
        """Stand for :func:`time.get_clock_info`."""
        found: Any = time.get_clock_info(name)  # type: ignore[arg-type] # any name: the real function refuses it
        if name in {"monotonic", "perf_counter"}:
            numerator, denominator = self.step
            found.implementation, found.resolution = self.implementation, numerator / denominator / SECOND
        return found


@dataclass(frozen=True)
class WindowsClock:
    """Windows' clock and waits.

    Attributes:
        tick: of the system's timer, in seconds.
        coarse: whether ``time.monotonic`` is GetTickCount64 (Python up to 3.12) and moves once per tick.
        host: the clock of this machine, in nanoseconds.

    Raises:
        ValueError: Windows' timer cannot be set to this tick.
    """

    tick: float = WINDOWS_TICK
    coarse: bool = sys.version_info < (3, 13)
    host: Callable[[], int] = field(default=time.monotonic_ns, repr=False)

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
        now = self.host()
        if self.coarse:
            now -= now % self._tick_ns
            return now - now % MILLISECOND
        return now - now % 100

    def wait(self, timeout: float | None) -> float | None:
        """Return for how many seconds the kernel waits when asked to wait for `timeout` seconds; None: for ever.

        It ends at the first tick that is `timeout` after the last one.
        """
        if timeout is None or timeout <= 0:
            return timeout
        tick = self._tick_ns
        now = self.host()
        due = now - now % tick + round(timeout * SECOND)
        return max(-(-due // tick) * tick - now, 0) / SECOND

    def module(self) -> ModuleType:
        """Return :mod:`time` as the platform has it."""
        changed = _readings(self)
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
sleep = time.sleep
"""Of a kernel, whatever becomes of ``time.sleep``: aiohttp's tests replace it by one that forbids to block a loop."""
MACOS = FineClock("mach_absolute_time()", step=(125, 3))


def poll(look: Callable[[int | None], list[Ready]], timeout: float | None) -> list[Ready]:
    """Wait on this machine's kernel with less than a millisecond's error.

    ``poll()`` and ``epoll_wait()`` count in milliseconds and CPython rounds up, which is two ticks of Windows' finest
    timer. Here the fraction of a millisecond at the end is slept through, and looked after once more: what becomes
    ready in that fraction is seen at its end.

    Args:
        look: waits for so many milliseconds, or for ever, and returns what is ready; ``poll`` of :class:`select.poll`.
        timeout: in seconds; None: for ever. What has passed already is zero.
    """
    if timeout is None:
        return look(None)
    whole, rest = divmod(max(round(timeout * SECOND), 0), MILLISECOND)
    while whole > LONGEST_POLL:
        if ready := look(LONGEST_POLL):
            return ready
        whole -= LONGEST_POLL
    ready = look(whole)
    if ready or not rest:
        return ready
    sleep(rest / SECOND)
    return look(0)


def _readings(clock: Clock) -> dict[str, object]:
    return {
        "monotonic": lambda: clock.monotonic_ns() / SECOND,
        "monotonic_ns": clock.monotonic_ns,
        "get_clock_info": clock.info,
    }
