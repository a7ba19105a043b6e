"""PIP: connect_read_pipe() and connect_write_pipe(), transports of pipes, FIFOs, sockets and terminals.

The loop takes a file object over: it makes the descriptor non-blocking, moves bytes between it and a
protocol, and closes the object, once, when the connection is lost. A read transport ends when the last writer
has gone, a write transport when the last reader has, whether or not anything is left to write.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import select
import socket
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .descriptors import is_open
from .driving import settle, soon
from .gates import LINUX, POSIX, PTY, WINDOWS, Gate
from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path
    from typing import BinaryIO

    from .peers import InThread
    from .subject import LoopFactory, Observe

# macOS: a named FIFO says nothing when its other end closes (PIP-14), and its write end is readable while
# there is unread data in it (https://github.com/python/cpython/issues/145030).
FIFO_EVENTS = Gate(
    "fifo-events",
    "needs a POSIX system whose FIFOs tell when their other end closes",
    lambda: os.name == "posix" and sys.platform != "darwin",
    never_on=("win32", "darwin"),
)

ENDS = pytest.mark.parametrize("kind", ["pipe", "socket"])
DIRECTIONS = pytest.mark.parametrize("direction", ["read", "write"])

# More than any pipe or socket takes without a reader, and 251 is prime: a chunk that changes places shows.
MEGABYTE = (bytes(range(251)) * 4178)[: 1 << 20]


class Recorder(asyncio.Protocol):
    """Keeps what a transport tells its protocol, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received = bytearray()
        self.transport: asyncio.BaseTransport | None = None
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self._news.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._called("connection_made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.calls[-1] != "data_received":  # in how many pieces is nobody's promise
            self.calls.append("data_received")
        self._news.set()

    def eof_received(self) -> None:
        self._called("eof_received")

    def connection_lost(self, exc: Exception | None) -> None:
        self._called("connection_lost")
        if not self.lost.done():
            self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self._called("pause_writing")

    def resume_writing(self) -> None:
        self._called("resume_writing")

    async def until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._news.clear()
            await self._news.wait()

    async def has(self, data: bytes) -> None:
        """Wait for as much data; fail if it is other data."""
        await soon(self.until(lambda: len(self.received) >= len(data)))
        assert self.received == data

    async def is_told(self, call: str) -> None:
        """Wait for a call."""
        await soon(self.until(lambda: call in self.calls))


@dataclass(frozen=True)
class Ends:
    """The two ends of a channel: unbuffered blocking files, one of which the case gives to the loop."""

    reader: BinaryIO
    writer: BinaryIO

    def end(self, direction: str) -> BinaryIO:
        """The end that the loop needs for reading or for writing."""
        return self.reader if direction == "read" else self.writer


def _open_ends(kind: str, folder: Path) -> tuple[int, int]:
    if kind == "socket":
        reader, writer = socket.socketpair()
        return reader.detach(), writer.detach()
    if kind == "fifo" and sys.platform != "win32":
        path = folder / "fifo"
        os.mkfifo(path)
        # Either end alone would wait for the other one, unless told not to.
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reading, True)
        return reading, os.open(path, os.O_WRONLY)
    if kind == "terminal" and sys.platform != "win32":
        import tty

        controller, terminal = os.openpty()
        tty.setraw(terminal)
        return controller, terminal
    return os.pipe()


@pytest.fixture
def kind() -> str:
    """The kind of channel, where a case does not ask for several."""
    return "pipe"


@pytest.fixture
def ends(kind: str, tmp_path: Path) -> Iterator[Ends]:
    """Open a channel; both its ends are closed after the case, unless they were before."""
    reading, writing = _open_ends(kind, tmp_path)
    both = Ends(os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0))
    yield both
    for end in both.reader, both.writer:
        with contextlib.suppress(OSError):  # a loop may have closed the descriptor and forgotten the file
            end.close()


@contextlib.asynccontextmanager
async def reading(pipe: Any) -> AsyncIterator[tuple[asyncio.ReadTransport, Recorder]]:
    """Give the loop a pipe to read; its transport is closed at the end."""
    transport, recorder = await soon(asyncio.get_running_loop().connect_read_pipe(Recorder, pipe))
    try:
        yield transport, recorder
    finally:
        transport.close()
        await asyncio.wait({recorder.lost}, timeout=PATIENCE)
        await settle(1)


@contextlib.asynccontextmanager
async def writing(pipe: Any) -> AsyncIterator[tuple[asyncio.WriteTransport, Recorder]]:
    """Give the loop a pipe to write; its transport is closed at the end, what is unwritten is dropped."""
    transport, recorder = await soon(asyncio.get_running_loop().connect_write_pipe(Recorder, pipe))
    try:
        yield transport, recorder
    finally:
        transport.close()
        await settle()
        if not recorder.lost.done():
            transport.abort()
        await asyncio.wait({recorder.lost}, timeout=PATIENCE)
        await settle(1)


@contextlib.asynccontextmanager
async def connected(direction: str, pipe: Any) -> AsyncIterator[tuple[asyncio.BaseTransport, Recorder]]:
    """Give the loop a pipe to read or to write."""
    async with reading(pipe) if direction == "read" else writing(pipe) as both:
        yield both


def receive(pipe: BinaryIO, size: int) -> bytes:
    """Read `size` bytes in a peer's thread; fewer only if the channel ends first."""
    received = bytearray()
    while len(received) < size:
        ready, _, _ = select.select([pipe], [], [], PATIENCE)
        assert ready, f"{len(received)} of {size} bytes arrived within {PATIENCE:g} s"
        data = os.read(pipe.fileno(), min(65536, size - len(received)))
        if not data:
            break
        received += data
    return bytes(received)


def receive_rest(pipe: BinaryIO) -> bytes:
    """Read in a peer's thread until the channel ends."""
    return receive(pipe, sys.maxsize)


async def result_of(received: Future[bytes]) -> bytes:
    """Return what the peer's thread has read; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(received))


# --- reading ------------------------------------------------------------------------------------------------


@shows("PIP-01", POSIX)
async def connect_read_pipe_returns_transport_and_protocol(ends: Ends) -> None:
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    transport, protocol = await soon(asyncio.get_running_loop().connect_read_pipe(factory, ends.reader))
    transport.close()
    await soon(protocol.lost)
    assert made == [protocol]
    assert protocol.transport is transport


@shows("PIP-01", POSIX)
async def connection_is_made_before_connect_read_pipe_returns(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        assert recorder.calls == ["connection_made"]


@shows("PIP-01", POSIX, PTY)
@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket", "terminal"])
async def data_is_received(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.write(b"one")
        await recorder.has(b"one")
        ends.writer.write(b"two")
        await recorder.has(b"onetwo")


@shows("PIP-01", POSIX, PTY)
@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket", "terminal"])
async def data_that_was_there_before_is_received(ends: Ends) -> None:
    ends.writer.write(b"early")
    async with reading(ends.reader) as (_, recorder):
        await recorder.has(b"early")


@shows("PIP-01", POSIX)
@ENDS
async def reading_ends_after_the_writer(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.close()
        assert await soon(recorder.lost) is None
        assert recorder.calls == ["connection_made", "eof_received", "connection_lost"]


@shows("PIP-01", FIFO_EVENTS)
@pytest.mark.parametrize("kind", ["fifo"])
async def reading_a_fifo_ends_after_the_writer(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.close()
        assert await soon(recorder.lost) is None
        assert recorder.calls == ["connection_made", "eof_received", "connection_lost"]


@shows("PIP-01", POSIX)
@ENDS
async def last_data_comes_before_the_end(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.write(b"last words")
        ends.writer.close()
        await soon(recorder.lost)
        assert recorder.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
        assert recorder.received == b"last words"


@shows("PIP-01", POSIX)
@ENDS
async def megabyte_is_received(ends: Ends, in_thread: InThread) -> None:
    async with reading(ends.reader) as (_, recorder):
        written = in_thread(ends.writer.write, MEGABYTE)
        await soon(recorder.until(lambda: len(recorder.received) >= len(MEGABYTE)))
        assert written.result(PATIENCE) == len(MEGABYTE)
        assert recorder.received == MEGABYTE, "the bytes have changed on their way"


@shows("PIP-01", POSIX)
async def closed_read_transport_loses_its_connection(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.close()
        assert await soon(recorder.lost) is None


@shows("PIP-01", POSIX)
async def closed_read_transport_receives_nothing(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        ends.writer.write(b"too late")
        transport.close()
        await soon(recorder.lost)
        assert recorder.calls == ["connection_made", "connection_lost"]


# --- writing ------------------------------------------------------------------------------------------------


@shows("PIP-02", POSIX)
async def connect_write_pipe_returns_transport_and_protocol(ends: Ends) -> None:
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    transport, protocol = await soon(asyncio.get_running_loop().connect_write_pipe(factory, ends.writer))
    transport.close()
    await soon(protocol.lost)
    assert made == [protocol]
    assert protocol.transport is transport


@shows("PIP-02", POSIX)
async def connection_is_made_before_connect_write_pipe_returns(ends: Ends) -> None:
    async with writing(ends.writer) as (_, recorder):
        assert recorder.calls == ["connection_made"]


@shows("PIP-02", POSIX, PTY)
@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket", "terminal"])
async def data_is_written(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, _):
        received = in_thread(receive, ends.reader, 6)
        transport.write(b"one")
        transport.write(b"two")
        assert await result_of(received) == b"onetwo"


@shows("PIP-02", POSIX, PTY)
@pytest.mark.parametrize("kind", ["terminal"])
async def terminal_is_read_and_written_at_once(ends: Ends, in_thread: InThread) -> None:
    """A file object for each direction, of the same terminal."""
    with os.fdopen(os.dup(ends.writer.fileno()), "rb", 0) as same:
        async with writing(ends.writer) as (transport, _), reading(same) as (_, recorder):
            transport.write(b"question")
            assert await result_of(in_thread(receive, ends.reader, 8)) == b"question"
            os.write(ends.reader.fileno(), b"answer")
            await recorder.has(b"answer")


@shows("PIP-02", POSIX)
@pytest.mark.parametrize("data", [bytearray(b"data"), memoryview(b"data")], ids=["bytearray", "memoryview"])
async def anything_like_bytes_is_written(ends: Ends, in_thread: InThread, data: bytes) -> None:
    async with writing(ends.writer) as (transport, _):
        received = in_thread(receive, ends.reader, 4)
        transport.write(data)
        assert await result_of(received) == b"data"


@shows("PIP-02", POSIX)
async def lines_are_written(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, _):
        received = in_thread(receive, ends.reader, 8)
        transport.writelines([b"one\n", b"two\n"])
        assert await result_of(received) == b"one\ntwo\n"


@shows("PIP-02", POSIX)
@ENDS
async def megabyte_is_written(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, _):
        received = in_thread(receive, ends.reader, len(MEGABYTE))
        transport.write(MEGABYTE)
        assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("PIP-02", POSIX)
@ENDS
async def writing_ends_when_the_reader_goes_away(ends: Ends) -> None:
    """Nothing is written: the loop has to notice by itself."""
    async with writing(ends.writer) as (_, recorder):
        ends.reader.close()
        await soon(recorder.lost)


@shows("PIP-02", FIFO_EVENTS)
@pytest.mark.parametrize("kind", ["fifo"])
async def writing_a_fifo_ends_when_the_reader_goes_away(ends: Ends) -> None:
    async with writing(ends.writer) as (_, recorder):
        ends.reader.close()
        await soon(recorder.lost)


@shows("PIP-02", POSIX)
async def closed_write_transport_loses_its_connection(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.close()
        assert await soon(recorder.lost) is None


# --- what may be a pipe -------------------------------------------------------------------------------------


@shows("PIP-03", POSIX)
async def regular_file_is_refused_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    with path.open("rb", 0) as file, pytest.raises(ValueError):
        async with reading(file):
            pass


@shows("PIP-03", POSIX)
async def regular_file_is_refused_for_writing(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", 0) as file, pytest.raises(ValueError):
        async with writing(file):
            pass


@shows("PIP-04", POSIX)
async def character_device_is_accepted() -> None:
    # /dev/null takes everything at once, and epoll would refuse to watch it.
    with os.fdopen(os.open(os.devnull, os.O_WRONLY), "wb", 0) as null:
        async with writing(null) as (transport, recorder):
            transport.write(b"data")
            transport.close()
            assert await soon(recorder.lost) is None


@shows("PIP-04", POSIX)
@ENDS
async def unread_data_does_not_end_the_writer(ends: Ends) -> None:
    """A write end is watched for the loss of its reader: gh-145030 has what else may look like that."""
    await nothing_happens_while_data_is_unread(ends)


@shows("PIP-04", FIFO_EVENTS)
@pytest.mark.parametrize("kind", ["fifo"])
async def unread_data_does_not_end_the_writer_of_a_fifo(ends: Ends) -> None:
    await nothing_happens_while_data_is_unread(ends)


async def nothing_happens_while_data_is_unread(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(b"unread")
        await settle(10)
        assert recorder.calls == ["connection_made"]
        assert receive(ends.reader, 6) == b"unread"


# Linux answers EIO when the last descriptor of a terminal is closed; other systems answer with an end.
@shows("PIP-05", LINUX)
@pytest.mark.parametrize("kind", ["terminal"])
async def reading_ends_when_the_terminal_is_closed(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.close()
        await soon(recorder.lost)


@shows("PIP-05", LINUX)
@pytest.mark.parametrize("kind", ["terminal"])
async def closed_terminal_is_no_unhandled_error(ends: Ends) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda *arguments: unhandled.append(arguments[-1]))
    async with reading(ends.reader) as (_, recorder):
        ends.writer.close()
        await soon(recorder.lost)
    assert not unhandled


@shows("PIP-05", LINUX)
@pytest.mark.parametrize("kind", ["terminal"])
async def last_output_comes_before_the_end_of_the_terminal(ends: Ends) -> None:
    async with reading(ends.reader) as (_, recorder):
        ends.writer.write(b"last words")
        ends.writer.close()
        await soon(recorder.lost)
        assert recorder.received == b"last words"


# --- pausing ------------------------------------------------------------------------------------------------


@shows("PIP-06", POSIX)
async def paused_pipe_delivers_nothing(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        ends.writer.write(b"data")
        await settle(10)
        assert recorder.received == b""


@shows("PIP-06", POSIX)
async def resumed_pipe_delivers_what_came_meanwhile(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        ends.writer.write(b"data")
        await settle(10)
        transport.resume_reading()
        await recorder.has(b"data")


@shows("PIP-06", POSIX)
async def paused_pipe_ends_after_it_is_resumed(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        ends.writer.write(b"data")
        ends.writer.close()
        await settle(10)
        assert recorder.calls == ["connection_made"]
        transport.resume_reading()
        await soon(recorder.lost)
        assert recorder.received == b"data"


@shows("PIP-06", POSIX)
async def pausing_twice_is_pausing_once(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        transport.pause_reading()
        transport.resume_reading()
        ends.writer.write(b"data")
        await recorder.has(b"data")


@shows("PIP-06", POSIX)
async def resuming_an_open_pipe_is_harmless(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.resume_reading()
        transport.resume_reading()
        ends.writer.write(b"data")
        await recorder.has(b"data")


@shows("PIP-06", POSIX)
async def resuming_twice_is_resuming_once(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        transport.resume_reading()
        transport.resume_reading()
        transport.pause_reading()
        ends.writer.write(b"data")
        await settle(10)
        assert recorder.received == b""


@shows("PIP-06", POSIX)
@pytest.mark.parametrize("method", ["pause_reading", "resume_reading"])
@pytest.mark.parametrize("state", ["closing", "closed"])
async def closed_pipe_is_paused_and_resumed_without_effect(ends: Ends, method: str, state: str) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.close()
        if state == "closed":
            await soon(recorder.lost)
        getattr(transport, method)()
        await soon(recorder.lost)
        assert recorder.calls == ["connection_made", "connection_lost"]


@shows("PIP-06", POSIX)
async def paused_pipe_can_be_closed(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, recorder):
        transport.pause_reading()
        transport.close()
        assert await soon(recorder.lost) is None


# Fixed in the standard library by https://github.com/python/cpython/issues/103607 (3.11.4, 3.12).
@shows("PIP-06", POSIX)
async def pipe_can_be_paused_when_its_connection_is_made(ends: Ends) -> None:
    class PausedAtOnce(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            transport.pause_reading()  # type: ignore[attr-defined]

    ends.writer.write(b"data")
    transport, recorder = await soon(asyncio.get_running_loop().connect_read_pipe(PausedAtOnce, ends.reader))
    await settle(10)
    received = bytes(recorder.received)
    transport.close()
    await soon(recorder.lost)
    assert received == b""


@shows("PIP-06", POSIX)
async def is_reading_tells_whether_it_is_paused(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, _):
        states = [transport.is_reading()]
        transport.pause_reading()
        states.append(transport.is_reading())
        transport.resume_reading()
        states.append(transport.is_reading())
        assert states == [True, False, True]


# --- the write buffer ---------------------------------------------------------------------------------------


@shows("PIP-07", POSIX)
@ENDS
async def write_buffer_keeps_what_the_pipe_does_not_take(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, _):
        transport.write(MEGABYTE)
        await settle(10)
        before = transport.get_write_buffer_size()
        transport.write(MEGABYTE)
        await settle(10)
        assert 0 < before < len(MEGABYTE)
        assert transport.get_write_buffer_size() == before + len(MEGABYTE)


@shows("PIP-07", POSIX)
@ENDS
async def full_write_buffer_pauses_the_protocol(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        await recorder.is_told("pause_writing")
        transport.write(MEGABYTE)
        await settle(10)
        assert recorder.calls == ["connection_made", "pause_writing"]


@shows("PIP-07", POSIX)
@ENDS
async def drained_write_buffer_resumes_the_protocol(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        await recorder.is_told("pause_writing")
        received = in_thread(receive, ends.reader, len(MEGABYTE))
        await recorder.is_told("resume_writing")
        await result_of(received)
        assert recorder.calls == ["connection_made", "pause_writing", "resume_writing"]


@shows("PIP-07", POSIX)
async def drained_write_buffer_is_empty(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        await recorder.is_told("pause_writing")
        received = in_thread(receive, ends.reader, len(MEGABYTE))
        await result_of(received)
        await recorder.is_told("resume_writing")
        await settle()
        assert transport.get_write_buffer_size() == 0


@shows("PIP-07", POSIX)
async def write_buffer_limits_are_what_was_set(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, _):
        transport.set_write_buffer_limits(high=1000, low=10)
        assert transport.get_write_buffer_limits() == (10, 1000)


@shows("PIP-07", POSIX)
async def write_buffer_may_be_as_large_as_its_limit(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.set_write_buffer_limits(high=2 * len(MEGABYTE))
        transport.write(MEGABYTE)
        await settle(10)
        assert recorder.calls == ["connection_made"]


# --- ways to end --------------------------------------------------------------------------------------------


@shows("PIP-08", POSIX)
@ENDS
async def write_transport_can_write_eof(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, _):
        assert transport.can_write_eof()


@shows("PIP-08", POSIX)
@ENDS
@pytest.mark.parametrize("method", ["write_eof", "close"])
async def end_of_writing_is_the_end_of_reading(ends: Ends, in_thread: InThread, method: str) -> None:
    async with writing(ends.writer) as (transport, _):
        getattr(transport, method)()
        assert await result_of(in_thread(receive_rest, ends.reader)) == b""


@shows("PIP-08", POSIX)
@ENDS
@pytest.mark.parametrize("method", ["write_eof", "close"])
async def all_is_written_before_the_end(ends: Ends, in_thread: InThread, method: str) -> None:
    async with writing(ends.writer) as (transport, _):
        transport.write(MEGABYTE)
        getattr(transport, method)()
        assert await result_of(in_thread(receive_rest, ends.reader)) == MEGABYTE


@shows("PIP-08", POSIX)
@pytest.mark.parametrize("method", ["write_eof", "close"])
async def end_of_writing_is_no_error(ends: Ends, in_thread: InThread, method: str) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        getattr(transport, method)()
        in_thread(receive_rest, ends.reader)
        assert await soon(recorder.lost) is None


@shows("PIP-08", POSIX)
@pytest.mark.parametrize("method", ["write_eof", "close"])
async def writing_ends_once(ends: Ends, method: str) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write_eof()
        getattr(transport, method)()
        await soon(recorder.lost)
        await settle()
        assert recorder.calls == ["connection_made", "connection_lost"]


@shows("PIP-08", POSIX)
@ENDS
async def abort_loses_the_connection_without_an_error(ends: Ends) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        transport.abort()
        assert await soon(recorder.lost) is None


@shows("PIP-08", POSIX)
@ENDS
async def abort_drops_what_is_unwritten(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        transport.abort()
        await soon(recorder.lost)
        received = in_thread(receive_rest, ends.reader)
        assert len(await result_of(received)) < len(MEGABYTE)


@shows("PIP-08", POSIX)
@ENDS
async def abort_ends_a_closing_transport(ends: Ends) -> None:
    """Nobody reads: without abort() it would be closing for ever."""
    async with writing(ends.writer) as (transport, recorder):
        transport.write(MEGABYTE)
        transport.close()
        await settle()
        transport.abort()
        await soon(recorder.lost)


# --- a reader that goes away --------------------------------------------------------------------------------


async def write_to_nobody(ends: Ends, *, pending: bool) -> Exception | None:
    """Write what the reader will not read any more; return what the connection was lost with."""
    async with writing(ends.writer) as (transport, recorder):
        if pending:
            transport.write(MEGABYTE)
            await recorder.is_told("pause_writing")
            ends.reader.close()
        else:
            ends.reader.close()
            transport.write(b"data")
        return await soon(recorder.lost)


# FreeBSD: https://github.com/python/cpython/issues/109757
@shows("PIP-09", POSIX)
@ENDS
@pytest.mark.parametrize("pending", [True, False], ids=["pending", "new"])
async def undelivered_data_ends_with_a_broken_pipe(ends: Ends, pending: bool) -> None:
    assert isinstance(await write_to_nobody(ends, pending=pending), BrokenPipeError)


@shows("PIP-09", POSIX)
@ENDS
@pytest.mark.parametrize("pending", [True, False], ids=["pending", "new"])
async def broken_pipe_is_no_unhandled_error(ends: Ends, pending: bool) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda *arguments: unhandled.append(arguments[-1]))
    await write_to_nobody(ends, pending=pending)
    assert not unhandled


# --- the file object ----------------------------------------------------------------------------------------


class Pipe:
    """A file object that counts how often it is closed, and notices if its descriptor was closed before."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._descriptor = file.fileno()
        self.closed_with: list[str] = []

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Close the file, and keep what state its descriptor was in."""
        self.closed_with.append("an open descriptor" if is_open(self._descriptor) else "a closed descriptor")
        # Nobody has opened anything since: a file that is open again under this number is ours.
        with contextlib.suppress(OSError):
            self._file.close()


async def connect(direction: str, pipe: Any) -> tuple[Any, Recorder]:
    """Give the loop a pipe without taking it away in the end."""
    loop = asyncio.get_running_loop()
    return await soon(
        loop.connect_read_pipe(Recorder, pipe) if direction == "read" else loop.connect_write_pipe(Recorder, pipe)
    )


@shows("PIP-10", POSIX)
@DIRECTIONS
def transport_has_a_repr_when_its_loop_is_closed(new_loop: LoopFactory, ends: Ends, direction: str) -> None:
    loop = new_loop()
    transport, recorder = loop.run_until_complete(connect(direction, ends.end(direction)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the claim of the next case
        loop.close()
        text = repr(transport)
        del transport, recorder
    assert text.startswith("<")


@shows("PIP-10", POSIX)
@DIRECTIONS
def unclosed_transport_warns(new_loop: LoopFactory, ends: Ends, direction: str) -> None:
    gc.collect()  # what earlier cases left behind is none of this one's business
    loop = new_loop()
    pair = loop.run_until_complete(connect(direction, ends.end(direction)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        del pair
        gc.collect()
    texts = [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]
    assert any(re.match("unclosed (transport|resource|file)", text) for text in texts), texts


@shows("PIP-11", POSIX)
@DIRECTIONS
async def closed_transport_closes_its_pipe(ends: Ends, direction: str) -> None:
    pipe = Pipe(ends.end(direction))
    async with connected(direction, pipe) as (transport, _):
        transport.close()
    assert not is_open(pipe.fileno())


@shows("PIP-11", POSIX)
@DIRECTIONS
async def closed_transport_calls_close_of_its_pipe_once(ends: Ends, direction: str) -> None:
    pipe = Pipe(ends.end(direction))
    async with connected(direction, pipe) as (transport, _):
        transport.close()
        transport.close()
    await settle()
    assert len(pipe.closed_with) == 1


@shows("PIP-11", POSIX)
@DIRECTIONS
async def descriptor_is_closed_once(ends: Ends, direction: str) -> None:
    """A number that is closed twice may be another thread's new file the second time."""
    pipe = Pipe(ends.end(direction))
    async with connected(direction, pipe) as (transport, _):
        transport.close()
    await settle()
    assert pipe.closed_with == ["an open descriptor"]


@shows("PIP-11", POSIX)
async def end_of_the_writer_closes_the_pipe(ends: Ends) -> None:
    pipe = Pipe(ends.reader)
    async with reading(pipe) as (_, recorder):
        ends.writer.close()
        await soon(recorder.lost)
        await settle()
        assert len(pipe.closed_with) == 1


@shows("PIP-11", POSIX)
async def end_of_the_reader_closes_the_pipe(ends: Ends) -> None:
    pipe = Pipe(ends.writer)
    async with writing(pipe) as (_, recorder):
        ends.reader.close()
        await soon(recorder.lost)
        await settle()
        assert len(pipe.closed_with) == 1


@shows("PIP-12", POSIX)
@DIRECTIONS
async def extra_info_has_the_pipe(ends: Ends, direction: str) -> None:
    pipe = ends.end(direction)
    async with connected(direction, pipe) as (transport, _):
        assert transport.get_extra_info("pipe") is pipe


async def cancel_setup(direction: str, pipe: BinaryIO) -> None:
    """Cancel the connection of a pipe as soon as it has begun."""
    loop = asyncio.get_running_loop()
    connect = loop.connect_read_pipe if direction == "read" else loop.connect_write_pipe
    setup = asyncio.ensure_future(connect(Recorder, pipe))
    await settle(1)
    setup.cancel()
    await asyncio.wait({setup}, timeout=PATIENCE)
    if not setup.cancelled():
        transport, _ = setup.result()
        transport.close()  # the loop was faster: there was nothing to cancel
    await settle(10)


@shows("PIP-13", POSIX)
@DIRECTIONS
async def cancelled_setup_leaves_no_descriptor(ends: Ends, direction: str) -> None:
    descriptor = ends.end(direction).fileno()
    await cancel_setup(direction, ends.end(direction))
    assert not is_open(descriptor)


@shows("PIP-13", POSIX)
@DIRECTIONS
async def cancelled_setup_closes_the_pipe(ends: Ends, direction: str) -> None:
    """A file object that stays open would close its number later, when it may be somebody else's."""
    await cancel_setup(direction, ends.end(direction))
    assert ends.end(direction).closed


@shows("PIP-18", POSIX)
@DIRECTIONS
async def pipe_becomes_non_blocking(ends: Ends, direction: str) -> None:
    posix: Any = os
    pipe = ends.end(direction)
    posix.set_blocking(pipe.fileno(), True)
    async with connected(direction, pipe):
        assert not posix.get_blocking(pipe.fileno())


# --- other systems ------------------------------------------------------------------------------------------


@shows("PIP-14")
@pytest.mark.parametrize("kind", ["fifo"])
async def fifo_is_read_with_kqueue(ends: Ends, in_thread: InThread, observe: Observe) -> None:
    """Whether more than 8 KiB of a FIFO become readable, and whether its end is reported."""
    async with reading(ends.reader) as (_, recorder):
        written = in_thread(ends.writer.write, MEGABYTE[:16384])
        await asyncio.wait({recorder.lost}, timeout=0.1)
        observe(f"{len(recorder.received)} of 16384 bytes are received")
        if written.done():
            ends.writer.close()
            await asyncio.wait({recorder.lost}, timeout=0.1)
            observe("the end is reported" if recorder.lost.done() else "the end is not reported")
        else:
            os.read(ends.reader.fileno(), 16384)  # lets the writer go


@shows("PIP-15", WINDOWS)
async def pipe_opened_for_overlapped_io_is_read_and_written() -> None:
    if sys.platform == "win32":  # as the gate says: this is for type checkers
        from asyncio.windows_utils import PipeHandle, pipe

        read_handle, write_handle = pipe(overlapped=(True, True))
        with PipeHandle(read_handle) as reader, PipeHandle(write_handle) as writer:
            async with reading(reader) as (_, recorder), writing(writer) as (transport, _):
                transport.write(b"data")
                await recorder.has(b"data")


# PIP-16: input of a terminal


@shows("PIP-16", POSIX, PTY)
@pytest.mark.parametrize("kind", ["terminal"])
async def input_does_not_end_writing(ends: Ends, in_thread: InThread) -> None:
    async with writing(ends.writer) as (transport, recorder):
        os.write(ends.reader.fileno(), b"typed")
        readable, _, _ = select.select([ends.writer.fileno()], [], [], PATIENCE)
        assert readable
        await settle(10)
        assert "connection_lost" not in recorder.calls
        transport.write(b"written")
        assert await result_of(in_thread(receive, ends.reader, 7)) == b"written"


# PIP-17: set_protocol()


@shows("PIP-17", POSIX)
async def new_protocol_is_told_of_the_end(ends: Ends) -> None:
    async with reading(ends.reader) as (transport, first):
        second = Recorder()
        second.calls.append("set_protocol")
        transport.set_protocol(second)
        first.lost.set_result(None)
        ends.writer.write(b"data")
        await second.has(b"data")
        ends.writer.close()
        await soon(second.lost)
        assert first.calls == ["connection_made"]
        assert second.calls == ["set_protocol", "data_received", "eof_received", "connection_lost"]
