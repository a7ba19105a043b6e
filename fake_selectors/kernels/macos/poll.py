"""``select.poll`` as macOS has it.

Facts, of XNU's bsd/kern/sys_generic.c and poll(2): ``poll()`` is made of a kqueue. A descriptor that a kqueue refuses,
character devices and directories among them, gives POLLNVAL, at once. Regular files are always ready. POLLHUP comes
without POLLOUT.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import select
import sys
from typing import Any

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from .kevent import EVFILT_READ
from .kinds import Devices, Fifo, kind_of


class poll:  # noqa: N801 - the name in CPython
    """A polling object, as :func:`select.poll` makes it; subclasses say which devices there are."""

    devices: Devices

    def __init__(self) -> None:
        self._poll = select.poll()
        self._refused: dict[int, None] = {}

    def register(self, fd: Any, eventmask: int = select.POLLIN | select.POLLPRI | select.POLLOUT, /) -> None:
        """Watch a descriptor."""
        self._poll.register(fd, eventmask)
        number = fd if isinstance(fd, int) else fd.fileno()
        self._refused.pop(number, None)
        try:
            kind = kind_of(number, EVFILT_READ, self.devices, is_kqueue=False)
        except OSError:
            self._refused[number] = None
        else:
            if isinstance(kind, Fifo):
                self._poll.unregister(fd)
                raise NotImplementedError("select.poll of a FIFO with a name is not emulated")

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Watch a descriptor for something else."""
        self._poll.modify(fd, eventmask)

    def unregister(self, fd: Any, /) -> None:
        """Watch a descriptor no more."""
        self._poll.unregister(fd)
        self._refused.pop(fd if isinstance(fd, int) else fd.fileno(), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait for `timeout` milliseconds; None or negative: for ever."""
        found = self._poll.poll(0 if self._refused else timeout)
        ready = [
            (fd, events & ~select.POLLOUT if events & select.POLLHUP else events)
            for fd, events in found
            if fd not in self._refused
        ]
        return ready + [(fd, select.POLLNVAL) for fd in self._refused]


poll.__module__ = "select"
