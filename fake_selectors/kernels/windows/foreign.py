"""Sockets of the process's own, where CPython's proactor meets them.

``asyncio.proactor_events`` ends a connection with ``shutdown()`` before ``close()``, if the socket has a
``shutdown``. On Windows that succeeds when the peer has gone, and on a socket for datagrams that has no peer. This
machine's fails then, and a socket of the process's own has this machine's: the exception would keep it open. Seen from
``proactor_events`` such a socket has no ``shutdown``; on Windows, its call would have changed nothing.
https://learn.microsoft.com/windows/win32/api/winsock/nf-winsock-shutdown#return-value
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import socket
import sys

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from .sockets import Winsock


def has(thing: object, name: str, /) -> bool:
    """Stand for :func:`hasattr` in ``asyncio.proactor_events``."""
    if name == "shutdown" and isinstance(thing, socket.socket) and not issubclass(type(thing), Winsock):
        return _has_peer(thing)
    return hasattr(thing, name)


def _has_peer(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
