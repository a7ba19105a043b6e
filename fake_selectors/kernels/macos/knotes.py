"""What a kqueue remembers of one registration, and the rules that all its filters share.

Facts, of XNU's bsd/kern/kern_event.c (``kevent_register``, ``knote_process``):

* A *knote* exists once per kqueue, filter and ident. EV_DELETE hides EV_ADD in the same change, EV_DISABLE hides
  EV_ENABLE. Without a knote anything but EV_ADD is ENOENT.
* EV_ADD, or any other change but EV_DELETE, of a knote that exists is an update: ``udata`` is always replaced,
  ``fflags`` and ``data`` as the filter likes; the flags of the first EV_ADD (EV_CLEAR, EV_ONESHOT, EV_DISPATCH) stay;
  a disabled knote stays disabled unless EV_ENABLE is given. An update looks at the source again: what is active then
  is reported, also by an EV_CLEAR knote that was reported before.
* An event carries the flags of the first EV_ADD, EV_ADD itself among them.
* After the report EV_ONESHOT deletes the knote, otherwise EV_DISPATCH disables it, otherwise EV_CLEAR keeps it quiet
  until its source is active anew. Every other knote is looked at again by the next call.
"""

from __future__ import annotations

import abc
import errno
import os
from dataclasses import dataclass
from typing import Generic, TypeVar

from .kevent import (
    EV_ADD,
    EV_CLEAR,
    EV_DELETE,
    EV_DISABLE,
    EV_DISPATCH,
    EV_ENABLE,
    EV_ONESHOT,
    Untold,
    event,
    kevent,
)


def error(number: int) -> OSError:
    """Return the exception for an errno, as the C code makes it."""
    return OSError(number, os.strerror(number))


@dataclass(slots=True)
class Knote:
    """A registration.

    Attributes:
        ident: what is watched.
        flags: those of the EV_ADD that made it.
        fflags: what the filter was asked for, last.
        data: likewise.
        udata: the caller's number.
        disabled: it is not reported.
    """

    ident: int
    flags: int
    fflags: int
    data: int
    udata: int
    disabled: bool

    @property
    def clear(self) -> bool:
        """Whether it is reported once per change of its source."""
        return bool(self.flags & EV_CLEAR)


K = TypeVar("K", bound=Knote)


class Filter(abc.ABC, Generic[K]):
    """The knotes of one filter in one kqueue."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._knotes: dict[int, K] = {}

    def register(self, change: kevent) -> None:
        """Apply a change.

        Raises:
            OSError: the kernel refuses it.
        """
        flags = change.flags
        if flags & EV_DELETE:
            flags &= ~EV_ADD
        if flags & EV_DISABLE:
            flags &= ~EV_ENABLE
        knote = self._find(change.ident)
        if knote is None:
            if not flags & EV_ADD:
                raise error(errno.ENOENT)
            knote = self._attach(change, flags)
            self._knotes[knote.ident] = knote
        elif flags & EV_DELETE:
            self._drop(knote)
            return
        else:
            self._touch(knote, change)
            knote.udata = change.udata
            knote.disabled = (knote.disabled or bool(flags & EV_DISABLE)) and not flags & EV_ENABLE
        self._arm(knote)

    @abc.abstractmethod
    def collect(self, room: int) -> list[kevent]:
        """Report what is active, at most `room` events."""

    def fileno(self) -> int | None:
        """Return a descriptor that is readable while `collect` has something to do; None: `due` tells."""
        return None

    def due(self) -> int | None:
        """Return when to look again at the latest, on the clock of ``time.monotonic_ns``; None: epoll will tell."""
        return None

    def close(self) -> None:
        """Give back what the host lent."""

    def _find(self, ident: int) -> K | None:
        return self._knotes.get(ident)

    @abc.abstractmethod
    def _attach(self, change: kevent, flags: int) -> K:
        """Make a knote, or raise the OSError that refuses it."""

    @abc.abstractmethod
    def _touch(self, knote: K, change: kevent) -> None:
        """Take over what an update asks for."""

    @abc.abstractmethod
    def _arm(self, knote: K) -> None:
        """Look at the source from now on, or not, as the knote says; and look at it anew."""

    def _drop(self, knote: K) -> None:
        self._knotes.pop(knote.ident, None)

    def _report(self, knote: K, data: int | Untold, fflags: int | Untold = 0, flags: int = 0) -> kevent:
        """Make the event of an active knote and do to it what follows a report."""
        flags |= knote.flags
        made = event(knote.ident, self.number, flags, fflags, data, knote.udata)
        if flags & EV_ONESHOT:
            self._drop(knote)
        elif flags & EV_DISPATCH:
            knote.disabled = True
            self._arm(knote)
        return made
