"""Servers of the loop under test, which remember whom they accepted, and clients that are blocking sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from .driving import settle, soon
from .peers import PATIENCE
from .protocols import Recorder, ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOOPBACK = "127.0.0.1"


class Guests:
    """A factory of protocols for a server.

    Args:
        make: makes each of them.

    Attributes:
        all: those it has made, in order.
    """

    def __init__(self, make: Callable[[], Any] = Recorder) -> None:
        self._make = make
        self._news = asyncio.Event()
        self.all: list[Any] = []

    def __call__(self) -> Any:
        guest = self._make()
        self.all.append(guest)
        self._news.set()
        return guest

    async def come(self, count: int = 1) -> Any:
        """Wait until so many connections are made; return the protocol of the last of them."""

        async def wait() -> None:
            while len(self.all) < count:
                self._news.clear()
                await self._news.wait()

        await soon(wait())
        for guest in self.all[:count]:
            await guest.is_told("connection_made")
        return self.all[count - 1]


@contextlib.asynccontextmanager
async def closing(server: Any, guests: Guests) -> AsyncIterator[None]:
    """Close a server at the end, however the case ends, and abort the connections of its guests."""
    try:
        yield
    finally:
        server.close()
        for guest in guests.all:
            async with ended(guest):
                pass
        await settle()


@contextlib.asynccontextmanager
async def serving(
    host: Any = LOOPBACK, port: int | None = 0, *, guests: Guests | None = None, **options: Any
) -> AsyncIterator[tuple[Any, Guests]]:
    """Serve; at the end the server is closed, and the connections that it accepted are."""
    guests = guests or Guests()
    server = await soon(asyncio.get_running_loop().create_server(guests, host, port, **options))
    async with closing(server, guests):
        yield server, guests


def address(server: asyncio.Server) -> tuple[str, int]:
    """Where the first socket of a server listens."""
    host, port = server.sockets[0].getsockname()[:2]
    return host, port


def connect(where: tuple[str, int]) -> socket.socket:
    """Connect a blocking socket: the kernel answers, whether or not the server has accepted."""
    return socket.create_connection(where, PATIENCE)


def is_refused(where: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    try:
        connect(where).close()
    except ConnectionRefusedError:
        return True
    return False
