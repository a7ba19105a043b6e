"""EVFILT_READ and EVFILT_WRITE over an epoll of their own.

Facts about what is below, and how the two differ:

* A knote belongs to a descriptor's number: ``close()`` of the number drops it, whatever else holds the file open, and
  the next file with that number has none. Linux' epoll belongs to the open file: a registration outlives the number
  while a duplicate, here or in a child, is open, and cannot be taken out any more (epoll(7), "Questions and
  answers", 6). It is found by what it reports, and a new epoll takes its place.
* epoll reports EPOLLHUP and EPOLLERR whether asked for or not, and knows no low-water marks: some of what it reports
  is not active for kqueue. Such a knote is watched for edges only, until it is active.
* epoll refuses regular files, does not tell when a low-water mark of free room is reached, and sees a FIFO from one end
  only: such knotes are looked at instead, every 20 ms while a call waits.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from .kevent import EV_DISABLE, EVFILT_READ, kevent
from .kinds import Active, Devices, File, Kind, kind_of
from .knotes import Filter, Knote, error

VISITS = 20_000_000  # ns between two looks at what epoll does not tell


@dataclass(slots=True)
class Watched(Knote):
    """A knote of a descriptor.

    Attributes:
        kind: of the descriptor.
        file: which file the number meant: its device and inode.
        edges: only edges are watched, for the last report of epoll was not active.
        reported: of a regular file with EV_CLEAR, size and time of the last change that was reported.
    """

    kind: Kind
    file: tuple[int, int]
    edges: bool = False
    reported: tuple[int, int] | None = None


class Descriptors(Filter[Watched]):
    """The knotes of EVFILT_READ, or those of EVFILT_WRITE.

    Args:
        number: of the filter.
        devices: which character devices are accepted.
        is_kqueue: whether a descriptor is a kqueue.
        renewed: called when `fileno` has become another.
    """

    def __init__(
        self, number: int, devices: Devices, is_kqueue: Callable[[int], bool], renewed: Callable[[], None]
    ) -> None:
        super().__init__(number)
        reads = number == EVFILT_READ
        self._interest = select.EPOLLIN | select.EPOLLRDHUP if reads else select.EPOLLOUT
        self._reads = reads
        self._devices, self._is_kqueue, self._renewed = devices, is_kqueue, renewed
        self._epoll = select.epoll()
        self._untold: dict[int, Watched] = {}
        self._suspect = False  # a registration may have outlived its number

    def fileno(self) -> int:
        """Return the descriptor that is readable while `collect` has something to do."""
        return self._epoll.fileno()

    def collect(self, room: int) -> list[kevent]:
        """Report what is active, at most `room` events."""
        events: list[kevent] = []
        for untold in list(self._untold.values()):
            if len(events) < room and (made := self._visit(untold)) is not None:
                events.append(made)
        again: list[Watched] = []
        reported: set[int] = set()
        while len(events) < room:
            found = self._epoll.poll(0, room - len(events))
            quiet = False
            for fd, _ in found:
                knote = self._find(fd)
                if knote is None:
                    self._renew()
                    quiet = True
                elif fd in reported:
                    again.append(knote)
                elif (active := self._look(knote)) is not None:
                    reported.add(fd)
                    self._follow(knote, edges=False)
                    events.append(self._report(knote, active.data, active.fflags, active.flags))
                else:
                    quiet = True
                    if self._suspect:
                        self._renew()
                    self._follow(knote, edges=True)
            if not quiet:
                break
        for knote in again:
            if knote.clear and not knote.disabled and self._knotes.get(knote.ident) is knote:
                self._watch(knote)  # it was active once more: the next call shall say so
        return events

    def due(self) -> int | None:
        """Return when to look again at what epoll does not tell."""
        return time.monotonic_ns() + VISITS if self._untold else None

    def close(self) -> None:
        """Close the epoll."""
        self._epoll.close()

    def _look(self, knote: Watched) -> Active | None:
        look = knote.kind.readable if self._reads else knote.kind.writable
        try:
            return look(knote)
        except OSError as failed:
            if failed.errno != errno.EBADF:
                raise
            return None  # closed at this moment, by another thread

    def _find(self, ident: int) -> Watched | None:
        knote = self._knotes.get(ident)
        if knote is None:
            return None
        if _file(ident) != knote.file:
            del self._knotes[ident]
            self._untold.pop(ident, None)
            self._suspect = True
            return None
        return knote

    def _attach(self, change: kevent, flags: int) -> Watched:
        fd = change.ident
        file = _file(fd)
        if file is None:
            raise error(errno.EBADF)
        kind = kind_of(fd, self.number, self._devices, is_kqueue=self._is_kqueue(fd))
        return Watched(fd, flags, change.fflags, change.data, change.udata, bool(flags & EV_DISABLE), kind, file)

    def _touch(self, knote: Watched, change: kevent) -> None:
        knote.fflags, knote.data = change.fflags, change.data

    def _arm(self, knote: Watched) -> None:
        knote.edges, knote.reported = False, None
        told = knote.kind.told(knote, reads=self._reads)
        if knote.disabled or told:
            self._untold.pop(knote.ident, None)
        else:
            self._untold[knote.ident] = knote
        if told and not knote.disabled:
            self._watch(knote)
        elif not isinstance(knote.kind, File):
            self._unwatch(knote)

    def _drop(self, knote: Watched) -> None:
        super()._drop(knote)
        self._untold.pop(knote.ident, None)
        if not knote.disabled and not isinstance(knote.kind, File):
            self._unwatch(knote)

    def _watch(self, knote: Watched) -> None:
        events = self._interest | (select.EPOLLET if knote.clear or knote.edges else 0)
        try:
            self._epoll.register(knote.ident, events)
        except FileExistsError:
            self._epoll.modify(knote.ident, events)

    def _unwatch(self, knote: Watched) -> None:
        # Linux took it out already if the file was closed.
        with contextlib.suppress(FileNotFoundError):
            self._epoll.unregister(knote.ident)

    def _follow(self, knote: Watched, *, edges: bool) -> None:
        if knote.edges != edges and not knote.clear:
            knote.edges = edges
            with contextlib.suppress(OSError):  # closed at this moment, by another thread
                self._watch(knote)

    def _renew(self) -> None:
        """Leave behind what outlived its number."""
        self._suspect = False
        old, self._epoll = self._epoll, select.epoll()
        old.close()
        for ident in list(self._knotes):
            knote = self._find(ident)
            if knote is not None and not knote.disabled and ident not in self._untold:
                self._watch(knote)
        self._suspect = False
        self._renewed()

    def _visit(self, knote: Watched) -> kevent | None:
        if self._find(knote.ident) is not knote:
            return None
        active = self._look(knote)
        if active is None:
            return None
        if knote.clear:
            found = os.fstat(knote.ident)
            if knote.reported == (found.st_size, found.st_mtime_ns):
                return None
            knote.reported = found.st_size, found.st_mtime_ns
        self._untold[knote.ident] = self._untold.pop(knote.ident)  # the next call begins with others
        return self._report(knote, active.data, active.fflags, active.flags)


def _file(fd: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(fd)
    except (OSError, OverflowError):
        return None
    return found.st_dev, found.st_ino
