"""Kinds of descriptors, and when EVFILT_READ and EVFILT_WRITE are active on them.

Facts, of XNU (bsd/kern/uipc_socket.c, sys_pipe.c, tty.c, tty_ptmx.c, kern_event.c, bsd/vfs/vfs_vnops.c,
bsd/miscfs/specfs/spec_vnops.c, bsd/miscfs/fifofs/fifo_vnops.c):

* A listening socket is readable while a connection waits; ``data`` is how many.
* Any other socket is readable when it has as many bytes as the low-water mark (NOTE_LOWAT in ``fflags``, the mark in
  ``data``), also when a datagram of no bytes waits; when its peer, or ``shutdown()``, ended it (EV_EOF, with the error
  of the socket in ``fflags``, and what is still unread in ``data``); and when it has an error.
  It is writable when it is connected, or need not be, and has room; when it was shut down for writing or is
  disconnected (EV_EOF); and when it has an error. A stream socket that was never connected is neither.
* A pipe is readable with one byte or at its end (EV_EOF, perhaps with data), writable with room for PIPE_BUF = 512
  bytes or when nobody can read any more (EV_EOF, ``data`` 0). The filter of the other end is accepted:
  it is active only when the opposite end is closed (EV_EOF). asyncio's write transports rely on it.
* Regular files are readable while ``size - offset`` is not 0, and that is ``data``, also negative; at the end they are
  quiet, with no EV_EOF, until they grow. They are always writable, ``data`` 1.
  Directories, block devices and anything else in the file system: EINVAL.
* Character devices: EINVAL, unless the driver is written for it: terminals are, both sides of pseudo terminals too;
  ``/dev/null``, ``/dev/zero``, ``/dev/random`` and ``/dev/tty``, the alias of the controlling terminal, are not.
  Up to 10.8 none is (https://docs.python.org/3/library/asyncio-platforms.html#macos).
* A kqueue in a kqueue is readable while it has events; EVFILT_WRITE: EINVAL.

What this host does not tell is not made up: reading such a number from the event raises NotImplementedError.
An error that waits in a socket is told once, to ``getsockopt(SO_ERROR)``, and belongs to the program. Of several
datagrams Linux tells the size of the first one.
"""

from __future__ import annotations

import abc
import array
import contextlib
import errno
import fcntl
import os
import select
import stat
import struct
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass

from .kevent import EV_EOF, EVFILT_READ, NOTE_LOWAT, Untold
from .knotes import Knote, error

if sys.platform != "linux":
    raise ImportError("kqueue is emulated over Linux' epoll")

import socket

PIPE_BUF = 512
_SO_ERROR = Untold("fflags, the error of a socket that only getsockopt(SO_ERROR) tells,")
_TCP_INFO_UNACKED = slice(24, 28)  # of a listening socket: connections that wait to be accepted


@dataclass(frozen=True, slots=True)
class Active:
    """What an active filter reports."""

    data: int | Untold
    flags: int = 0
    fflags: int | Untold = 0


class Kind(abc.ABC):
    """A kind of descriptors. `epoll` is false for those that Linux' epoll refuses."""

    epoll = True

    @abc.abstractmethod
    def readable(self, fd: int, knote: Knote) -> Active | None:
        """Look whether EVFILT_READ is active."""

    @abc.abstractmethod
    def writable(self, fd: int, knote: Knote) -> Active | None:
        """Look whether EVFILT_WRITE is active."""


class Socket(Kind):
    """Sockets of every family."""

    def __init__(self, fd: int) -> None:
        with _borrowed(fd) as sock:
            self._stream = sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM

    def readable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLIN | select.POLLRDHUP)
        if not found or _unconnected(found):
            return None
        try:
            unread = _ioctl(fd, termios.FIONREAD)
        except OSError as refused:
            if refused.errno != errno.EINVAL:
                raise
            return Active(_backlog(fd))
        if found & (select.POLLRDHUP | select.POLLHUP):
            return Active(unread, EV_EOF, _SO_ERROR if found & select.POLLERR else 0)
        if found & select.POLLERR or unread >= _low_water(knote, 1) or (found & select.POLLIN and not unread):
            return Active(unread)
        return None

    def writable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLOUT | select.POLLRDHUP)
        if not found & (select.POLLOUT | select.POLLHUP | select.POLLERR) or _unconnected(found):
            return None
        with _borrowed(fd) as sock:
            room = max(sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - _ioctl(fd, termios.TIOCOUTQ), 0)
            if found & select.POLLHUP:
                return Active(room, EV_EOF, _SO_ERROR if found & select.POLLERR else 0)
            if found & select.POLLERR:
                return Active(room)
            if self._stream and _shut_down(sock):
                return Active(room, EV_EOF)
        return Active(room) if room >= _low_water(knote, 1) else None


class Pipe(Kind):
    """Either end of a pipe."""

    def __init__(self, fd: int) -> None:
        mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        self._reads = mode in {os.O_RDONLY, os.O_RDWR}
        self._writes = mode in {os.O_WRONLY, os.O_RDWR}

    def readable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLIN)
        unread = _ioctl(fd, termios.FIONREAD) if self._reads else 0
        if found & (select.POLLHUP | select.POLLERR):
            return Active(unread, EV_EOF)
        return Active(unread) if self._reads and unread >= _low_water(knote, 1) else None

    def writable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLOUT)
        if found & (select.POLLHUP | select.POLLERR):
            return Active(0, EV_EOF)
        if not (self._writes and found & select.POLLOUT):
            return None
        room = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) - _ioctl(fd, termios.FIONREAD)
        return Active(room) if room >= _low_water(knote, PIPE_BUF) else None


class Terminal(Kind):
    """A terminal, or either side of a pseudo terminal."""

    def readable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLIN)
        if not found:
            return None
        with contextlib.suppress(OSError):
            return Active(_ioctl(fd, termios.FIONREAD), EV_EOF if found & select.POLLHUP else 0)
        return Active(0, EV_EOF)

    def writable(self, fd: int, knote: Knote) -> Active | None:
        found = _poll(fd, select.POLLOUT)
        if not found:
            return None
        return Active(Untold("data, the room of a terminal,"), EV_EOF if found & select.POLLHUP else 0)


class File(Kind):
    """A regular file."""

    epoll = False

    def readable(self, fd: int, knote: Knote) -> Active | None:
        unread = os.fstat(fd).st_size - os.lseek(fd, 0, os.SEEK_CUR)
        return Active(unread) if unread else None

    def writable(self, fd: int, knote: Knote) -> Active | None:
        return Active(1)


class Queue(Kind):
    """Another kqueue."""

    def readable(self, fd: int, knote: Knote) -> Active | None:
        return Active(Untold("data, the number of events in another kqueue,")) if _poll(fd, select.POLLIN) else None

    def writable(self, fd: int, knote: Knote) -> Active | None:
        raise error(errno.EINVAL)


@dataclass(frozen=True)
class Devices:
    """Which character devices a version of macOS lets into a kqueue.

    Attributes:
        terminals: terminals are accepted: 10.9 and later.
    """

    terminals: bool = True

    def accept(self, fd: int, device: int) -> bool:
        """Whether a character device is accepted."""
        return self.terminals and device != _CONTROLLING_TERMINAL and os.isatty(fd)


_CONTROLLING_TERMINAL = os.makedev(5, 0)


def kind_of(fd: int, filter_: int, devices: Devices, *, is_kqueue: bool) -> Kind:
    """Return the kind of a descriptor that may be watched.

    Raises:
        OSError: EBADF, or EINVAL for a kind that kqueue refuses.
        NotImplementedError: macOS has no such kind.
    """
    if is_kqueue:
        if filter_ != EVFILT_READ:
            raise error(errno.EINVAL)
        return Queue()
    found = os.fstat(fd)
    mode = found.st_mode
    if stat.S_ISSOCK(mode):
        return Socket(fd)
    if stat.S_ISFIFO(mode):
        return Pipe(fd)
    if stat.S_ISREG(mode):
        return File()
    if stat.S_ISCHR(mode) and devices.accept(fd, found.st_rdev):
        return Terminal()
    if not stat.S_IFMT(mode):
        name = os.readlink(f"/proc/self/fd/{fd}")
        raise NotImplementedError(f"kqueue: descriptor {fd} is of a kind that macOS does not have: {name}")
    raise error(errno.EINVAL)


def _poll(fd: int, events: int) -> int:
    """Return the events of poll(2), now."""
    poll = select.poll()
    poll.register(fd, events)
    found = poll.poll(0)
    return found[0][1] if found else 0


def _ioctl(fd: int, request: int) -> int:
    """Return the int that an ioctl fills in."""
    answer = array.array("i", [0])
    fcntl.ioctl(fd, request, answer)
    return answer[0]


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """Make a socket object of a number that belongs to somebody else."""
    blocking = os.get_blocking(fd)  # a default time-out makes a new object non-blocking
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=fd)  # no call here needs the true family
    try:
        yield sock
    finally:
        sock.detach()
        if os.get_blocking(fd) != blocking:
            os.set_blocking(fd, blocking)


def _unconnected(found: int) -> bool:
    """Whether this is what Linux says of a stream socket that has not been connected: hung up, but not ended."""
    return bool(found & select.POLLHUP and not found & (select.POLLIN | select.POLLRDHUP | select.POLLERR))


def _low_water(knote: Knote, least: int) -> int:
    return max(knote.data, least) if knote.fflags & NOTE_LOWAT else least


def _backlog(fd: int) -> int | Untold:
    """Return how many connections wait on a listening socket."""
    with _borrowed(fd) as sock:
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
        except OSError:
            return Untold("data, the number of connections that wait on a unix socket,")
    waiting: int = struct.unpack("I", info[_TCP_INFO_UNACKED])[0]
    return waiting


def _shut_down(sock: socket.socket) -> bool:
    """Whether a connected stream socket was shut down for writing: sending nothing tells, and does nothing else."""
    try:
        sock.send(b"", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except BlockingIOError:
        return False
    except BrokenPipeError:
        return True
    return False
