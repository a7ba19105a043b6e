"""EVFILT_TIMER.

Facts, of XNU's bsd/kern/kern_event.c (``filt_timer*``):

* ``ident`` is any number. ``data`` is the period in milliseconds, or as NOTE_SECONDS, NOTE_USECONDS or NOTE_NSECONDS
  say; two units: EINVAL; too long for nanoseconds in 64 bits: ERANGE.
* A timer repeats until it is deleted, unless EV_ONESHOT. EV_CLEAR is implied and in the event's flags.
  ``data`` of the event is how many periods have passed since the last report; the next period begins where the last
  one ended, not at the report.
* NOTE_ABSOLUTE: ``data`` is a time of day; EV_ONESHOT is implied; ``data`` of the event is 1.
  An update cannot change between the two: EINVAL.
* A negative period: once, at once, ``data`` 1. Period 0 likewise: no interval to repeat.
* An update starts the timer anew, with the period that it brings.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import time
from dataclasses import dataclass

from .kevent import (
    EV_CLEAR,
    EV_DISABLE,
    EV_ONESHOT,
    EVFILT_TIMER,
    NOTE_ABSOLUTE,
    NOTE_NSECONDS,
    NOTE_SECONDS,
    NOTE_USECONDS,
    kevent,
)
from .knotes import Filter, Knote, error

UNITS = {0: 1_000_000, NOTE_SECONDS: 1_000_000_000, NOTE_USECONDS: 1_000, NOTE_NSECONDS: 1}  # ns
EMULATED = NOTE_SECONDS | NOTE_USECONDS | NOTE_NSECONDS | NOTE_ABSOLUTE


@dataclass(slots=True)
class Timer(Knote):
    """A timer.

    Attributes:
        deadline: on the clock of ``time.monotonic_ns``; None: it has fired and does not repeat.
        interval: in ns; 0: it does not repeat.
    """

    deadline: int | None = None
    interval: int = 0


class Timers(Filter[Timer]):
    """The timers of a kqueue, in a heap of deadlines; entries that no longer hold are left in it until they are due."""

    def __init__(self) -> None:
        super().__init__(EVFILT_TIMER)
        self._deadlines: list[tuple[int, int, Timer]] = []
        self._number = itertools.count()

    def collect(self, room: int) -> list[kevent]:
        """Report the timers that are due, at most `room`."""
        events: list[kevent] = []
        now = time.monotonic_ns()
        while len(events) < room and (due := self.due()) is not None and due <= now:
            timer = heapq.heappop(self._deadlines)[2]
            passed = 1
            timer.deadline = None
            if timer.interval:
                passed += (now - due) // timer.interval
                timer.deadline = due + passed * timer.interval
            events.append(self._report(timer, passed))
            if self._knotes.get(timer.ident) is timer:
                self._arm(timer)
        return events

    def due(self) -> int | None:
        """Return the next deadline."""
        while self._deadlines:
            deadline, _, timer = self._deadlines[0]
            if self._knotes.get(timer.ident) is timer and timer.deadline == deadline and not timer.disabled:
                return deadline
            heapq.heappop(self._deadlines)
        return None

    def _attach(self, change: kevent, flags: int) -> Timer:
        deadline, interval = _times(change)
        flags |= EV_CLEAR | (EV_ONESHOT if change.fflags & NOTE_ABSOLUTE else 0)
        disabled = bool(flags & EV_DISABLE)
        return Timer(change.ident, flags, change.fflags, change.data, change.udata, disabled, deadline, interval)

    def _touch(self, knote: Timer, change: kevent) -> None:
        if (knote.fflags ^ change.fflags) & NOTE_ABSOLUTE:
            raise error(errno.EINVAL)
        knote.deadline, knote.interval = _times(change)
        knote.fflags, knote.data = change.fflags, change.data

    def _arm(self, knote: Timer) -> None:
        if knote.deadline is not None and not knote.disabled:
            heapq.heappush(self._deadlines, (knote.deadline, next(self._number), knote))


def _times(change: kevent) -> tuple[int, int]:
    """Return deadline and interval of a change."""
    if unknown := change.fflags & ~EMULATED:
        raise NotImplementedError(f"kqueue: EVFILT_TIMER with fflags 0x{unknown:x} is not emulated")
    unit = UNITS.get(change.fflags & ~NOTE_ABSOLUTE)
    if unit is None:
        raise error(errno.EINVAL)
    now = time.monotonic_ns()
    if change.data < 0 and not change.fflags & NOTE_ABSOLUTE:
        return now, 0
    span = (change.data & 0xFFFFFFFFFFFFFFFF) * unit
    if span >= 1 << 64:
        raise error(errno.ERANGE)
    if change.fflags & NOTE_ABSOLUTE:
        return now + max(span - time.time_ns(), 0), 0
    return now + span, span
