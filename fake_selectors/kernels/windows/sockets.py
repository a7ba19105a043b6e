"""Winsock, as CPython's ``_socket`` shows it on Windows.

CPython's own ``socket.py`` is executed again over this module. Below it are this machine's sockets; their numbers
(``AF_INET6``, ``SO_REUSEADDR``, ``errno``) stay this machine's.

Some facts, and what is made of them here:

1. There is no ``AF_UNIX`` (https://github.com/python/cpython/issues/77589), no ``socketpair`` (so that ``socket.py``
   connects two sockets over loopback), no ``sendmsg`` and ``recvmsg``, no ``SO_REUSEPORT``. Which names there are
   says ``names``.
2. ``getaddrinfo`` answers with type and protocol 0 where they were not asked for, one entry per address. A failed
   look-up says ``getaddrinfo failed``.
3. There is no ``SO_PROTOCOL``: a socket that is made of a handle, an accepted one too, has ``proto == 0``.
4. A connection that cannot be made at once is ``[WinError 10035]``. To ``0.0.0.0``, ``::`` or port 0 it is refused with
   ``[WinError 10049]``. https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-connect#return-value
5. Sending after ``shutdown()`` is ``[WinError 10058]``, receiving after it too; sending on a connection that was reset
   is ``[WinError 10054]``, on one that never was ``[WinError 10057]``. A handle that is closed or no socket is
   ``[WinError 10038]``.
6. A datagram that was sent to a closed port comes back as ``[WinError 10054]`` from a later receive call, connected or
   not (``SIO_UDP_CONNRESET``, which is on, and which CPython's ``ioctl`` does not know). Sending tells nothing.
   https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-recvfrom#return-value
   Here ``IP_RECVERR`` lets the kernel keep such errors; it also keeps others, which are dropped.
7. A datagram longer than the buffer is ``[WinError 10040]``; receiving on a socket without an address, ``[WinError
   10022]``.
8. A port is free again as soon as nobody listens on it: what is left of its connections (``TIME_WAIT``) does not hinder
   ``bind()``. ``SO_REUSEADDR`` is another thing than on Unix: two sockets that both have it share, or steal, a port.
   https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
   Here, for streams, it is ``SO_REUSEPORT`` of this machine; for datagrams ``SO_REUSEADDR`` is much the same. A port in
   use is ``[WinError 10048]``, or ``[WinError 10013]`` for one who asked for ``SO_REUSEADDR`` and the owner has not.
9. ``SO_LINGER`` is two numbers of 16 bits, where Unix has two of 32. What is longer is read as far as that, what is
   shorter is ``[WinError 10014]``. https://learn.microsoft.com/windows/win32/api/winsock2/ns-winsock2-linger
10. ``IPV6_V6ONLY`` is on from the start. https://learn.microsoft.com/windows/win32/winsock/ipproto-ipv6-socket-options

Known differences: a non-blocking ``send()`` takes the whole buffer on Windows if there is any room, megabytes of it;
here it takes what this machine's buffer takes. (Behind a promise that the kernel did not make, a thread would have to
send, after ``close()`` too, and errors would come from nowhere.) So ``get_write_buffer_size()`` of a transport grows
here where it may stay 0 there. A connection to a closed port is refused at once; Windows tries for two seconds. One
address on a port that another socket has on all addresses (``0.0.0.0``) is refused here. ``SO_EXCLUSIVEADDRUSE`` is
taken, but a bind that it forbids fails with 10048 or 10013 as without it.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import _socket
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...sockets import SocketKind, passport
from ...views import Fake
from .contexts import SO_UPDATE_ACCEPT_CONTEXT, Contexts
from .errors import (
    WSAEACCES,
    WSAEADDRINUSE,
    WSAEADDRNOTAVAIL,
    WSAEAFNOSUPPORT,
    WSAECONNRESET,
    WSAEFAULT,
    WSAEINVAL,
    WSAEMSGSIZE,
    WSAENOTCONN,
    WSAENOTSOCK,
    WSAESHUTDOWN,
    error,
    translated,
)
from .names import missing
from .select import Closing, never_connected

SO_EXCLUSIVEADDRUSE = ~socket.SO_REUSEADDR  # as winsock2.h has it
SIO_RCVALL = 0x98000001
SIO_LOOPBACK_FAST_PATH = 0x98000010
SIO_KEEPALIVE_VALS = 0x98000004
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_NOWHERE = ("", "0.0.0.0", "::")
_UNREACHABLE = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),  # IP_RECVERR, of linux/in.h
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),  # IPV6_RECVERR, of linux/in6.h
}
_LINGER, _HOSTS_LINGER = struct.Struct("=HH"), struct.Struct("=ii")  # l_onoff, l_linger
_EXTENDED_ERROR = struct.Struct("=IB")  # of linux/errqueue.h's sock_extended_err: number, origin
_FROM_THE_NETWORK = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_NETWORK_ERRORS = frozenset(
    (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPROTO, errno.ENOPROTOOPT)
)

ONLY_THERE = {
    "IPPROTO_CBT": 7,
    "IPPROTO_GGP": 3,
    "IPPROTO_ICLFXBM": 78,
    "IPPROTO_IGP": 9,
    "IPPROTO_IPV4": 4,
    "IPPROTO_L2TP": 115,
    "IPPROTO_MAX": 256,
    "IPPROTO_ND": 77,
    "IPPROTO_PGM": 113,
    "IPPROTO_RDP": 27,
    "IPPROTO_ST": 5,
    "RCVALL_MAX": 3,
    "RCVALL_OFF": 0,
    "RCVALL_ON": 1,
    "RCVALL_SOCKETLEVELONLY": 2,
    "SIO_KEEPALIVE_VALS": SIO_KEEPALIVE_VALS,
    "SIO_LOOPBACK_FAST_PATH": SIO_LOOPBACK_FAST_PATH,
    "SIO_RCVALL": SIO_RCVALL,
    "SO_EXCLUSIVEADDRUSE": SO_EXCLUSIVEADDRUSE,
}
"""Names of protocols and controls that only Windows has, with its numbers; see ``winsock2.h`` and ``mstcpip.h``."""


def module(closing: Closing, contexts: Contexts, base: type[Winsock]) -> ModuleType:
    """Return ``_socket`` of Windows.

    Args:
        closing: is told which sockets are closed.
        contexts: of connections.
        base: the class of sockets, for any kernel.
    """
    kind = _socket_class(closing, contexts, base)
    lacking = set(missing(_socket))
    names = {name: value for name, value in vars(_socket).items() if not name.startswith("__") and name not in lacking}
    own = {"socket": kind, "SocketType": kind, "dup": _dup, "close": _closer(closing), "getaddrinfo": _getaddrinfo}
    return Fake("_socket", names | ONLY_THERE | own)


class _Absent:
    """Hides an attribute of the class that is derived from."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"type object {owner.__name__!r} has no attribute {self._name!r}")


def _translating(name: str) -> Callable[..., Any]:
    """Return a method of sockets that does what this machine's does, and raises Winsock's errors."""
    host: Callable[..., Any] = getattr(_socket.socket, name)

    def method(self: _socket.socket, *args: Any) -> Any:
        try:
            return host(self, *args)
        except OSError as failure:
            raise translated(failure) from None

    method.__name__ = method.__qualname__ = name
    method.__doc__ = host.__doc__
    return method


class Winsock(_socket.socket, metaclass=SocketKind):
    """``_socket.socket`` of Windows."""

    __slots__ = ("_closed_ways", "_exclusive", "_has_address", "_told")

    @property  # type: ignore[misc] # nobody sets it
    def __class__(self) -> type:
        """What :func:`isinstance` goes by besides the type."""
        return passport(type(self))

    _closed_ways: int
    _exclusive: int
    _has_address: bool
    _told: bool

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:  # noqa: A002
        self._closed_ways = 0
        """Bits of the directions that :meth:`shutdown` has ended: 1 receiving, 2 sending."""
        self._exclusive = 0
        self._has_address = False
        self._told = False
        """Whether a send call has been told of an error that a receive call shall raise."""
        if isinstance(fileno, bytes):
            raise NotImplementedError("socket.fromshare is not emulated")
        if fileno is not None:
            proto = 0
        elif family not in {-1, *_INTERNET}:
            raise error(WSAEAFNOSUPPORT)
        try:
            super().__init__(family, type, proto, fileno)
        except OSError as failure:
            raise translated(failure) from None
        if self.type == socket.SOCK_DGRAM and self.family in _INTERNET:
            super().setsockopt(*_UNREACHABLE[socket.AddressFamily(self.family)], 1)
        if fileno is None and self.family == socket.AF_INET6:
            super().setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)

    sendmsg = _Absent()
    sendmsg_afalg = _Absent()
    recvmsg = _Absent()
    recvmsg_into = _Absent()

    _accept = _translating("_accept")
    getpeername = _translating("getpeername")
    getsockname = _translating("getsockname")
    setblocking = _translating("setblocking")
    settimeout = _translating("settimeout")

    def bind(self, address: Any, /) -> None:
        """Give the socket an address; what is left of old connections is no hindrance."""
        try:
            super().bind(address)
        except OSError as failure:
            if failure.errno != errno.EADDRINUSE or self.type != socket.SOCK_STREAM:
                raise translated(failure) from None
            self._bind_over_old_connections(address)

    def _bind_over_old_connections(self, address: Any) -> None:
        super().setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            super().bind(address)
        except OSError as failure:
            super().setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            if failure.errno == errno.EADDRINUSE:
                raise error(WSAEACCES if self._shares_port() else WSAEADDRINUSE) from None
            raise translated(failure) from None

    def _shares_port(self) -> bool:
        return bool(super().getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))

    def listen(self, *args: Any) -> None:
        """Let others connect."""
        try:
            if self.family in _INTERNET:
                # Connections inherit it, and with it do not hinder the next server.
                super().setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            super().listen(*args)
        except OSError as failure:
            raise translated(failure) from None

    def connect(self, address: Any, /) -> None:
        """Connect; 10035 if that takes time and the socket does not block."""
        self._refuse_nowhere(address)
        try:
            super().connect(address)
        except OSError as failure:
            if failure.errno == errno.EINPROGRESS:
                raise error(10035) from None
            raise translated(failure) from None

    def connect_ex(self, address: Any, /) -> int:
        """Connect; return 0 or this machine's number of the error."""
        try:
            self._refuse_nowhere(address)
        except OSError as failure:
            return failure.errno or 0
        try:
            code = super().connect_ex(address)
        except OSError as failure:
            raise translated(failure) from None
        return errno.EWOULDBLOCK if code == errno.EINPROGRESS else code

    def _refuse_nowhere(self, address: Any) -> None:
        if self.type != socket.SOCK_STREAM or self.family not in _INTERNET or not isinstance(address, tuple):
            return
        if address[:1] and (address[0] in _NOWHERE or address[1:2] == (0,)):
            raise error(WSAEADDRNOTAVAIL)

    def shutdown(self, how: int, /) -> None:
        """End receiving, sending or both."""
        try:
            super().shutdown(how)
        except OSError as failure:
            # 10057 "applies only to a connection-oriented socket", and to one that was never connected:
            # https://learn.microsoft.com/windows/win32/api/winsock/nf-winsock-shutdown#return-value
            # Rarely it is 10054 where the connection was reset: https://github.com/MagicStack/asyncpg/pull/1190
            was_connected = self.type == socket.SOCK_STREAM and not never_connected(self.fileno())
            if failure.errno != errno.ENOTCONN or not (self.type == socket.SOCK_DGRAM or was_connected):
                raise translated(failure) from None
        self._closed_ways |= how + 1  # SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2

    def getsockopt(self, level: int, option: int, *args: Any) -> Any:
        """Return an option."""
        if level == socket.SOL_SOCKET:
            if option == SO_EXCLUSIVEADDRUSE:
                return self._exclusive
            if option == socket.SO_LINGER:
                return self._lingering(*args)
            option = self._hosts_option(option)
        try:
            return super().getsockopt(level, option, *args)
        except OSError as failure:
            raise translated(failure) from None

    def setsockopt(self, level: int, option: int, *args: Any) -> None:
        """Set an option."""
        if level == socket.SOL_SOCKET:
            if option == SO_EXCLUSIVEADDRUSE:
                self._exclusive = int(bool(args[0]))
                return
            if option == SO_UPDATE_ACCEPT_CONTEXT:
                return  # the class for a kernel tells those who want to know
            if option == socket.SO_LINGER and len(args) == 1:
                args = (_linger_of(args[0]),)
            option = self._hosts_option(option)
        try:
            super().setsockopt(level, option, *args)
        except OSError as failure:
            raise translated(failure) from None

    def _lingering(self, size: int = 0, /) -> int | bytes:
        """Return ``SO_LINGER``: as a number, or in so many bytes."""
        if 0 < size < _LINGER.size:
            raise error(WSAEFAULT)
        try:
            kept = super().getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HOSTS_LINGER.size)
        except OSError as failure:
            raise translated(failure) from None
        lingers = _LINGER.pack(*(number & 0xFFFF for number in _HOSTS_LINGER.unpack(kept)))
        return lingers if size else int.from_bytes(lingers, sys.byteorder)

    def _hosts_option(self, option: int) -> int:
        """Return what this machine calls an option of Winsock's: see fact 8."""
        shared_port = option == socket.SO_REUSEADDR and self.type == socket.SOCK_STREAM
        return socket.SO_REUSEPORT if shared_port else option

    def send(self, *args: Any) -> int:
        """Send what there is room for."""
        sent: int = self._sending(super().send, args)
        return sent

    def sendall(self, *args: Any) -> None:
        """Send everything."""
        self._sending(super().sendall, args)

    def sendto(self, *args: Any) -> int:
        """Send a datagram. What became of earlier ones is for the next receive call."""
        sent: int = self._sending(super().sendto, args)
        self._has_address = True
        return sent

    def _sending(self, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return call(*args)
        except OSError as failure:
            reason = failure
        if reason.errno in _NETWORK_ERRORS and self.type == socket.SOCK_DGRAM:
            # That was about an earlier datagram, and the next receive call shall tell it. This one is sent now.
            self._told = True
            try:
                return call(*args)
            except OSError as failure:
                reason = failure
        if reason.errno == errno.EPIPE:
            if self._closed_ways & 2:
                raise error(WSAESHUTDOWN) from None
            raise error(WSAENOTCONN if never_connected(self.fileno()) else WSAECONNRESET) from None
        if reason.errno == errno.EDESTADDRREQ:
            raise error(WSAENOTCONN) from None
        raise translated(reason) from None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive data, or a datagram."""
        if self.type == socket.SOCK_DGRAM:
            return self.recvfrom(size, flags)[0]
        received: bytes = self._stream(super().recv, size, flags)
        return received

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive data, or a datagram, into a buffer."""
        if self.type == socket.SOCK_DGRAM:
            return self.recvfrom_into(buffer, nbytes, flags)[0]
        received: int = self._stream(super().recv_into, buffer, nbytes, flags)
        return received

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """Receive a datagram and where it comes from; 10054 for one that was sent to a closed port."""
        if self.type == socket.SOCK_DGRAM:
            return self._datagram(lambda: super(Winsock, self).recvmsg(size, 0, flags))
        received: tuple[bytes, Any] = self._stream(super().recvfrom, size, flags)
        return received

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """Receive a datagram into a buffer, and where it comes from."""
        if self.type == socket.SOCK_DGRAM:
            return self._datagram_into(buffer, nbytes, flags)
        received: tuple[int, Any] = self._stream(super().recvfrom_into, buffer, nbytes, flags)
        return received

    def _stream(self, call: Callable[..., Any], *args: Any) -> Any:
        if self._closed_ways & 1:
            raise error(WSAESHUTDOWN)
        try:
            return call(*args)
        except OSError as failure:
            raise translated(failure) from None

    def _datagram_into(self, buffer: Any, nbytes: int, flags: int) -> tuple[int, Any]:
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        view = memoryview(buffer).cast("B")
        if nbytes > len(view):
            raise ValueError("buffer too small for requested bytes")
        part = view[: nbytes or None]
        return self._datagram(lambda: super(Winsock, self).recvmsg_into([part], 0, flags))

    def _datagram(self, call: Callable[[], tuple[Any, list[Any], int, Any]]) -> tuple[Any, Any]:
        """Receive a datagram, or raise what has become of an earlier one that was sent."""
        if self._closed_ways & 1:
            raise error(WSAESHUTDOWN)
        self._must_have_address()
        while True:
            if self._told:
                self._told = self._raise_next_error()
            try:
                data, _, flags, address = call()
            except OSError as failure:
                if failure.errno not in _NETWORK_ERRORS:
                    raise translated(failure) from None
                self._told = True
                continue
            if flags & socket.MSG_TRUNC:
                raise error(WSAEMSGSIZE)
            return data, address

    def _must_have_address(self) -> None:
        if not self._has_address:
            if self.family in _INTERNET and self.getsockname()[1] == 0:
                raise error(WSAEINVAL)
            self._has_address = True

    def _raise_next_error(self) -> bool:
        """Raise if a port was closed; return whether other errors are left; what Winsock does not tell is dropped."""
        try:
            _, details, _, _ = super().recvmsg(0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except OSError as failure:
            if failure.errno in _NETWORK_ERRORS:
                return True
            if failure.errno in {errno.EAGAIN, errno.EWOULDBLOCK}:
                return False
            raise translated(failure) from None
        for _, _, content in details:
            number, origin = _EXTENDED_ERROR.unpack_from(content)
            if number == errno.ECONNREFUSED and origin in _FROM_THE_NETWORK:
                raise error(WSAECONNRESET)
        return True

    def ioctl(self, control: int, _option: Any, /) -> NoReturn:
        """Control the socket, in one of three ways that CPython knows."""
        known = {number: name for name, number in ONLY_THERE.items() if name.startswith("SIO_")}
        if control not in known:
            raise ValueError(f"invalid ioctl command {control}")
        raise NotImplementedError(f"socket.ioctl({known[control]}) is not emulated")

    def share(self, _process: int, /) -> NoReturn:
        """Let another process have the socket."""
        raise NotImplementedError("socket.share is not emulated")


def _linger_of(value: Any) -> bytes:
    """Return this machine's ``SO_LINGER`` for Winsock's."""
    given = struct.pack("=i", value) if isinstance(value, int) else bytes(value)
    if len(given) < _LINGER.size:
        raise error(WSAEFAULT)
    return _HOSTS_LINGER.pack(*_LINGER.unpack_from(given))


def _socket_class(closing: Closing, contexts: Contexts, base: type[Winsock]) -> type[Winsock]:
    """Return the class for one kernel."""

    class Socket(base):  # type: ignore[misc, valid-type] # a class all the same
        __slots__ = ()

        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            closing.opened(self.fileno())

        def getpeername(self) -> Any:
            contexts.must_have_peer(self.fileno())
            return super().getpeername()

        def getsockname(self) -> Any:
            contexts.must_have_name(self.fileno())
            return super().getsockname()

        def shutdown(self, how: int, /) -> None:
            contexts.must_have_peer(self.fileno())
            super().shutdown(how)

        def setsockopt(self, level: int, option: int, *args: Any) -> None:
            super().setsockopt(level, option, *args)
            if level == socket.SOL_SOCKET:
                contexts.updated(self.fileno(), option)

        def listen(self, *args: Any) -> None:
            # So begins the pair of sockets of every new loop. It shall not trust what another loop has seen.
            closing.forget()
            super().listen(*args)

        def close(self) -> None:
            with closing.of(self.fileno()):
                try:
                    super().close()
                except OSError as failure:
                    raise translated(failure) from None

    Socket.__module__, Socket.__name__, Socket.__qualname__ = "_socket", "socket", "socket"
    return Socket


def _dup(handle: int, /) -> int:
    try:
        return _socket.dup(handle)
    except OSError as failure:
        raise translated(failure) from None


def _closer(closing: Closing) -> Callable[[int], None]:
    def close(handle: int, /) -> None:
        if not _is_socket(handle):
            raise error(WSAENOTSOCK)
        with closing.of(handle):
            _socket.close(handle)

    return close


def _is_socket(handle: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(handle).st_mode)
    except OSError:
        return False


def _getaddrinfo(
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the names of _socket.getaddrinfo
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    refused: int | None = None
    try:
        found = _socket.getaddrinfo(host, port, family, type, proto, flags)
    except socket.gaierror as failure:
        refused = failure.errno
    if refused is not None:  # not while Linux's is handled: C code has no other error as its __context__
        raise socket.gaierror(refused, "getaddrinfo failed")
    return list(dict.fromkeys((own, type, proto, name, address) for own, _, _, name, address in found))
