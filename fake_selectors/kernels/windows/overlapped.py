"""``_overlapped``: completion ports and overlapped operations, as CPython shows them.

Some facts, of CPython's Modules/overlapped.c:

1. An ``Overlapped`` is used for one operation: a second start is a ``ValueError``. ``pending`` tells whether the kernel
   still has it, and changes by itself. ``getresult()`` of a pending one is ``[WinError 996]``; asking does not use the
   result up. 109 (the end of a pipe) is a result of a receive: nothing. 234 is one too: what fitted.
2. Where the start fails, nothing will come. Where a receive's start fails with 109, the object is complete, and nothing
   comes either. ``ConnectNamedPipe`` is true where a client was there before, and then nothing comes.
3. An ``Overlapped`` without an argument has an event of its own, which is set when the operation is complete;
   ``Overlapped(NULL)`` has none, and any other handle becomes its own.
4. 1225 is a ``ConnectionRefusedError``, and 1236 a ``ConnectionAbortedError``, though Python would make nothing of
   their ``errno``.
5. Addresses are numeric, of two fields for IPv4 and of four for IPv6, whatever the socket is. A name is ``[WinError
   10022]``. Ports are cut to 16 bits.
6. An ``Overlapped`` that goes while its operation is pending cancels it; the packet comes all the same.

``SO_UPDATE_CONNECT_CONTEXT`` is not Winsock's number, but this machine's for an option that does nothing
(``SO_BSDCOMPAT``): ``asyncio`` sets it on sockets of the process's own too.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import socket
import sys
from types import ModuleType
from typing import Any

assert sys.platform == "linux", "Windows' completion ports are emulated over Linux' epoll"

from ...views import Fake
from .contexts import SO_UPDATE_ACCEPT_CONTEXT, SO_UPDATE_CONNECT_CONTEXT
from .errors import CLASSES, WSAEADDRNOTAVAIL, WSAEINVAL, WSAENOTSOCK, error, message
from .files import File
from .handles import INVALID_HANDLE_VALUE
from .iomanager import IoManager
from .pipes import ERROR_PIPE_CONNECTED, GENERIC_READ, GENERIC_WRITE, ConnectNamedPipe, PipeEnd, start_connecting
from .ports import INFINITE, Packet
from .requests import Accept, Connect, Receive, ReceiveFrom, Request, Send, Transmit
from .waits import Event

CONSTANTS = {
    "ERROR_IO_PENDING": 997,
    "ERROR_NETNAME_DELETED": 64,
    "ERROR_OPERATION_ABORTED": 995,
    "ERROR_PIPE_BUSY": 231,
    "ERROR_PORT_UNREACHABLE": 1234,
    "ERROR_SEM_TIMEOUT": 121,
    "INFINITE": INFINITE,
    "INVALID_HANDLE_VALUE": INVALID_HANDLE_VALUE,
    "NULL": 0,
    "SO_UPDATE_ACCEPT_CONTEXT": SO_UPDATE_ACCEPT_CONTEXT,
    "SO_UPDATE_CONNECT_CONTEXT": SO_UPDATE_CONNECT_CONTEXT,
    "TF_REUSE_SOCKET": 2,
}

ERROR_BROKEN_PIPE = 109
ERROR_IO_INCOMPLETE = 996
ERROR_IO_PENDING = 997
MOST_AT_ONCE = 2**31 - 2  # bytes that TransmitFile takes
FILE_FLAG_OVERLAPPED = 0x40000000
_OWN_CLASSES = {1225: CLASSES[ConnectionRefusedError], 1236: CLASSES[ConnectionAbortedError]}
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def raised(number: int) -> OSError:
    """Return the error that ``_overlapped`` raises for one of the system's numbers."""
    failure = error(number)
    return _OWN_CLASSES[number](*failure.args) if number in _OWN_CLASSES else failure


def module(manager: IoManager, base: type[Overlapped]) -> ModuleType:
    """Return ``_overlapped``.

    Args:
        manager: of the kernel.
        base: the class of operations, for any kernel.
    """
    functions = Functions(manager)
    names = {name: getattr(functions, name) for name in dir(functions) if not name.startswith("_")}
    kind = type("Overlapped", (base,), {"__module__": "_overlapped", "__slots__": (), "_manager": manager})
    return Fake("_overlapped", CONSTANTS | names | {"Overlapped": kind})


class Functions:
    """The functions of the module.

    Args:
        manager: of the kernel.
    """

    def __init__(self, manager: IoManager) -> None:
        self._manager = manager

    def CreateIoCompletionPort(self, handle: int, port: int, key: int, concurrency: int, /) -> int:  # noqa: ARG002, N802
        """Make a port, or make a handle belong to one."""
        handle, port = _pointer(handle), _pointer(port)
        with self._manager.entered():
            if not port:
                if handle != INVALID_HANDLE_VALUE:
                    raise NotImplementedError("CreateIoCompletionPort with a handle and without a port is not emulated")
                return self._manager.new_port()
            if key:
                raise NotImplementedError("CreateIoCompletionPort with a key is not emulated")
            self._manager.associate(handle, self._manager.port(port))
            return port

    def GetQueuedCompletionStatus(self, port: int, milliseconds: int, /) -> Packet | None:  # noqa: N802
        """Take a packet; None if none comes in time."""
        manager = self._manager
        if manager.dropped:
            with manager.lock:
                manager.settle()
        queue = manager.port(port)
        if milliseconds and queue.is_empty:
            with manager.lock:
                manager.sweep()
        return queue.take(milliseconds)

    def PostQueuedCompletionStatus(self, port: int, transferred: int, key: int, address: int, /) -> None:  # noqa: N802
        """Queue a packet."""
        with self._manager.entered():
            self._manager.port(port).post(0, transferred, key, address)

    def RegisterWaitWithQueue(self, waited: int, port: int, address: int, milliseconds: int, /) -> int:  # noqa: N802
        """Have a packet posted when an object is signalled."""
        with self._manager.entered():
            return self._manager.register_wait(waited, self._manager.port(port), address, milliseconds)

    def UnregisterWait(self, wait: int, /) -> None:  # noqa: N802
        """End a wait."""
        with self._manager.entered():
            self._manager.unregister_wait(wait, 0)

    def UnregisterWaitEx(self, wait: int, event: int, /) -> None:  # noqa: N802
        """End a wait, and set an event when it has ended."""
        with self._manager.entered():
            self._manager.unregister_wait(wait, _pointer(event))

    def CreateEvent(self, attributes: None, manual: bool, initial: bool, name: str | None, /) -> int:  # noqa: N802
        """Make an event."""
        if attributes is not None:
            raise ValueError("EventAttributes must be None")
        if name is not None:
            raise NotImplementedError("CreateEvent with a name is not emulated")
        with self._manager.entered():
            return self._manager.handles.add(Event(manual=bool(manual), signalled=bool(initial)))

    def SetEvent(self, event: int, /) -> None:  # noqa: N802
        """Set an event."""
        with self._manager.entered():
            self._manager.handles.get(event, Event).set()

    def ResetEvent(self, event: int, /) -> None:  # noqa: N802
        """Reset an event."""
        with self._manager.entered():
            self._manager.handles.get(event, Event).reset()

    def BindLocal(self, handle: int, family: int, /) -> None:  # noqa: N802
        """Give a socket an address of this machine and any port."""
        if family not in _FAMILIES:
            raise ValueError("Only AF_INET and AF_INET6 families are supported")
        with self._manager.entered():
            sock = self._manager.socket(handle).socket
            sock.bind(("0.0.0.0" if family == socket.AF_INET else "::", 0))

    def WSAConnect(self, handle: int, address: tuple[Any, ...], /) -> None:  # noqa: N802
        """Set the peer of a socket for datagrams."""
        with self._manager.entered():
            sock = self._manager.socket(handle).socket
            peer = parsed("WSAConnect", address)
            if sock.type != socket.SOCK_DGRAM:
                raise NotImplementedError("WSAConnect of a socket for streams is not emulated")
            sock.connect(peer)

    def ConnectPipe(self, name: str, /) -> int:  # noqa: N802
        """Open a pipe for overlapped operations."""
        with self._manager.entered():
            end = self._manager.pipes.open(name, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED)
            return self._manager.handles.add(end)

    def FormatMessage(self, number: int, /) -> str:  # noqa: N802
        """Return the text of an error."""
        return message(number)


class Overlapped:
    """An overlapped operation, as CPython shows it.

    Attributes:
        address: by which packets name it.
        error: the number that the last call has left.
        event: handle of the event, or 0.
    """

    __slots__ = ("_attempted", "_request", "address", "error", "event")

    _manager: IoManager
    _accept: type[Accept] = Accept
    address: int
    error: int
    event: int
    _request: Request | None
    _attempted: bool

    def __new__(cls, event: int = INVALID_HANDLE_VALUE, /) -> Overlapped:
        """Make one; see fact 3 for the event."""
        self = super().__new__(cls)
        self.address = next(self._manager.addresses)
        self.error = 0
        self.event = event
        self._request = None
        self._attempted = False
        if event:
            self.event = _pointer(event)
            if self.event == INVALID_HANDLE_VALUE:
                with self._manager.entered():
                    self.event = self._manager.handles.add(Event(manual=True, signalled=False))
        return self

    def __del__(self) -> None:
        """Cancel what is pending, and close the event."""
        request = self._request
        if self.event or (request is not None and request.code is None):
            self._manager.drop(request, self.event)

    @property
    def pending(self) -> bool:
        """Whether the kernel still has it."""
        request = self._request
        if request is None or request.code is not None:
            return False
        if request.fresh:  # it could not be done when it was started, which is now
            request.fresh = False
            return True
        with self._manager.lock:
            request.file.look()
        return request.code is None

    def cancel(self) -> None:
        """Cancel it, if it is pending."""
        request = self._request
        if request is not None and request.code is None:
            with self._manager.lock:
                if request.code is None:
                    request.file.cancel(request)

    def getresult(self, wait: bool = False, /) -> Any:
        """Return what it has brought.

        Args:
            wait: for its end.

        Raises:
            OSError: it has failed, or is pending.
            ValueError: it was not started.
        """
        request = self._request
        if request is None:
            raise ValueError("operation failed to start" if self._attempted else "operation not yet attempted")
        if request.code is None:
            self._finish(request, wait=wait)
        code = self.error = ERROR_IO_INCOMPLETE if request.code is None else request.code
        if code and code not in request.ends_well:
            raise raised(code)
        return request.result()

    def _finish(self, request: Request, *, wait: bool) -> None:
        if wait:
            self._manager.finish(request)
        else:
            with self._manager.lock:
                request.file.look()

    def _must_be_new(self) -> None:
        if self._attempted:
            raise ValueError("operation already attempted")

    def _start(self, file: File, request: Request) -> None:
        """Start an operation, with the lock held."""
        self._attempted = True
        request.address = self.address
        if self.event:
            request.event = self._manager.handles.get(self.event, Event)
            request.event.reset()
        try:
            file.start(request)
        except OSError as failure:
            self.error = getattr(failure, "winerror", None) or 0
            if self.error == ERROR_BROKEN_PIPE and isinstance(request, Receive):
                request.code = ERROR_BROKEN_PIPE
                self._request = request
                if request.event is not None:
                    request.event.set()
            raise
        self._request = request
        self.error = ERROR_IO_PENDING if request.code is None else request.code

    def _start_on_socket(self, handle: int, request: Request) -> None:
        manager = self._manager
        with manager.lock:
            if manager.dropped:
                manager.settle()
            try:
                file = manager.sockets.get(handle) or manager.socket(_pointer(handle))
            except OSError:
                self._attempted = True
                self.error = WSAENOTSOCK
                raise
            self._start(file, request)

    def _start_on_file(self, handle: int, request: Request) -> None:
        with self._manager.entered():
            try:
                file = self._manager.file(_pointer(handle))
            except OSError as failure:
                self._attempted = True
                self.error = getattr(failure, "winerror", 0)
                raise
            self._start(file, request)

    def ReadFile(self, handle: int, size: int, /) -> None:  # noqa: N802
        """Read from a pipe into a buffer of its own."""
        self._must_be_new()
        self._start_on_file(handle, Receive(None, size))

    def ReadFileInto(self, handle: int, buf: Any, /) -> None:  # noqa: N802
        """Read from a pipe into the program's buffer."""
        self._must_be_new()
        view = _buffer(buf)
        self._start_on_file(handle, Receive(view, len(view)))

    def WriteFile(self, handle: int, buf: Any, /) -> None:  # noqa: N802
        """Write to a pipe."""
        self._must_be_new()
        self._start_on_file(handle, Send(_buffer(buf)))

    def WSARecv(self, handle: int, size: int, flags: int = 0, /) -> None:  # noqa: N802
        """Receive into a buffer of its own."""
        self._must_be_new()
        self._start_on_socket(handle, Receive(None, size, flags))

    def WSARecvInto(self, handle: int, buf: Any, flags: int, /) -> None:  # noqa: N802
        """Receive into the program's buffer."""
        self._must_be_new()
        view = _buffer(buf)
        self._start_on_socket(handle, Receive(view, len(view), flags))

    def WSARecvFrom(self, handle: int, size: int, flags: int = 0, /) -> None:  # noqa: N802
        """Receive a datagram into a buffer of its own."""
        self._must_be_new()
        self._start_on_socket(handle, ReceiveFrom(None, size, flags))

    def WSARecvFromInto(self, handle: int, buf: Any, size: int, flags: int = 0, /) -> None:  # noqa: N802
        """Receive a datagram into the program's buffer."""
        self._must_be_new()
        view = _buffer(buf)
        if size > len(view):
            # CPython wrote behind the buffer until https://github.com/python/cpython/issues/148808.
            raise ValueError("nbytes is greater than the length of the buffer")
        self._start_on_socket(handle, ReceiveFrom(view, size, flags))

    def WSASend(self, handle: int, buf: Any, flags: int, /) -> None:  # noqa: N802
        """Send."""
        self._must_be_new()
        self._start_on_socket(handle, Send(_buffer(buf), flags))

    def WSASendTo(self, handle: int, buf: Any, flags: int, address: tuple[Any, ...], /) -> None:  # noqa: N802
        """Send a datagram."""
        receiver = parsed("WSASendTo", address)
        self._must_be_new()
        self._start_on_socket(handle, Send(_buffer(buf), flags, receiver))

    def AcceptEx(self, listener: int, accepted: int, /) -> None:  # noqa: N802
        """Take a connection into a socket that was made for it."""
        self._must_be_new()
        with self._manager.entered():
            if not _is_bound(self._manager.socket(listener).socket):
                raise error(WSAEINVAL)
            self._manager.socket_for_connection(accepted)
        self._start_on_socket(listener, self._accept(accepted, self._manager.contexts))

    def ConnectEx(self, handle: int, address: tuple[Any, ...], /) -> None:  # noqa: N802
        """Connect a socket that has an address."""
        peer = parsed("ConnectEx", address)
        self._must_be_new()
        with self._manager.entered():
            if not _is_bound(self._manager.socket(_pointer(handle)).socket):
                self._attempted, self.error = True, WSAEINVAL
                raise error(WSAEINVAL)
        if peer[0] in {"0.0.0.0", "::"} or not peer[1]:
            self._attempted, self.error = True, WSAEADDRNOTAVAIL
            raise error(WSAEADDRNOTAVAIL)
        self._start_on_socket(handle, Connect(peer, self._manager.contexts))

    def TransmitFile(  # noqa: N802 - so it is called
        self, handle: int, file: int, offset: int, offset_high: int, size: int, block: int, flags: int, /
    ) -> None:
        """Send part of a file."""
        self._must_be_new()
        if flags:
            raise NotImplementedError(f"TransmitFile with dwFlags 0x{flags:x} is not emulated")
        del block  # how much is sent at once is the system's to decide
        with self._manager.entered():
            descriptor = self._manager.handles.descriptor(_pointer(file))
            kind = self._manager.socket(handle).socket.type
        if size > MOST_AT_ONCE or kind != socket.SOCK_STREAM:
            self._attempted, self.error = True, WSAEINVAL
            raise error(WSAEINVAL)
        self._start_on_socket(handle, Transmit(descriptor, offset | offset_high << 32, size))

    def DisconnectEx(self, handle: int, flags: int, /) -> None:  # noqa: N802
        """End a connection, and keep the socket."""
        raise NotImplementedError("DisconnectEx is not emulated")

    def ConnectNamedPipe(self, handle: int, /) -> bool:  # noqa: N802
        """Wait for a client; return whether there is one already."""
        self._must_be_new()
        self._attempted = True
        request = ConnectNamedPipe()
        request.address = self.address
        with self._manager.entered():
            end = self._manager.handles.get(_pointer(handle), PipeEnd)
            if self.event:
                request.event = self._manager.handles.get(self.event, Event)
            try:
                start_connecting(end, request)
            except OSError as failure:
                self.error = getattr(failure, "winerror", 0)
                if self.error != ERROR_PIPE_CONNECTED:
                    raise
                request.code = 0
                self._request = request
                if request.event is not None:
                    request.event.set()
                return True
            self._request = request
            self.error = ERROR_IO_PENDING if request.code is None else 0
            return False


def parsed(call: str, address: Any) -> tuple[Any, ...]:
    """Return an address as this machine's calls take it.

    Raises:
        TypeError: it is no tuple, or its fields are not what they should be.
        ValueError: it has not two or four fields.
        OSError: the host is not numeric.
    """
    if not isinstance(address, tuple):
        raise TypeError(f"{call}() argument must be tuple, not {type(address).__name__}")
    if len(address) not in {2, 4}:
        raise ValueError("illegal address_as_bytes argument")
    host, *numbers = address
    if not isinstance(host, str):
        raise TypeError(f"argument 1 must be str, not {type(host).__name__}")
    for number in numbers:
        if not hasattr(number, "__index__"):
            raise TypeError(f"an integer is required (got type {type(number).__name__})")
    family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
    try:
        socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        raise error(WSAEINVAL) from None
    return host, numbers[0] & 0xFFFF, *numbers[1:]


def _buffer(buf: Any) -> memoryview:
    view = memoryview(buf)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _pointer(handle: int) -> int:
    """Return a handle as a number of 64 bits without a sign."""
    return handle & 0xFFFF_FFFF_FFFF_FFFF


def _is_bound(sock: socket.socket | Any) -> bool:
    return sock.family not in _FAMILIES or bool(sock.getsockname()[1])
