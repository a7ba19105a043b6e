"""What overlapped operations are done on: sockets here, pipes in ``pipes``.

Some facts:

1. A handle belongs to at most one completion port, from the call that says so until it is closed. A second call fails
   with ``[WinError 87]``, also for the same port.
   https://learn.microsoft.com/windows/win32/fileio/createiocompletionport#remarks
2. Receives on a socket are done in the order of their start, and so are sends.
   https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasend#overlapped-socket-io
3. Closing a socket ends its pending operations: 995 (``ERROR_OPERATION_ABORTED``), and each still gives its packet.
   https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-closesocket#remarks
4. The end of a stream, and that a connection was refused, is told when the next packet is looked for, and not earlier.
   This is a choice: on Windows it depends on when it came, and a refusal takes two seconds. ``asyncio`` starts the next
   receive before it hands on what the last one brought, and CPython's own tests expect to see an error in that before
   the end.
5. A datagram that is too long is taken, and fails afterwards: so CPython's tests of ``test_datagram_write_error_*`` see
   it. The number, 1784 (``ERROR_INVALID_USER_BUFFER``), is Win32's for the kernel's ``STATUS_INVALID_BUFFER_SIZE``.
6. Whether a socket blocks does not matter to overlapped operations.
7. A cancelled operation is complete, with 995, when ``CancelIoEx`` returns; bytes that it has transferred before stay
   transferred. https://learn.microsoft.com/windows/win32/fileio/cancelioex-func

Here a socket's handle is its descriptor on this machine. A socket of this platform's ``socket`` module tells when it is
closed. One of the process's own does not: its pending operations end at the next look at a port. A number that is
another socket's by now is recognised by the inode.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import sys
from collections import deque
from collections.abc import Callable

assert sys.platform == "linux", "Windows' overlapped operations are emulated over Linux' sockets"

from .errors import WSAECONNRESET, WSAEMSGSIZE, WSAENOTCONN, WSAENOTSOCK, WSAESHUTDOWN, error, translated
from .ports import CompletionPort
from .requests import (
    COMPLETIONS,
    ERROR_INVALID_USER_BUFFER,
    ERROR_MORE_DATA,
    ERROR_NETNAME_DELETED,
    ERROR_OPERATION_ABORTED,
    ERROR_PORT_UNREACHABLE,
    ERROR_UNEXP_NET_ERR,
    Borrowed,
    Pending,
    Receive,
    ReceiveFrom,
    Request,
    Send,
)
from .select import never_connected

Home = Callable[[], CompletionPort]
_IN = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_NEWS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_ROOM = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
_END = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_WITHOUT_WAITING = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)  # no enumeration: that is slow
_TCP_CLOSE = 7  # of linux/tcp_states.h


class File:
    """Something that overlapped operations are done on.

    Args:
        handle: a descriptor of this machine.
        home: gives the port that watches it until it belongs to another; nobody takes packets from that one.

    Attributes:
        port: the one it belongs to, if any.
    """

    def __init__(self, handle: int, home: Home) -> None:
        self.handle = handle
        self.port: CompletionPort | None = None
        self._home = home
        self._watcher: CompletionPort | None = None
        self._reads: deque[Request] = deque()
        self._writes: deque[Request] = deque()
        self._watched = 0
        self._has_news = True
        """Whether a receive may find something; the kernel says when."""
        self._ended = False

    @property
    def busy(self) -> bool:
        """Whether operations are pending."""
        return bool(self._reads or self._writes)

    def start(self, request: Request) -> None:
        """Do an operation, or queue it behind others.

        Raises:
            OSError: it cannot be started.
        """
        request.file = self
        queue = self._writes if request.writes else self._reads
        if not queue and (request.writes or self._has_news):
            try:
                code = request.perform(self)
            except (BlockingIOError, Pending):
                pass
            except OSError as failure:
                raise self.start_error(failure) from None
            else:
                if self.port is None or not request.late:
                    self.complete(request, code)
                    return
                self.port.defer(self)
        queue.append(request)
        self._watch(select.EPOLLOUT if request.writes else 0)

    def _watch(self, more: int) -> None:
        wanted = self._watched | _IN | more
        if wanted != self._watched:
            if self._watcher is None:
                self._watcher = self._home()
            self._watcher.watch(self.handle, self, wanted)
            self._watched = wanted

    def look(self) -> None:
        """Do what is possible now."""
        if self._watcher is not None and not self._watcher.closed:
            self._watcher.scan()

    def happened(self, mask: int) -> None:
        """Do what has become possible."""
        if mask & _NEWS:
            self._has_news = True
            if mask & _END:
                self._ended = True
            self._pump(self._reads)
        if mask & _ROOM:
            self._pump(self._writes)

    def deferred(self) -> None:
        """Do what was put off until somebody takes a packet."""
        self._pump(self._reads, late=True)
        self._pump(self._writes, late=True)

    def _pump(self, queue: deque[Request], *, late: bool = False) -> None:
        while queue:
            request = queue[0]
            try:
                code = request.perform(self)
            except (BlockingIOError, Pending):
                return
            except OSError as failure:
                code = self.completion(failure)
            if request.late and not late and self.port is not None:
                self.port.defer(self)
                return
            if queue and queue[0] is request:  # a handler of a signal may have cancelled it
                queue.popleft()
                self.complete(request, code)

    def complete(self, request: Request, code: int) -> None:
        """Make an operation complete, and give its packet."""
        request.code = code
        if request.event is not None:
            request.event.set()
        if self.port is not None:
            self.port.post(code, request.transferred, 0, request.address)

    def cancel(self, request: Request) -> bool:
        """Cancel an operation; return whether it was pending."""
        queue = self._writes if request.writes else self._reads
        try:
            queue.remove(request)
        except ValueError:
            return False
        self.complete(request, ERROR_OPERATION_ABORTED)
        return True

    def associate(self, port: CompletionPort) -> None:
        """Make it belong to a port.

        Raises:
            OSError: it belongs to one.
        """
        if self.port is not None:
            raise error(87)
        if self._watched and self._watcher is not None:
            self._watcher.forget(self.handle)
            port.watch(self.handle, self, self._watched)
        self.port = self._watcher = port

    def end(self, code: int = ERROR_OPERATION_ABORTED) -> None:
        """Complete all operations, as the handle is closed."""
        if self._watched and self._watcher is not None:
            self._watcher.forget(self.handle)
            self._watched = 0
        for queue in (self._reads, self._writes):
            while queue:
                self.complete(queue.popleft(), code)

    def start_error(self, failure: OSError) -> OSError:
        """Return the error of an operation that cannot be started."""
        raise NotImplementedError

    def completion(self, failure: OSError) -> int:
        """Return the number of the error of an operation that failed after its start."""
        raise NotImplementedError


class SocketFile(File):
    """A socket.

    Attributes:
        socket: for calls on it.
    """

    def __init__(self, handle: int, home: Home) -> None:
        super().__init__(handle, home)
        self.inode = os.fstat(handle).st_ino
        self.socket = Borrowed(handle)
        self._datagrams = self.socket.type == socket.SOCK_DGRAM

    @property
    def is_open(self) -> bool:
        """Whether the descriptor is still this socket's."""
        try:
            return os.fstat(self.handle).st_ino == self.inode
        except OSError:
            return False

    def receive(self, request: Receive) -> int:
        """Take data that have come."""
        if self._datagrams:
            return self._receive_datagram(request)
        flags = request.flags | _WITHOUT_WAITING
        try:
            if not request.size:
                _socket.socket.recv(self.socket, 1, flags | socket.MSG_PEEK)
                return 0
            if request.view is not None:
                size = _socket.socket.recv_into(self.socket, request.view, 0, flags)
            else:
                request.data = _socket.socket.recv(self.socket, request.size, flags)
                size = len(request.data)
        except BlockingIOError:
            self._has_news = False
            raise
        request.transferred = size
        request.late = not size
        if size < request.size and not self._ended and not request.flags:
            self._has_news = False  # there is no more, and the kernel will say when there is
        if isinstance(request, ReceiveFrom):
            request.sender = self.socket.getpeername()
        return 0

    def _receive_datagram(self, request: Receive) -> int:
        try:
            size, sender, longer = self.socket.receive(request.room(), request.flags)
        except BlockingIOError:
            self._has_news = False
            raise
        request.transferred = size
        request.finish()
        if isinstance(request, ReceiveFrom):
            request.sender = sender
        return ERROR_MORE_DATA if longer else 0

    def send(self, request: Send) -> int:
        """Hand bytes over to the kernel."""
        flags = request.flags | _WITHOUT_WAITING
        if self._datagrams or request.receiver is not None:
            return self._send_datagram(request, flags)
        view = request.view
        size = len(view)
        sent = request.transferred
        while True:
            sent += _socket.socket.send(self.socket, view[sent:] if sent else view, flags)
            request.transferred = sent
            if sent == size:
                return 0

    def _send_datagram(self, request: Send, flags: int) -> int:
        try:
            if request.receiver is None:
                request.transferred = self.socket.send(request.view, flags)
            else:
                request.transferred = self.socket.sendto(request.view, flags, request.receiver)
        except OSError as failure:
            if getattr(failure, "winerror", None) != WSAEMSGSIZE:
                raise
            request.late = True
            return ERROR_INVALID_USER_BUFFER
        return 0

    def start_error(self, failure: OSError) -> OSError:
        """Return Winsock's error."""
        if failure.errno == errno.EPIPE and getattr(failure, "winerror", None) is None:
            return error(self._why_it_cannot_send())
        return translated(failure)

    def _why_it_cannot_send(self) -> int:
        try:
            seen = _socket.socket.getsockopt(self.socket, socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        except OSError:  # no TCP
            return WSAECONNRESET
        if seen[0] != _TCP_CLOSE:
            return WSAESHUTDOWN
        return WSAENOTCONN if never_connected(self.handle) else WSAECONNRESET

    def completion(self, failure: OSError) -> int:
        """Return Win32's number."""
        number = getattr(failure, "winerror", None)
        if number == WSAECONNRESET:
            return ERROR_PORT_UNREACHABLE if self._datagrams else ERROR_NETNAME_DELETED
        if number in {WSAENOTSOCK, WSAEMSGSIZE}:
            return ERROR_OPERATION_ABORTED if number == WSAENOTSOCK else ERROR_MORE_DATA
        return COMPLETIONS.get(failure.errno or 0, ERROR_UNEXP_NET_ERR)
