"""Overlapped operations: what a program asked for, and how far it is.

Some facts:

1. An operation is started, and is then pending or complete; CPython calls it ``Overlapped``. What is complete has the
   number of an error, or 0, and how many bytes were transferred. An operation may be complete when its start returns:
   a receive where data waits, a send where there is room.
   https://learn.microsoft.com/windows/win32/api/minwinbase/ns-minwinbase-overlapped
2. There are two vocabularies of errors. What fails at the start has Winsock's number, 10054 for a reset connection.
   What fails later has Win32's, which the kernel's status is translated to: 64 for the same. ``GetOverlappedResult``
   knows no other, also for sockets.
   https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getoverlappedresult
3. A receive is complete with what is there, at least one byte; without any, at the end of the stream. With no room it
   is complete, with nothing, as soon as there is something. A send is complete when all of the buffer is taken.
4. A datagram that is longer than the buffer: 234 (``ERROR_MORE_DATA``) and the beginning of it.
5. Buffers belong to the system until the object is gone: a ``bytearray`` cannot be resized meanwhile.

Known difference: Windows takes a send whole, however large, as long as no more than one before it is still buffered,
and lets later ones wait. https://learn.microsoft.com/troubleshoot/windows/win32/data-segment-tcp-winsock
Here a send waits as soon as this machine's buffers are full, so that a transport pauses its protocol earlier.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import sys
from typing import Any

assert sys.platform == "linux", "Windows' overlapped operations are emulated over Linux' sockets"

from .contexts import Contexts
from .errors import WSAEMSGSIZE
from .sockets import Winsock

ERROR_NETNAME_DELETED = 64
ERROR_BROKEN_PIPE = 109
ERROR_MORE_DATA = 234
ERROR_OPERATION_ABORTED = 995
ERROR_CONNECTION_REFUSED = 1225
ERROR_PORT_UNREACHABLE = 1234
ERROR_INVALID_USER_BUFFER = 1784
ERROR_UNEXP_NET_ERR = 59

COMPLETIONS = {
    errno.EBADF: ERROR_OPERATION_ABORTED,
    errno.ECONNABORTED: 1236,
    errno.ECONNREFUSED: ERROR_CONNECTION_REFUSED,
    errno.ECONNRESET: ERROR_NETNAME_DELETED,
    errno.EHOSTUNREACH: 1232,
    errno.ENETUNREACH: 1231,
    errno.EPIPE: ERROR_NETNAME_DELETED,
    errno.ETIMEDOUT: 121,
}
"""Win32's number for an operation on a socket that fails after its start, by this machine's."""


class Pending(Exception):  # noqa: N818 - not an error
    """It cannot be done yet."""


class Borrowed(Winsock):
    """A socket that somebody else owns and closes. No call on it waits."""

    def __init__(self, handle: int) -> None:
        # As one that does not wait, or socket.setdefaulttimeout() would change the socket's mode.
        super().__init__(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0, handle)
        family, kind = (
            _socket.socket.getsockopt(self, socket.SOL_SOCKET, option) for option in (socket.SO_DOMAIN, socket.SO_TYPE)
        )
        super().__init__(family, kind | socket.SOCK_NONBLOCK, 0, handle)

    def __del__(self) -> None:
        """Leave it open: without this it would be closed."""

    def receive(self, view: memoryview, flags: int) -> tuple[int, Any, bool]:
        """Receive a datagram.

        Returns:
            How many bytes, from where, and whether there were more that are lost.
        """
        seen: list[tuple[int, Any]] = []

        def call() -> tuple[int, list[Any], int, Any]:
            size, rest, happened, address = _socket.socket.recvmsg_into(self, [view], 0, flags | socket.MSG_DONTWAIT)
            seen.append((size, address))
            return size, rest, happened, address

        try:
            size, address = self._datagram(call)
        except OSError as failure:
            if getattr(failure, "winerror", None) != WSAEMSGSIZE:
                raise
            size, address = seen[-1]
            return size, address, True
        return size, address, False


class Request:
    """An overlapped operation.

    Attributes:
        address: of the ``OVERLAPPED``; unique.
        code: number of the error, or 0; None while it is pending.
        fresh: whether nobody has asked for `code` since the start.
        late: whether its end is told when the next packet is looked for, and not earlier; see `files`.
        transferred: bytes.
    """

    writes = False
    """In which of a file's two queues it waits."""
    ends_well = frozenset((0, ERROR_MORE_DATA))
    """Codes with which the result can be taken."""

    # What most of them never change is said here: there are two per message.
    address = 0
    event: Any = None
    file: Any = None
    code: int | None = None
    fresh = True
    late = False
    transferred = 0

    def perform(self, file: Any) -> int:
        """Do it, or as much of it as is possible now.

        Returns:
            The code it is complete with.

        Raises:
            Pending: there is more to do.
            OSError: it has failed.
        """
        raise NotImplementedError(f"{type(self).__name__} on {type(file).__name__} is not emulated")

    def result(self) -> Any:
        """Return what it has brought."""
        return self.transferred


class Receive(Request):
    """Take bytes into a buffer.

    Args:
        view: the program's buffer; None: one of its own.
        size: of the buffer, in bytes.
        flags: such as ``MSG_PEEK``.
    """

    ends_well = frozenset((0, ERROR_MORE_DATA, ERROR_BROKEN_PIPE))
    data = b""
    _room: memoryview | None = None

    def __init__(self, view: memoryview | None, size: int, flags: int = 0) -> None:
        self.view = view
        self.size = size
        self.flags = flags

    def room(self) -> memoryview:
        """Return where the bytes go."""
        if self.view is not None:
            return self.view[: self.size]
        if self._room is None:
            self._room = memoryview(bytearray(self.size))
        return self._room

    def finish(self) -> None:
        """Note that what was transferred is all."""
        if self.view is None and self._room is not None:
            self.data = bytes(self._room[: self.transferred])
            self._room = None

    def perform(self, file: Any) -> int:
        """Take what there is."""
        code: int = file.receive(self)
        return code

    def result(self) -> Any:
        """Return the bytes, or how many were put into the program's buffer."""
        return self.data if self.view is None else self.transferred


class ReceiveFrom(Receive):
    """Take a datagram, and where it came from."""

    sender: Any = None

    def result(self) -> Any:
        """Return the bytes or their number, and the sender."""
        if not isinstance(self.sender, tuple):
            raise ValueError("recvfrom returned unsupported address family")
        return super().result(), self.sender


class Send(Request):
    """Hand bytes over, all of them.

    Args:
        view: the program's buffer.
        flags: such as ``MSG_OOB``.
        receiver: for a datagram on a socket that has no peer.
    """

    writes = True
    header_sent = False

    def __init__(self, view: memoryview, flags: int = 0, receiver: Any = None) -> None:
        self.view = view
        self.flags = flags
        self.receiver = receiver

    def perform(self, file: Any) -> int:
        """Hand over what there is room for."""
        code: int = file.send(self)
        return code


class Accept(Request):
    """Take a connection into a socket that was made for it.

    Args:
        handle: of that socket.
        contexts: are told.
    """

    def __init__(self, handle: int, contexts: Contexts) -> None:
        self.handle = handle
        self._contexts = contexts
        self._inode = os.fstat(handle).st_ino

    def perform(self, file: Any) -> int:
        """Take the connection that has waited longest."""
        if os.get_blocking(file.handle) and not _ready(file.handle, select.POLLIN):
            raise Pending
        try:
            descriptor, _ = _socket.socket._accept(file.socket)  # type: ignore[attr-defined] # noqa: SLF001 - has no other name
        except BlockingIOError:
            raise Pending from None
        try:
            if not self._is_there():
                return ERROR_OPERATION_ABORTED
            os.set_blocking(descriptor, os.get_blocking(self.handle))
            os.dup2(descriptor, self.handle, inheritable=False)
        finally:
            os.close(descriptor)
        self._contexts.accepted(self.handle)
        return 0

    def _is_there(self) -> bool:
        try:
            return os.fstat(self.handle).st_ino == self._inode
        except OSError:
            return False


class Connect(Request):
    """Make a connection.

    Args:
        peer: address of the peer.
        contexts: are told.
    """

    writes = True
    _begun = False
    _found: int | None = None

    def __init__(self, peer: Any, contexts: Contexts) -> None:
        self.peer = peer
        self._contexts = contexts

    def perform(self, file: Any) -> int:
        """Begin, or see what has become of it."""
        if self._found is None:
            code = self._look(file)
            self._found = COMPLETIONS.get(code, ERROR_UNEXP_NET_ERR) if code else 0
            self.late = bool(code)
            if not code:
                self._contexts.connected(file.handle)
        return self._found

    def _look(self, file: Any) -> int:
        """Return this machine's number for what has become of it."""
        if not self._begun:
            blocking = os.get_blocking(file.handle)
            os.set_blocking(file.handle, False)
            code = _socket.socket.connect_ex(file.socket, self.peer)
            if code == errno.ECONNABORTED:  # that was an earlier connection, and is told once
                code = _socket.socket.connect_ex(file.socket, self.peer)
            os.set_blocking(file.handle, blocking)
            if code and code != errno.EINPROGRESS and code not in COMPLETIONS:
                raise OSError(code, os.strerror(code))
            self._begun = True
        else:
            code = _socket.socket.getsockopt(file.socket, socket.SOL_SOCKET, socket.SO_ERROR)
            if not code and not _ready(file.handle, select.POLLOUT):
                raise Pending
        if code == errno.EINPROGRESS:
            raise Pending
        return int(code)


class Transmit(Request):
    """Send part of a file.

    Args:
        descriptor: of the file on this machine.
        offset: where the part begins.
        size: of the part, in bytes; 0: all that follows.
    """

    writes = True
    BLOCK = 2**20

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self.descriptor = descriptor
        self.offset = offset
        self._end = offset + size if size else None

    def perform(self, file: Any) -> int:
        """Send what there is room for."""
        waits = os.get_blocking(file.handle)
        while True:
            size = self.BLOCK if self._end is None else min(self.BLOCK, self._end - self.offset)
            if not size:
                return 0
            try:
                if waits:
                    part = os.pread(self.descriptor, size, self.offset)
                    sent = file.socket.send(part, socket.MSG_DONTWAIT) if part else 0
                else:
                    sent = os.sendfile(file.handle, self.descriptor, self.offset, size)
            except BlockingIOError:
                raise Pending from None
            if not sent:
                return 0
            self.offset += sent
            self.transferred += sent


def _ready(handle: int, mask: int) -> bool:
    poll = select.poll()
    poll.register(handle, mask)
    return bool(poll.poll(0))
