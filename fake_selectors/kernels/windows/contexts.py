"""Connections that do not know it: sockets of ``AcceptEx`` and ``ConnectEx`` before their context is updated.

Some facts:

1. A socket that ``AcceptEx`` has connected can send and receive. What Winsock itself knows of it is that it is not
   connected, until ``SO_UPDATE_ACCEPT_CONTEXT`` is set.
   https://learn.microsoft.com/windows/win32/winsock/sol-socket-socket-options
2. Until then ``getpeername()`` and ``shutdown()`` are ``[WinError 10057]`` (https://github.com/nanomsg/nng/pull/1604),
   and ``getsockname()`` is ``[WinError 10022]``: nobody has bound the socket to an address.
   https://learn.microsoft.com/windows/win32/api/winsock/nf-winsock-getsockname#return-value
3. So it is with ``ConnectEx`` and ``SO_UPDATE_CONNECT_CONTEXT``, but that ``getsockname()`` tells what it was bound to.
   https://lenholgate.com/blog/2005/05/winsock-connectex-shutdown-so-update-connect-context-and-wsanotconn.html
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import sys

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from .errors import WSAEINVAL, WSAENOTCONN, error

SO_UPDATE_ACCEPT_CONTEXT = 0x700B  # of mswsock.h
SO_UPDATE_CONNECT_CONTEXT = 14  # not Winsock's: see `overlapped`


class Contexts:
    """Which sockets of a kernel lack their context, by handle."""

    def __init__(self) -> None:
        self._accepted: set[int] = set()
        self._connected: set[int] = set()

    def accepted(self, handle: int) -> None:
        """Note that ``AcceptEx`` has connected a socket."""
        self._accepted.add(handle)

    def connected(self, handle: int) -> None:
        """Note that ``ConnectEx`` has connected a socket."""
        self._connected.add(handle)

    def updated(self, handle: int, option: int) -> None:
        """Note that an option of a socket was set."""
        if option == SO_UPDATE_ACCEPT_CONTEXT:
            self._accepted.discard(handle)
        elif option == SO_UPDATE_CONNECT_CONTEXT:
            self._connected.discard(handle)

    def forget(self, handle: int) -> None:
        """Note that a handle is no longer one of a connection."""
        self._accepted.discard(handle)
        self._connected.discard(handle)

    def must_have_peer(self, handle: int) -> None:
        """Check that a socket does not lack its context.

        Raises:
            OSError: it is connected, and does not know it.
        """
        if handle in self._accepted or handle in self._connected:
            raise error(WSAENOTCONN)

    def must_have_name(self, handle: int) -> None:
        """Check that a socket knows its address.

        Raises:
            OSError: it was accepted, and does not know it.
        """
        if handle in self._accepted:
            raise error(WSAEINVAL)
