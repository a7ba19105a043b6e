"""EVFILT_USER.

Facts, of XNU's bsd/kern/kern_event.c (``filt_user*``):

* ``ident`` is any number. NOTE_TRIGGER, in the EV_ADD or later, makes it active. Without EV_CLEAR it stays active, and
  is reported by every call, until it is deleted.
* The lower 24 bits of ``fflags`` are the program's. An update changes them as its upper two bits say:
  NOTE_FFNOP, NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY. ``data`` is replaced by every update. The event carries both.
"""

from __future__ import annotations

from dataclasses import dataclass

from .kevent import (
    EV_DISABLE,
    EVFILT_USER,
    NOTE_FFAND,
    NOTE_FFCOPY,
    NOTE_FFCTRLMASK,
    NOTE_FFLAGSMASK,
    NOTE_FFOR,
    NOTE_TRIGGER,
    kevent,
)
from .knotes import Filter, Knote


@dataclass(slots=True)
class UserEvent(Knote):
    """An event that the program triggers.

    Attributes:
        triggered: it is active.
    """

    triggered: bool = False


class UserEvents(Filter[UserEvent]):
    """The user events of a kqueue. The active ones stand in the order in which they are reported."""

    def __init__(self) -> None:
        super().__init__(EVFILT_USER)
        self._active: dict[int, UserEvent] = {}

    def collect(self, room: int) -> list[kevent]:
        """Report the active ones, at most `room`."""
        events = []
        for knote in list(self._active.values())[:room]:
            del self._active[knote.ident]
            if knote.clear:
                knote.triggered = False
            events.append(self._report(knote, knote.data, knote.fflags))
            if self._knotes.get(knote.ident) is knote:
                self._arm(knote)
        return events

    def due(self) -> int | None:
        """Return 0 if one is active."""
        return 0 if self._active else None

    def _attach(self, change: kevent, flags: int) -> UserEvent:
        disabled = bool(flags & EV_DISABLE)
        triggered = bool(change.fflags & NOTE_TRIGGER)
        return UserEvent(change.ident, flags, change.fflags, change.data, change.udata, disabled, triggered)

    def _touch(self, knote: UserEvent, change: kevent) -> None:
        theirs = change.fflags & NOTE_FFLAGSMASK
        how = change.fflags & NOTE_FFCTRLMASK
        if how == NOTE_FFAND:
            knote.fflags &= theirs
        elif how == NOTE_FFOR:
            knote.fflags |= theirs
        elif how == NOTE_FFCOPY:
            knote.fflags = theirs
        knote.data = change.data
        knote.triggered = knote.triggered or bool(change.fflags & NOTE_TRIGGER)

    def _arm(self, knote: UserEvent) -> None:
        if knote.triggered and not knote.disabled:
            self._active[knote.ident] = knote
        else:
            self._active.pop(knote.ident, None)

    def _drop(self, knote: UserEvent) -> None:
        super()._drop(knote)
        self._active.pop(knote.ident, None)
