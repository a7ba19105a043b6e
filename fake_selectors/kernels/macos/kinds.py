"""Kinds of descriptors, and when EVFILT_READ and EVFILT_WRITE are active on them.

Facts, of XNU (bsd/kern/uipc_socket.c, sys_pipe.c, tty.c, tty_ptmx.c, kern_event.c, bsd/vfs/vfs_vnops.c,
bsd/miscfs/specfs/spec_vnops.c, bsd/miscfs/fifofs/fifo_vnops.c):

* NOTE_LOWAT is cut to the size of the buffer.
* A listening socket is readable while a connection waits; ``data`` is how many.
* Any other socket is readable when it has as many bytes as the low-water mark (NOTE_LOWAT in ``fflags``, the mark in
  ``data``), also when a datagram of no bytes waits; when its peer, or ``shutdown()``, ended it (EV_EOF, with the error
  of the socket in ``fflags``, and what is still unread in ``data``); and when it has an error.
  It is writable when it is connected, or need not be, and has room; when it was shut down for writing or is
  disconnected (EV_EOF); and when it has an error. A stream socket that was never connected is neither.
* A pipe is readable with one byte or at its end (EV_EOF, perhaps with data), writable with room for PIPE_BUF = 512
  bytes or when nobody can read any more (EV_EOF, ``data`` 0). The filter of the other end is accepted:
  it is active only when the opposite end is closed (EV_EOF). asyncio's write transports rely on it.
* A FIFO with a name is not a pipe but a file: readable while it has data, writable while it has room, seen from either
  end. Its end is never told, in neither direction (https://github.com/golang/go/issues/24164,
  https://github.com/python/cpython/issues/145030: asyncio closes a write transport of it as soon as data is unread).
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

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import _socket
import abc
import array
import contextlib
import errno
import fcntl
import os
import select
import socket
import stat
import struct
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from .kevent import EV_EOF, EVFILT_READ, NOTE_LOWAT, Untold
from .knotes import Knote, error

PIPE_BUF = 512
_SO_ERROR = Untold("the error of a socket, which only getsockopt(SO_ERROR) tells,")
_TCP_INFO_UNACKED = slice(24, 28)  # of a listening socket: connections that wait to be accepted


@dataclass(frozen=True, slots=True)
class Active:
    """What an active filter reports."""

    data: int | Untold
    flags: int = 0
    fflags: int | Untold = 0


class Kind(abc.ABC):
    """A kind of descriptors."""

    @abc.abstractmethod
    def readable(self, knote: Knote) -> Active | None:
        """Look whether EVFILT_READ is active."""

    @abc.abstractmethod
    def writable(self, knote: Knote) -> Active | None:
        """Look whether EVFILT_WRITE is active."""

    def told(self, knote: Knote, *, reads: bool) -> bool:
        """Whether Linux' epoll reports every moment at which the filter may become active."""
        return reads or not knote.fflags & NOTE_LOWAT


class Socket(Kind):
    """Sockets of every family."""

    def __init__(self, fd: int) -> None:
        with _borrowed(fd) as sock:
            self._stream = sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM

    def readable(self, knote: Knote) -> Active | None:
        """Look for connections, data, the end, an error."""
        fd = knote.ident
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
        if found & select.POLLERR or not unread or not knote.fflags & NOTE_LOWAT:  # a datagram of no bytes is one
            return Active(unread)
        with _borrowed(fd) as sock:
            return Active(unread) if unread >= _low_water(knote, 1, _size(sock, socket.SO_RCVBUF)) else None

    def writable(self, knote: Knote) -> Active | None:
        """Look for room, the end, an error."""
        fd = knote.ident
        found = _poll(fd, select.POLLOUT | select.POLLRDHUP)
        if not found & (select.POLLOUT | select.POLLHUP | select.POLLERR) or _unconnected(found):
            return None
        with _borrowed(fd) as sock:
            size = _size(sock, socket.SO_SNDBUF)
            room = max(size - _ioctl(fd, termios.TIOCOUTQ), 1)
            if found & select.POLLHUP:
                return Active(room, EV_EOF, _SO_ERROR if found & select.POLLERR else 0)
            if found & select.POLLERR:
                return Active(room)
            if self._stream and _shut_down(sock):
                return Active(room, EV_EOF)
        return Active(room) if room >= _low_water(knote, 1, size) else None


class Pipe(Kind):
    """Either end of a pipe without a name."""

    def __init__(self, fd: int) -> None:
        mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        self._reads = mode in {os.O_RDONLY, os.O_RDWR}
        self._writes = mode in {os.O_WRONLY, os.O_RDWR}

    def readable(self, knote: Knote) -> Active | None:
        """Look for data and the end."""
        fd = knote.ident
        found = _poll(fd, select.POLLIN)
        unread = _ioctl(fd, termios.FIONREAD) if self._reads else 0
        if found & (select.POLLHUP | select.POLLERR):
            return Active(unread, EV_EOF)
        return Active(unread) if self._reads and unread >= _low_water(knote, 1, _capacity(fd)) else None

    def writable(self, knote: Knote) -> Active | None:
        """Look for room and the end."""
        fd = knote.ident
        found = _poll(fd, select.POLLOUT)
        if found & (select.POLLHUP | select.POLLERR):
            return Active(0, EV_EOF)
        if not (self._writes and found & select.POLLOUT):
            return None
        capacity = _capacity(fd)
        room = capacity - _ioctl(fd, termios.FIONREAD)
        return Active(room) if room >= _low_water(knote, PIPE_BUF, capacity) else None


class Fifo(Kind):
    """Either end of a pipe in the file system."""

    def __init__(self, fd: int) -> None:
        mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        self._told = {True: mode in {os.O_RDONLY, os.O_RDWR}, False: mode in {os.O_WRONLY, os.O_RDWR}}

    def readable(self, knote: Knote) -> Active | None:
        """Look for data, from both ends."""
        unread = _ioctl(knote.ident, termios.FIONREAD)
        return Active(unread) if unread else None

    def writable(self, knote: Knote) -> Active | None:
        """Look for room, from both ends."""
        room = _capacity(knote.ident) - _ioctl(knote.ident, termios.FIONREAD)
        return Active(room) if room else None

    def told(self, knote: Knote, *, reads: bool) -> bool:  # noqa: ARG002
        """Whether it is the filter of this end."""
        return self._told[reads]


class Terminal(Kind):
    """A terminal, or either side of a pseudo terminal."""

    def readable(self, knote: Knote) -> Active | None:
        """Look for data and the end."""
        found = _poll(knote.ident, select.POLLIN)
        if not found:
            return None
        return Active(_ioctl(knote.ident, termios.FIONREAD), EV_EOF if found & select.POLLHUP else 0)

    def writable(self, knote: Knote) -> Active | None:
        """Look for room and the end."""
        found = _poll(knote.ident, select.POLLOUT)
        if not found:
            return None
        return Active(Untold("the room of a terminal,"), EV_EOF if found & select.POLLHUP else 0)


class File(Kind):
    """A regular file."""

    def readable(self, knote: Knote) -> Active | None:
        """Look whether it is read to the end."""
        unread = os.fstat(knote.ident).st_size - os.lseek(knote.ident, 0, os.SEEK_CUR)
        return Active(unread) if unread else None

    def writable(self, _knote: Knote) -> Active | None:
        """Say that it is."""
        return Active(1)

    def told(self, knote: Knote, *, reads: bool) -> bool:  # noqa: ARG002
        """Say that it is not."""
        return False


class Queue(Kind):
    """Another kqueue."""

    def readable(self, knote: Knote) -> Active | None:
        """Look for events."""
        if not _poll(knote.ident, select.POLLIN):
            return None
        return Active(Untold("the number of events in another kqueue,"))

    def writable(self, _knote: Knote) -> Active | None:
        """Refuse."""
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
        return _queue(filter_)
    found = os.fstat(fd)
    mode = found.st_mode
    if stat.S_ISSOCK(mode):
        return Socket(fd)
    if stat.S_ISFIFO(mode):
        return Fifo(fd) if is_fifo(fd) else Pipe(fd)
    if stat.S_ISREG(mode):
        return File()
    if stat.S_ISCHR(mode) and devices.accept(fd, found.st_rdev):
        return Terminal()
    if not stat.S_IFMT(mode):
        name = _link(fd)
        if name == "anon_inode:[eventpoll]":  # what a selector of this host has where macOS' has a kqueue
            return _queue(filter_)
        raise NotImplementedError(f"kqueue: descriptor {fd} is of a kind that macOS does not have: {name}")
    raise error(errno.EINVAL)


def is_fifo(fd: int) -> bool:
    """Whether a pipe has a name."""
    return not _link(fd).startswith("pipe:")


def _queue(filter_: int) -> Kind:
    if filter_ != EVFILT_READ:
        raise error(errno.EINVAL)
    return Queue()


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
def _borrowed(fd: int) -> Iterator[_socket.socket]:
    """Make a socket object of a number that belongs to somebody else.

    It is of the class below the one that programs see, whose methods they may replace: aiohttp's tests do.
    """
    made_non_blocking = socket.getdefaulttimeout() is not None and os.get_blocking(fd)
    sock = _socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=fd)  # no call here needs the true family
    try:
        yield sock
    finally:
        sock.detach()
        if made_non_blocking:
            os.set_blocking(fd, True)


def _unconnected(found: int) -> bool:
    """Whether this is what Linux says of a stream socket that has not been connected: hung up, but not ended."""
    return bool(found & select.POLLHUP and not found & (select.POLLIN | select.POLLRDHUP | select.POLLERR))


def _low_water(knote: Knote, least: int, most: int) -> int:
    return min(max(knote.data, least), most) if knote.fflags & NOTE_LOWAT else least


def _size(sock: _socket.socket, buffer: int) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, buffer)


def _capacity(pipe: int) -> int:
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def _link(fd: int) -> str:
    """Return what a descriptor is open for."""
    return str(Path(f"/proc/self/fd/{fd}").readlink())


def _backlog(fd: int) -> int | Untold:
    """Return how many connections wait on a listening socket."""
    with _borrowed(fd) as sock:
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
        except OSError:
            return Untold("the number of connections that wait on a unix socket,")
    waiting: int = struct.unpack("I", info[_TCP_INFO_UNACKED])[0]
    return waiting


def _shut_down(sock: _socket.socket) -> bool:
    """Whether a connected stream socket was shut down for writing: sending nothing tells, and does nothing else."""
    try:
        sock.send(b"", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except BlockingIOError:
        return False
    except BrokenPipeError:
        return True
    return False
