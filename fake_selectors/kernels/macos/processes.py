"""EVFILT_PROC, as far as a pidfd tells it: the end of a process.

Facts, of XNU's bsd/kern/kern_event.c (``filt_proc*``):

* ``ident`` is a process id. No such process, or one that has ended and waits to be reaped: ESRCH.
* With NOTE_EXIT it is reported once, with EV_EOF and EV_ONESHOT, when the process has ended, before it is reaped.
  With NOTE_EXITSTATUS ``data`` is its status as ``waitpid()`` gives it, otherwise 0. EV_CLEAR is implied.
* NOTE_TRACK, NOTE_TRACKERR, NOTE_CHILD: ENOTSUP. NOTE_EXITSTATUS of a process that is not a child and may not be
  signalled: EACCES.
* It takes nothing away: the parent can, and must, still wait for it.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
from dataclasses import dataclass

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from .kevent import EV_CLEAR, EV_DISABLE, EV_EOF, EV_ONESHOT, EVFILT_PROC, NOTE_EXIT, NOTE_EXITSTATUS, Untold, kevent
from .knotes import Filter, Knote, error

NOTE_TRACKING = 0x7  # NOTE_TRACK, NOTE_TRACKERR, NOTE_CHILD


@dataclass(slots=True)
class Process(Knote):
    """A process that is watched.

    Attributes:
        pidfd: its descriptor on this host.
    """

    pidfd: int = -1


class Processes(Filter[Process]):
    """The processes that a kqueue watches."""

    def __init__(self) -> None:
        super().__init__(EVFILT_PROC)
        self._epoll = select.epoll()
        self._by_pidfd: dict[int, Process] = {}

    def fileno(self) -> int:
        """Return the descriptor that is readable while `collect` has something to do."""
        return self._epoll.fileno()

    def collect(self, room: int) -> list[kevent]:
        """Report the processes that have ended, at most `room`."""
        events = []
        for pidfd, _ in self._epoll.poll(0, room):
            knote = self._by_pidfd[pidfd]
            fflags = knote.fflags & (NOTE_EXIT | NOTE_EXITSTATUS)
            data = _status(pidfd) if fflags & NOTE_EXITSTATUS else 0
            events.append(self._report(knote, data, fflags, EV_EOF | EV_ONESHOT))
        return events

    def close(self) -> None:
        """Close all descriptors."""
        for pidfd in self._by_pidfd:
            os.close(pidfd)
        self._by_pidfd.clear()
        self._epoll.close()

    def _attach(self, change: kevent, flags: int) -> Process:
        if change.fflags & NOTE_TRACKING:
            raise error(errno.ENOTSUP)
        self._check(change)
        try:
            pidfd = os.pidfd_open(change.ident)
        except (OSError, OverflowError):
            raise error(errno.ESRCH) from None
        ended = select.poll()
        ended.register(pidfd, select.POLLIN)
        if ended.poll(0):
            os.close(pidfd)
            raise error(errno.ESRCH)
        if change.fflags & NOTE_EXITSTATUS and isinstance(_status(pidfd), Untold):
            try:
                signal.pidfd_send_signal(pidfd, 0)
            except PermissionError:
                os.close(pidfd)
                raise error(errno.EACCES) from None
        disabled = bool(flags & EV_DISABLE)
        knote = Process(change.ident, flags | EV_CLEAR, change.fflags, 0, change.udata, disabled, pidfd)
        self._by_pidfd[pidfd] = knote
        return knote

    def _touch(self, knote: Process, change: kevent) -> None:
        self._check(change)
        knote.fflags = change.fflags

    def _arm(self, knote: Process) -> None:
        # Without EPOLLIN Linux would still report that the process was reaped (EPOLLHUP).
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            if knote.disabled:
                self._epoll.unregister(knote.pidfd)
            else:
                self._epoll.register(knote.pidfd, select.EPOLLIN)

    def _drop(self, knote: Process) -> None:
        super()._drop(knote)
        del self._by_pidfd[knote.pidfd]
        os.close(knote.pidfd)

    def _check(self, change: kevent) -> None:
        unknown = change.fflags & ~(NOTE_EXIT | NOTE_EXITSTATUS)
        if unknown:
            raise NotImplementedError(f"kqueue: EVFILT_PROC with fflags 0x{unknown:x} is not emulated")


def _status(pidfd: int) -> int | Untold:
    """Return what waitpid() will give for a child that has ended."""
    try:
        found = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return Untold("the status of a process that is not a child,")
    if found is None:
        return 0
    if found.si_code == os.CLD_EXITED:
        return found.si_status << 8
    return found.si_status | (0x80 if found.si_code == os.CLD_DUMPED else 0)
