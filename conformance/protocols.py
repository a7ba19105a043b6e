"""Protocols that remember what their transport tells them, and what a loop could only complain about."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from .driving import settle, soon
from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class _Recording:
    """What the protocols of both kinds have in common.

    Attributes:
        calls: the names of the methods that were called, in order. One for any number of calls that bring data in
            a row: in how many pieces they come is nobody's promise.
        received: the data.
        transport: what connection_made() was given last.
        lost: done when connection_lost() is called, with what it was given.
    """

    def __init__(self, **hooks: Callable[[Any], object]) -> None:
        """Make a protocol; each hook is called with it by the method it is named after, and its result returned."""
        self.calls: list[str] = []
        self.received = bytearray()
        self.transport: Any = None
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._hooks = hooks
        self._news = asyncio.Event()

    def _called(self, name: str) -> Any:
        if name not in {"data_received", "buffer_updated"} or self.calls[-1:] != [name]:
            self.calls.append(name)
        self._news.set()
        return self._hooks[name](self) if name in self._hooks else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._called("connection_made")

    def eof_received(self) -> bool | None:
        return self._called("eof_received")  # type: ignore[no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)
        self._called("connection_lost")

    def pause_writing(self) -> None:
        self._called("pause_writing")

    def resume_writing(self) -> None:
        self._called("resume_writing")

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something happened that a call brings about."""

        async def wait() -> None:
            while not happened():
                self._news.clear()
                await self._news.wait()

        await soon(wait())

    async def is_told(self, call: str) -> None:
        """Wait for a call."""
        await self.until(lambda: call in self.calls)

    async def has(self, data: bytes) -> None:
        """Wait for as much data; fail if it is other data."""
        await self.until(lambda: len(self.received) >= len(data))
        assert self.received == data, "the bytes have changed on their way"


class Recorder(_Recording, asyncio.Protocol):
    """A streaming protocol that remembers."""

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._called("data_received")


class BufferedRecorder(_Recording, asyncio.BufferedProtocol):
    """A buffered protocol that remembers; its buffer is small, so that most data come in pieces."""

    def __init__(self, size: int = 100, **hooks: Callable[[Any], object]) -> None:
        super().__init__(**hooks)
        self.buffer = bytearray(size)
        self.hints: list[int] = []

    def get_buffer(self, sizehint: int) -> Any:
        self.hints.append(sizehint)
        return self._hooks["get_buffer"](self) if "get_buffer" in self._hooks else self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self.buffer[:nbytes]
        self._called("buffer_updated")


@contextlib.asynccontextmanager
async def ended(recorder: Any) -> AsyncIterator[None]:
    """Abort the connection of a recorder at the end, however the case ends, and wait until it is gone."""
    try:
        yield
    finally:
        if recorder.transport is not None and not recorder.lost.done():
            recorder.transport.abort()
            await asyncio.wait({recorder.lost}, timeout=PATIENCE)
        await settle(1)


@contextlib.asynccontextmanager
async def connection_of(
    sock: Any, factory: Callable[[], Any] = Recorder, **options: Any
) -> AsyncIterator[tuple[asyncio.Transport, Any]]:
    """Make a transport, and a recorder, of a socket that is connected."""
    loop = asyncio.get_running_loop()
    transport, recorder = await soon(loop.create_connection(factory, sock=sock, **options))
    async with ended(recorder):
        yield transport, recorder


@contextlib.contextmanager
def unhandled() -> Iterator[list[dict[str, Any]]]:
    """Collect what the running loop tells its exception handler; that it gives it the loop, too, is EXC-01's claim."""
    contexts: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda *arguments: contexts.append(arguments[-1]))
    try:
        yield contexts
    finally:
        loop.set_exception_handler(before)
