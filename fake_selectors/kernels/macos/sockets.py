"""``_socket`` of macOS.

CPython's own ``socket.py`` is executed again over this module. Below it are this machine's sockets; their numbers
(``AF_INET6``, ``errno``) stay this machine's.

Facts:

1. There is no ``SO_PROTOCOL``, so a socket that is made of a descriptor, an accepted one too, has ``proto == 0``.
   asyncio takes it for none of TCP's and leaves ``TCP_NODELAY`` alone:
   https://github.com/python/cpython/issues/148783
2. A datagram must fit into the send buffer of its socket: 9,216 bytes (``net.inet.udp.maxdgram``), 2,048 of a Unix
   socket (``net.local.dgram.maxdgram``), or what ``SO_SNDBUF`` made of it; else ``[Errno 40] Message too long``.
   ``sosendcheck()`` in https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/uipc_socket.c,
   ``udp_sendspace`` in bsd/netinet/udp_usrreq.c, ``unpdg_sendspace`` in bsd/kern/uipc_usrreq.c
3. A datagram for a Unix socket that has no room is lost, and nobody waits, blocking or not:
   ``[Errno 55] No buffer space available``, where Linux has ``EAGAIN``. ``uipc_send()`` in bsd/kern/uipc_usrreq.c
4. A path of a Unix socket has at most 103 bytes: ``sun_path`` in bsd/sys/un.h has 104, and CPython wants one for the
   end (``getsockaddrarg()`` in its Modules/socketmodule.c). The error has no number.

Known differences: a Unix socket has no room when this machine's has none, after some eleven datagrams by default, not
after 4,096 bytes. Names in Linux' abstract namespace are taken, though macOS has none. Errors that this machine's
kernel raises show its numbers: a refused connection is ``[Errno 111]`` here and 61 there.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import _socket
import errno
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

assert sys.platform == "linux", "macOS is emulated over Linux' sockets"

from ...sockets import SocketKind, passport
from ...views import Fake
from .names import missing

MOST = {_socket.AF_INET: 9216, _socket.AF_INET6: 9216, _socket.AF_UNIX: 2048}
"""Bytes of a datagram, by the family of its socket."""
LONGEST_PATH = 103
_NUMBERS = {errno.EMSGSIZE: 40, errno.ENOBUFS: 55}
_BUFFER = (_socket.SOL_SOCKET, _socket.SO_SNDBUF)


def module() -> ModuleType:
    """Return ``_socket`` of macOS."""
    lacking = set(missing(_socket))
    names = {name: value for name, value in vars(_socket).items() if not name.startswith("__") and name not in lacking}
    return Fake("_socket", names | {"socket": Socket, "SocketType": Socket})


class _Error(OSError):
    """Shows the number that macOS has for the error; its ``errno`` is this machine's."""

    def __str__(self) -> str:
        return f"[Errno {_NUMBERS[self.args[0]]}] {self.strerror}"

    def __reduce__(self) -> Any:
        return _error, self.args[:1]


# What Python calls it: tracebacks and logs show this name.
_Error.__name__, _Error.__qualname__, _Error.__module__ = "OSError", "OSError", "builtins"


def _error(number: int) -> OSError:
    return _Error(number, os.strerror(number))


class Socket(_socket.socket, metaclass=SocketKind):
    """``_socket.socket`` of macOS."""

    __slots__ = ("_is_local", "_most")

    @property  # type: ignore[misc] # nobody sets it
    def __class__(self) -> type:
        """What :func:`isinstance` goes by besides the type."""
        return passport(type(self))

    _most: int | None
    _is_local: bool

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:  # noqa: A002
        super().__init__(family, type, proto if fileno is None else 0, fileno)
        is_for_datagrams = _kind.__get__(self) == _socket.SOCK_DGRAM
        self._most = MOST.get(_family.__get__(self)) if is_for_datagrams else None
        """Bytes of a datagram; None: it has none, or nobody counts them."""
        self._is_local = _family.__get__(self) == _socket.AF_UNIX

    def bind(self, address: Any, /) -> None:
        """Give the socket an address."""
        self._check(address)
        super().bind(address)

    def connect(self, address: Any, /) -> None:
        """Connect."""
        self._check(address)
        super().connect(address)

    def connect_ex(self, address: Any, /) -> int:
        """Connect; return 0 or the number of the error."""
        self._check(address)
        return super().connect_ex(address)

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send what there is room for, or a datagram."""
        if self._most is None:
            return super().send(data, flags)
        return self._datagram(super().send, _size(data), data, flags | self._waits_not)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send everything, or a datagram."""
        if self._most is None:
            super().sendall(data, flags)
        else:
            self._datagram(super().send, _size(data), data, flags | self._waits_not)

    def sendto(self, data: Any, *rest: Any) -> int:
        """Send a datagram, or data, to an address: ``sendto(data, address)``, ``sendto(data, flags, address)``."""
        if self._most is None or len(rest) not in {1, 2}:
            return super().sendto(data, *rest)
        *flags, address = rest
        self._check(address)
        return self._datagram(super().sendto, _size(data), data, (flags[0] if flags else 0) | self._waits_not, address)

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
        """Send what is in several buffers, with what is not data."""
        buffers = [*buffers]
        if address is not None:
            self._check(address)
        if self._most is None:
            return super().sendmsg(buffers, ancdata, flags, address)
        size = sum(map(_size, buffers))
        return self._datagram(super().sendmsg, size, buffers, ancdata, flags | self._waits_not, address)

    def getsockopt(self, level: int, option: int, *size: Any) -> Any:
        """Return an option."""
        if self._most is not None and (level, option) == _BUFFER and not size:
            return self._most
        return super().getsockopt(level, option, *size)

    def setsockopt(self, level: int, option: int, *value: Any) -> None:
        """Set an option."""
        super().setsockopt(level, option, *value)
        if self._most is not None and (level, option) == _BUFFER and isinstance(value[0], int):
            self._most = value[0]

    @property
    def _waits_not(self) -> int:
        return _socket.MSG_DONTWAIT if self._is_local else 0

    def _check(self, address: Any) -> None:
        path = os.fsencode(address) if isinstance(address, str) else address
        if self._is_local and isinstance(path, (bytes, bytearray)) and len(path) > LONGEST_PATH:
            raise OSError("AF_UNIX path too long")

    def _datagram(self, send: Callable[..., int], size: int, *arguments: Any) -> int:
        if self._most is not None and size > self._most:
            raise _error(errno.EMSGSIZE)
        try:
            return send(*arguments)
        except BlockingIOError:
            if self._is_local:
                raise _error(errno.ENOBUFS) from None
            raise


Socket.__module__, Socket.__name__, Socket.__qualname__ = "_socket", "socket", "socket"

_kind, _family = _socket.socket.type, _socket.socket.family
"""Where C keeps them: the attributes of a class that is derived from it are enumerations."""


def _size(data: Any) -> int:
    """Return the bytes of a buffer; 0 of what is none, for the system call to refuse."""
    try:
        return memoryview(data).nbytes
    except TypeError:
        return 0
