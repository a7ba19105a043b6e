"""``select.kqueue`` over Linux' epoll.

Facts, of CPython's Modules/selectmodule.c and XNU's bsd/kern/kern_event.c (``kevent_internal``):

* ``control(changelist, maxevents, timeout=None)`` applies the changes one after the other. A change that the kernel
  refuses becomes an event, the change itself with EV_ERROR in ``flags`` and the errno in ``data``, while there is room
  for ``maxevents``; without room the call stops there and raises OSError: what came before it holds.
  EV_RECEIPT asks for such an event, with 0 in ``data``, for a change that was accepted.
* When the changes gave any event, or ``maxevents`` is 0, the call returns at once: it neither looks nor waits.
* READ and WRITE of one descriptor are two events. Events beyond ``maxevents`` wait for the next call, which begins with
  others.
* An unknown filter: EINVAL. EVFILT_AIO: ENOTSUP. The system's own flags (EV_SYSFLAGS) in a change are ignored.
* The descriptor is not inherited by ``fork()``: in the child the object is closed from 3.12.1 on
  (https://github.com/python/cpython/issues/110395); before, using it is EBADF. ``exec`` does not inherit it either.
* A kqueue's own descriptor is readable while it has events.
* A signal runs its handler, the rest of the time-out is waited for. CPython then calls the kernel with the same changes
  again; here they are applied once, for Python does not say that it was interrupted.
* ``control()`` in another thread may add knotes while one waits, and wakes it if they are active.

Not emulated, and refused with NotImplementedError: EVFILT_VNODE, EVFILT_SIGNAL (Linux shows a signal only to whom it is
delivered), the other filters of XNU, EV_UDATA_SPECIFIC, EV_VANISHED.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from ...clocks import poll as wait
from .descriptors import Descriptors
from .kevent import (
    EV_ERROR,
    EV_RECEIPT,
    EV_SYSFLAGS,
    EV_UDATA_SPECIFIC,
    EV_VANISHED,
    EVFILT_AIO,
    EVFILT_READ,
    EVFILT_SYSCOUNT,
    EVFILT_WRITE,
    FILTERS,
    event,
    kevent,
)
from .kinds import Devices
from .knotes import Filter, error
from .processes import Processes
from .timers import Timers
from .user import UserEvents

SECOND = 1_000_000_000  # ns
LONGEST = (1 << 63) / SECOND  # seconds
CLOSED_BY_FORK = sys.version_info >= (3, 12, 1)


class Queue:
    """A kqueue in the kernel.

    Each filter that waits for descriptors has an epoll of its own. An eventfd is set while a filter without descriptors
    is active, and when threads that wait have to look again. An epoll above them all lends its number to the kqueue. It
    looks at the others only after the program has asked for that number: an epoll in an epoll can watch one file
    not more than 500 times (path_limits, fs/eventpoll.c of Linux).

    Attributes:
        pid: the process that made it.
        bell: the eventfd.
    """

    def __init__(self, devices: Devices) -> None:
        self.pid = os.getpid()
        self._epoll = select.epoll()
        self._visible = False
        reads, writes = (
            Descriptors(number, devices, _is_kqueue, self._renewed) for number in (EVFILT_READ, EVFILT_WRITE)
        )
        self._filters: list[Filter[Any]] = [reads, writes, Processes(), Timers(), UserEvents()]
        self._by_number = {one.number: one for one in self._filters}
        self._lock = threading.RLock()
        self._waiting = 0
        self._closed = False
        self._rings = False
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def number(self) -> int:
        """Return the number of the descriptor, which nobody can watch yet."""
        return self._epoll.fileno()

    def fileno(self) -> int:
        """Return the descriptor. It is readable while there are events."""
        with self._lock:
            self._visible = True
            self._look_at_all()
        return self._epoll.fileno()

    def control(self, changes: Iterable[kevent], room: int, timeout: int | None) -> list[kevent]:
        """Stand for kevent(2).

        Args:
            changes: to apply.
            room: for how many events.
            timeout: in ns; None: for ever.
        """
        with self._lock:
            self._check()
            events: list[kevent] = []
            for change in changes:
                events += self._apply(change, room > len(events))
            self._ring(others=True)
        if events or not room:
            return events
        return self._wait(room, None if timeout is None else time.monotonic_ns() + timeout)

    def close(self) -> None:
        """Close the descriptor. Calls that wait in other threads fail."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            _queues.pop(self.number(), None)
            os.eventfd_write(self.bell, 1)
            self._epoll.close()
            for one in self._filters:
                one.close()
            if not self._waiting:
                os.close(self.bell)

    def leave(self) -> None:
        """Close what a forked child inherited and macOS would not have given it."""
        self._closed = True
        _queues.pop(self.number(), None)
        self._epoll.close()
        for one in self._filters:
            one.close()
        os.close(self.bell)

    def _check(self) -> None:
        if self._closed:
            raise error(errno.EBADF)

    def _apply(self, change: kevent, room: bool) -> list[kevent]:
        flags = change.flags & ~EV_SYSFLAGS
        number = 0
        try:
            self._register(change, flags)
        except OSError as refused:
            if not room:
                raise
            number = refused.errno or 0
        if room and (number or flags & EV_RECEIPT):
            return [event(change.ident, change.filter, flags | EV_ERROR, change.fflags, number, change.udata)]
        return []

    def _register(self, change: kevent, flags: int) -> None:
        known = self._by_number.get(change.filter)
        if known is None:
            if change.filter == EVFILT_AIO:
                raise error(errno.ENOTSUP)
            if not -EVFILT_SYSCOUNT <= change.filter < 0:
                raise error(errno.EINVAL)
            raise NotImplementedError(f"kqueue: {FILTERS.get(change.filter, change.filter)} is not emulated")
        for flag, name in ((EV_UDATA_SPECIFIC, "EV_UDATA_SPECIFIC"), (EV_VANISHED, "EV_VANISHED")):
            if flags & flag:
                raise NotImplementedError(f"kqueue: {name} is not emulated")
        known.register(event(change.ident, change.filter, flags, change.fflags, change.data, change.udata))

    def _wait(self, room: int, deadline: int | None) -> list[kevent]:
        while True:
            with self._lock:
                self._check()
                events = self._collect(room)
                now = time.monotonic_ns()
                if events or (deadline is not None and deadline <= now):
                    self._ring(others=True)
                    return events
                dues = [due for one in self._filters if (due := one.due()) is not None]
                if deadline is not None:
                    dues.append(deadline)
                sources = select.poll()
                for fd in self._descriptors():
                    sources.register(fd, select.POLLIN)
                self._waiting += 1
            try:
                wait(sources.poll, max(min(dues) - now, 0) / SECOND if dues else None)
            finally:
                with self._lock:
                    self._waiting -= 1
                    if self._closed and not self._waiting:
                        os.close(self.bell)

    def _collect(self, room: int) -> list[kevent]:
        events: list[kevent] = []
        for one in self._filters:
            if len(events) < room:
                events += one.collect(room - len(events))
        self._filters.append(self._filters.pop(0))  # the next call begins with others
        self._ring(others=False)
        return events

    def _descriptors(self) -> list[int]:
        return [self.bell, *(fd for one in self._filters if (fd := one.fileno()) is not None)]

    def _renewed(self) -> None:
        self._look_at_all()
        if self._waiting:
            self._ring(others=True)

    def _look_at_all(self) -> None:
        for fd in self._descriptors() if self._visible else ():
            with contextlib.suppress(FileExistsError):
                self._epoll.register(fd, select.EPOLLIN)

    def _ring(self, *, others: bool) -> None:
        """Set the eventfd, or clear it: a filter without descriptors is active, or other threads shall look again."""
        active = any(one.due() == 0 for one in self._filters) or (others and self._waiting > 0)
        if active and not self._rings:
            os.eventfd_write(self.bell, 1)
        elif self._rings and not active:
            os.eventfd_read(self.bell)
        self._rings = active


class kqueue:  # noqa: N801 - the name in CPython
    """A kqueue, as :class:`select.kqueue`."""

    devices = Devices()

    def __init__(self, *args: object, **keywords: object) -> None:
        if args or keywords:
            raise ValueError("select.kqueue doesn't accept arguments")
        self._queue: Queue | None = Queue(self.devices)
        self._fd = self._queue.number()
        self._duplicate = False  # the descriptor is not the one that the queue has
        _queues[self._fd] = self._queue

    @classmethod
    def fromfd(cls, fd: int, /) -> kqueue:
        """Make an object of a kqueue's descriptor."""
        made = cls.__new__(cls)
        queue = _queues.get(fd)
        made._fd, made._queue, made._duplicate = fd, queue or _same(fd), queue is None  # noqa: SLF001 - its own class
        return made

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        self._notice_fork()
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor."""
        self._open()
        return self._fd if self._queue is None else self._queue.fileno()

    def close(self) -> None:
        """Close the descriptor; again: nothing."""
        self._notice_fork()
        fd, self._fd = self._fd, -1
        queue, self._queue = self._queue, None
        if fd < 0:
            return
        if self._duplicate:
            with contextlib.suppress(OSError):
                os.close(fd)
        elif queue is not None:
            queue.close()

    def control(self, changelist: Any, maxevents: int, timeout: float | None = None, /) -> list[kevent]:
        """Apply changes, and wait for events.

        Args:
            changelist: an iterable of changes, or None.
            maxevents: how many events to return at most; 0 never waits.
            timeout: in seconds; None: for ever.

        Raises:
            OSError: the kernel refused a change, and there was no room to say so in an event.
            NotImplementedError: a filter or a flag is not emulated.
        """
        self._open()
        if maxevents < 0:
            raise ValueError(f"Length of eventlist must be 0 or positive, got {maxevents}")
        patience = _nanoseconds(timeout)
        changes = _changes(changelist)
        if self._queue is None:
            raise error(errno.EBADF)
        return self._queue.control(changes, maxevents, patience)

    def _open(self) -> None:
        self._notice_fork()
        if self._fd < 0:
            raise ValueError("I/O operation on closed kqueue object")

    def _notice_fork(self) -> None:
        if self._queue is not None and self._queue.pid != os.getpid():
            self._queue.leave()
            self._queue = None
            if CLOSED_BY_FORK:
                self._fd = -1

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # __init__ may have raised
            self.close()


kqueue.__module__ = "select"
_queues: weakref.WeakValueDictionary[int, Queue] = weakref.WeakValueDictionary()


def _is_kqueue(fd: int) -> bool:
    return fd in _queues


def _same(fd: int) -> Queue | None:
    """Find the kqueue that another descriptor is a duplicate of: by the eventfd that its epoll looks at."""
    try:
        listed = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    except OSError:
        return None
    watched = {int(number) for number in re.findall(r"^tfd:\s*(\d+)", listed, re.MULTILINE)}
    return next((queue for queue in _queues.values() if queue.bell in watched), None)


def _nanoseconds(timeout: Any) -> int | None:
    if timeout is None:
        return None
    if isinstance(timeout, float):
        if timeout != timeout:
            raise ValueError("Invalid value NaN (not a number)")
        if abs(timeout) >= LONGEST:
            raise OverflowError("timestamp out of range for platform time_t")
        nanoseconds = -int(-timeout * SECOND // 1)
    else:
        try:
            nanoseconds = timeout.__index__() * SECOND
        except (AttributeError, TypeError):
            raise TypeError(f"timeout argument must be a number or None, got {type(timeout).__name__:.200}") from None
    if nanoseconds < 0:
        raise ValueError("timeout must be positive or None")
    if nanoseconds >= 1 << 63:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    return nanoseconds


def _changes(changelist: Any) -> list[kevent]:
    if changelist is None:
        return []
    try:
        changes = list(changelist)
    except TypeError:
        raise TypeError("changelist is not iterable") from None
    if not all(isinstance(change, kevent) for change in changes):
        raise TypeError("changelist must be an iterable of select.kevent objects")
    return changes
