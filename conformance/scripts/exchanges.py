"""Streams: what one side writes reaches the other whole and in order, however it is cut, paused and buffered.

The loop has one end of a connection, blocking sockets in two threads have the other: one sends, one receives. While
reading is paused nothing is delivered, ``pause_writing()`` and ``resume_writing()`` are called in turn, when the buffer
is above the one limit and has drained to the other, and an end in one direction leaves the other direction open.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .worlds import PATIENCE, BrokenPromiseError, RunMain, pattern, until


class World:
    """A connection of the loop under test, and what was sent on it."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._transport: Any = None
        self._written = 0
        self._incoming = 0
        self._orders: queue.SimpleQueue[tuple[int, int, int] | None] = queue.SimpleQueue()
        self._peer_ended = False
        self._received = bytearray()
        self._arrived = bytearray()
        self._calls: list[str] = []
        self._reading_paused = False
        self._writing_paused = False
        self._ended = False
        self._lost: list[Exception | None] = []
        self._wrong: str | None = None
        self._threw: list[BaseException] = []

    # Steps.

    async def connect(self, kind: str, bite: int, buffer: int, kernel: int) -> None:
        """Connect.

        Args:
            kind: ``tcp`` or ``unix``.
            bite: how many bytes the peer receives at a time.
            buffer: the size of a buffered protocol's buffer; 0: the protocol is an ordinary one.
            kernel: the size of the kernel's buffers for sending; 0: as they are.
        """
        here, there = self._pair(kind)
        for sock in (here, there) if kernel else ():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel)
        here.setblocking(False)
        there.settimeout(PATIENCE)
        loop: Any = asyncio.get_running_loop()
        create = loop.create_connection if kind == "tcp" else loop.create_unix_connection
        factory = functools.partial(_Buffered, self, buffer) if buffer else functools.partial(_Plain, self)
        self._transport, _ = await create(factory, sock=here)
        self._sockets.remove(here)  # it is the transport's now
        for work in (functools.partial(self._send, there), functools.partial(self._receive, there, max(bite, 1))):
            thread = threading.Thread(target=self._in_thread, args=[work])
            self._threads.append(thread)
            thread.start()

    def peer_sends(self, size: int, chunk: int) -> None:
        """Let the peer send so many bytes, in chunks."""
        if not (self._peer_ended or self._is_over()):
            self._orders.put((self._incoming, size, max(chunk, 1)))
            self._incoming += size

    async def arrives(self) -> None:
        """Wait for what the peer sends; while reading is paused, for what should not come."""
        if self._reading_paused:
            await asyncio.sleep(0.001)
        else:
            await until(lambda: len(self._received) >= self._incoming or self._is_over(), "what the peer sends")

    async def peer_ends(self) -> None:
        """Let the peer end its direction, and wait for that."""
        if not self._peer_ended:
            self._peer_ended = True
            self._orders.put(None)
        if not self._reading_paused:
            await until(lambda: "eof_received" in self._calls or self._is_over(), "the end of what the peer sends")

    def write(self, size: int) -> None:
        """Write so many bytes."""
        if not (self._ended or self._is_over()):
            self._transport.write(self._next(size))

    def writelines(self, sizes: Sequence[int]) -> None:
        """Write several pieces at once."""
        if not (self._ended or self._is_over()):
            self._transport.writelines([self._next(size) for size in sizes])

    def pause_reading(self) -> None:
        """Let nothing come in; after the end nothing does, and resuming brings CPython's loops to tell it again."""
        if not self._is_over() and "eof_received" not in self._calls:
            self._transport.pause_reading()
            self._reading_paused = True

    def resume_reading(self) -> None:
        """Let it come in again."""
        self._reading_paused = False
        if not self._is_over() and "eof_received" not in self._calls:
            self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        """Set when writing is paused and resumed."""
        if not self._is_over():
            self._transport.set_write_buffer_limits(high=high, low=low)

    def write_eof(self) -> None:
        """End the outgoing direction."""
        if not (self._ended or self._is_over()):
            self._ended = True
            self._transport.write_eof()

    async def turns(self, count: int) -> None:
        """Let the loop turn."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Let everything arrive, and compare."""
        if self._transport is None:
            return
        self.resume_reading()
        await self.peer_ends()
        self._raise_what_is_wrong()
        if self._received != pattern(0, self._incoming):
            raise BrokenPromiseError(_difference("the loop received", self._received, self._incoming))
        self.write_eof()
        await until(lambda: not any(thread.is_alive() for thread in self._threads), "the end of what the loop writes")
        for error in self._threw:
            raise BrokenPromiseError(f"the peer's socket raised {error!r}")
        if self._arrived != pattern(0, self._written):
            raise BrokenPromiseError(_difference("the peer received", self._arrived, self._written))
        await until(lambda: not self._writing_paused or self._is_over(), "resume_writing()")
        self._transport.close()
        await until(lambda: bool(self._lost), "connection_lost()")
        self._raise_what_is_wrong()
        if self._lost != [None]:
            raise BrokenPromiseError(f"connection_lost() was called with {self._lost}")
        if self._calls != ["connection_made", *["data"] * bool(self._incoming), "eof_received", "connection_lost"]:
            raise BrokenPromiseError(f"the protocol's methods were called in this order: {', '.join(self._calls)}")

    async def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._transport is not None and not self._lost:
            self._transport.abort()
            with contextlib.suppress(BrokenPromiseError):
                await until(lambda: bool(self._lost), "connection_lost()")
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._orders.put(None)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    # The peer.

    def _pair(self, kind: str) -> tuple[socket.socket, socket.socket]:
        if kind == "unix":
            here, there = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                here = socket.create_connection(server.getsockname(), PATIENCE)
                there, _ = server.accept()
        self._sockets += [here, there]
        return here, there

    def _in_thread(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self._threw.append(error)

    def _send(self, sock: socket.socket) -> None:
        while order := self._orders.get():
            begin, size, chunk = order
            for start in range(begin, begin + size, chunk):
                sock.sendall(pattern(start, min(chunk, begin + size - start)))
        sock.shutdown(socket.SHUT_WR)

    def _receive(self, sock: socket.socket, bite: int) -> None:
        while data := sock.recv(bite):
            self._arrived += data

    # What the protocol is told.

    def made(self) -> None:
        """connection_made() was called."""
        self._calls.append("connection_made")

    def data(self, data: bytes | memoryview) -> None:
        """Data came, in one of the two ways."""
        if self._reading_paused:
            self._fail(f"{len(data)} bytes were delivered while reading was paused")
        if not data:
            self._fail("no data were delivered")
        if self._calls[-1:] != ["data"]:
            self._calls.append("data")
        self._received += data

    def eof(self) -> None:
        """eof_received() was called."""
        self._calls.append("eof_received")

    def lost(self, error: Exception | None) -> None:
        """connection_lost() was called."""
        self._calls.append("connection_lost")
        self._lost.append(error)

    def pause(self) -> None:
        """pause_writing() was called."""
        size, (_, high) = self._transport.get_write_buffer_size(), self._transport.get_write_buffer_limits()
        if self._writing_paused:
            self._fail("pause_writing() was called twice in a row")
        if size < high:
            self._fail(f"pause_writing() was called with {size} bytes in the buffer, the limit is {high}")
        self._writing_paused = True

    def resume(self) -> None:
        """resume_writing() was called."""
        size, (low, _) = self._transport.get_write_buffer_size(), self._transport.get_write_buffer_limits()
        if not self._writing_paused:
            self._fail("resume_writing() was called although writing was not paused")
        if size > low:
            self._fail(f"resume_writing() was called with {size} bytes in the buffer, the limit is {low}")
        self._writing_paused = False

    # The rest.

    def _next(self, size: int) -> bytes:
        data = pattern(self._written, size)
        self._written += size
        return data

    def _is_over(self) -> bool:
        return self._transport is None or bool(self._lost) or self._wrong is not None

    def _fail(self, wrong: str) -> None:
        self._wrong = self._wrong or wrong

    def _raise_what_is_wrong(self) -> None:
        if self._wrong is not None:
            raise BrokenPromiseError(self._wrong)


class _Writing(asyncio.BaseProtocol):
    def __init__(self, world: World) -> None:
        self.world = world

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        self.world.made()

    def eof_received(self) -> bool:
        self.world.eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.world.lost(error)

    def pause_writing(self) -> None:
        self.world.pause()

    def resume_writing(self) -> None:
        self.world.resume()


class _Plain(_Writing, asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        self.world.data(data)


class _Buffered(_Writing, asyncio.BufferedProtocol):
    def __init__(self, world: World, size: int) -> None:
        super().__init__(world)
        self.buffer = bytearray(size)

    def get_buffer(self, _: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.world.data(memoryview(self.buffer)[:count])


def _difference(who: str, found: bytearray, size: int) -> str:
    expected = pattern(0, size)
    same = next((n for n, (ours, theirs) in enumerate(zip(found, expected, strict=False)) if ours != theirs), None)
    if same is None:
        return f"{who} {len(found)} bytes instead of {size}"
    return f"{who} {len(found)} bytes instead of {size}, other ones from byte {same} on"


def execute(script: Callable[[World], Awaitable[None]], run: RunMain) -> str | None:
    """Execute a script; say which promise the loop broke, if it did."""

    async def main() -> str | None:
        world = World()
        try:
            await script(world)
            await world.finish()
        except BrokenPromiseError as broken:
            return str(broken)
        finally:
            await world.close()
        return None

    found: str | None = run(main)
    return found
