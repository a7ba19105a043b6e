"""STR: the streams of open_connection(), start_server() and connect_read_pipe() on top of the loop.

Readers and writers are asyncio's own: what is asked here is whether the loop's transports carry them. Bytes arrive
whole and in order, a slow peer holds whoever drains, and the end, peaceful or not, reaches everybody who waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from .contexts import client_context, server_context
from .declare import shows
from .driving import settle, soon, under_way
from .gates import UNIX_SOCKETS, Gate
from .guests import LOOPBACK, address, connect
from .peers import PATIENCE, fill, receive_all, receive_exactly, reset
from .protocols import unhandled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from concurrent.futures import Future

    from .peers import InThread

# What not every system has, untyped: the cases that use it are gated.
_asyncio: Any = asyncio

# More than the buffers of a connection take, and 251 is prime: a chunk that changes places shows.
MEGABYTES = (bytes(range(251)) * 33420)[: 8 << 20]

PYTHON_3_12 = Gate("python-3.12", "needs Python 3.12", lambda: sys.version_info >= (3, 12))
PYTHON_3_13 = Gate("python-3.13", "needs Python 3.13", lambda: sys.version_info >= (3, 13))


@contextlib.asynccontextmanager
async def dropped(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Abort a writer's connection at the end, however the case ends."""
    try:
        yield
    finally:
        closed = asyncio.ensure_future(writer.wait_closed())
        await settle(1)
        if not closed.done():
            writer.transport.abort()
            await settle()
            closed.cancel()  # nobody tells a writer whose handshake failed
        await asyncio.wait({closed})
        if not closed.cancelled():
            closed.exception()


@contextlib.asynccontextmanager
async def opened(
    listener: socket.socket, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]]:
    """Open a connection to a peer, whose blocking socket comes with it."""
    reader, writer = await soon(asyncio.open_connection(*listener.getsockname(), **options))
    async with dropped(writer):
        there, _ = listener.accept()
        with there:
            there.settimeout(PATIENCE)
            yield reader, writer, there


class Visits:
    """A plain function for start_server() that keeps the streams of each client."""

    def __init__(self) -> None:
        self._streams: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.put_nowait((reader, writer))

    async def next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Wait for a client."""
        return await soon(self._streams.get())


@contextlib.asynccontextmanager
async def started(
    callback: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None], **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """Start a server on loopback; it is closed at the end."""
    server = await soon(asyncio.start_server(callback, LOOPBACK, 0, **options))
    try:
        yield address(server)
    finally:
        server.close()
        await settle()


@contextlib.asynccontextmanager
async def visited(
    **options: Any,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]]:
    """Start a server, and be its client with a blocking socket; the streams are the server's."""
    visits = Visits()
    async with started(visits, **options) as where:
        with connect(where) as there:
            reader, writer = await visits.next()
            async with dropped(writer):
                yield reader, writer, there


async def result_of(future: Future[Any]) -> Any:
    """Return what a peer's thread returns; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(future))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back in capitals what is received."""
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()


ENDS = pytest.mark.parametrize("end", [opened, visited], ids=["client", "server"])


@contextlib.asynccontextmanager
async def streams(
    end: Any, listener: socket.socket, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]]:
    """Be either end of a connection."""
    async with end(listener, **options) if end is opened else end(**options) as both:
        yield both


# --- bytes --------------------------------------------------------------------------------------------------


@shows("STR-01")
@ENDS
async def reader_reads_what_the_peer_sends(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, _, there):
        there.sendall(b"hello")
        assert await soon(reader.readexactly(5)) == b"hello"


@shows("STR-01")
@ENDS
async def writer_sends_what_is_written(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (_, writer, there):
        writer.write(b"he")
        writer.writelines([b"l", b"lo"])
        await soon(writer.drain())
        assert await result_of(in_thread(receive_exactly, there, 5)) == b"hello"


@shows("STR-01")
@ENDS
async def megabytes_are_read(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (reader, _, there):
        sent = in_thread(there.sendall, MEGABYTES)
        received = await soon(reader.readexactly(len(MEGABYTES)))
        await result_of(sent)
        assert received == MEGABYTES, "the bytes have changed on their way"


@shows("STR-01")
@ENDS
async def megabytes_are_written(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (_, writer, there):
        received = in_thread(receive_exactly, there, len(MEGABYTES))
        writer.write(MEGABYTES)
        await soon(writer.drain())
        assert await result_of(received) == MEGABYTES, "the bytes have changed on their way"


@shows("STR-01")
async def loop_talks_to_itself() -> None:
    async with started(echo) as where:
        reader, writer = await soon(asyncio.open_connection(*where))
        async with dropped(writer):
            writer.write(b"hello ")
            await soon(writer.drain())
            writer.write(b"world")
            writer.write_eof()
            assert await soon(reader.read()) == b"HELLO WORLD"


@shows("STR-01")
async def coroutine_is_run_for_each_client(in_thread: InThread) -> None:
    async with started(echo) as where:
        with connect(where) as first, connect(where) as second:
            for client in second, first:
                client.sendall(b"hello")
                assert await result_of(in_thread(receive_exactly, client, 5)) == b"HELLO"
            for client in second, first:
                client.shutdown(socket.SHUT_WR)
                assert await result_of(in_thread(receive_all, client)) == b""


@shows("STR-01")
@ENDS
async def end_of_the_peer_is_the_end_of_the_stream(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, _, there):
        there.sendall(b"last words")
        there.shutdown(socket.SHUT_WR)
        assert await soon(reader.read()) == b"last words"
        assert await soon(reader.read(1)) == b""
        assert reader.at_eof()


@shows("STR-01")
@ENDS
async def early_end_makes_an_exact_read_incomplete(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, _, there):
        async with under_way(reader.readexactly(10)) as reading:
            there.sendall(b"hello")
            there.shutdown(socket.SHUT_WR)
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await soon(reading)
        assert (caught.value.partial, caught.value.expected) == (b"hello", 10)


@shows("STR-01")
@ENDS
async def end_of_writing_leaves_reading(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (reader, writer, there):
        assert writer.can_write_eof()
        writer.write(b"question")
        writer.write_eof()
        assert await result_of(in_thread(receive_all, there)) == b"question"
        there.sendall(b"answer")
        assert await soon(reader.readexactly(6)) == b"answer"


@shows("STR-01")
@ENDS
async def limit_is_how_long_a_line_may_be(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener, limit=10) as (reader, _, there):
        there.sendall(b"123456789\n1234567890123456789\nafter")
        assert await soon(reader.readuntil()) == b"123456789\n"
        with pytest.raises(asyncio.LimitOverrunError):
            await soon(reader.readuntil())


@shows("STR-01")
@ENDS
async def limit_is_how_much_is_read_ahead(end: Any, listener: socket.socket) -> None:
    """The rest stays with the kernel, and then with the peer."""
    async with streams(end, listener, limit=1000) as (reader, _, there):
        there.setblocking(False)
        sent = idle = 0
        while idle < 20 and sent < len(MEGABYTES) * 10:
            written = fill(there)
            sent += written
            idle = 0 if written else idle + 1
            await settle(1)
        assert idle, f"{sent} bytes were taken of a peer that nobody reads"
        assert len(await soon(reader.readexactly(sent))) == sent


READS: dict[str, Callable[[asyncio.StreamReader], Awaitable[bytes]]] = {
    "read": lambda reader: reader.read(100),
    "readline": lambda reader: reader.readline(),
    "readuntil": lambda reader: reader.readuntil(b"ld\n"),
    "readexactly": lambda reader: reader.readexactly(11),
}


@shows("STR-01")
@ENDS
@pytest.mark.parametrize("method", READS)
async def cancelled_read_loses_nothing(method: str, end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, _, there):
        async with under_way(READS[method](reader)) as reading:
            if method != "read":  # which ends with the first byte
                there.sendall(b"hello")
                await settle(10)
            reading.cancel()
        assert reading.cancelled()
        there.sendall(b"world\n" if method != "read" else b"helloworld\n")
        received = b""
        while len(received) < 11:
            received += await soon(READS[method](reader))
        assert received == b"helloworld\n"


@shows("STR-01")
async def refused_connection_is_an_error(closed_port: tuple[str, int]) -> None:
    with pytest.raises(ConnectionRefusedError):
        await soon(asyncio.open_connection(*closed_port))


@shows("STR-01")
async def cancelled_open_connection_leaves_nothing(listener: socket.socket, in_thread: InThread) -> None:
    opening = asyncio.ensure_future(asyncio.open_connection(*listener.getsockname()))
    await settle(1)
    opening.cancel()
    await asyncio.wait({opening}, timeout=PATIENCE)
    assert opening.cancelled()
    with connect(listener.getsockname()) as ours:  # whoever comes before has been cancelled
        there, where = await result_of(in_thread(listener.accept))
        with there:
            if where != ours.getsockname():
                there.settimeout(PATIENCE)
                with contextlib.suppress(ConnectionResetError):
                    assert await result_of(in_thread(there.recv, 1)) == b""


# --- flow and end -------------------------------------------------------------------------------------------


@shows("STR-02")
@ENDS
async def drain_returns_when_there_is_room(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (_, writer, _):
        writer.write(b"hello")
        await soon(writer.drain())


@shows("STR-02")
@ENDS
@pytest.mark.parametrize("tasks", [1, 3])
async def drain_waits_for_the_peer(end: Any, listener: socket.socket, in_thread: InThread, tasks: int) -> None:
    async with streams(end, listener) as (_, writer, there):
        writer.write(MEGABYTES)
        async with under_way(asyncio.gather(*(writer.drain() for _ in range(tasks)))) as draining:
            await settle(20)
            assert not draining.done()
            received = in_thread(receive_exactly, there, len(MEGABYTES))
            await soon(draining)
            await result_of(received)


@shows("STR-02")
async def cancelled_drain_leaves_other_tasks_alone(listener: socket.socket, in_thread: InThread) -> None:
    async with opened(listener) as (_, writer, there):
        writer.write(MEGABYTES)
        async with under_way(writer.drain()) as first, under_way(writer.drain()) as second:
            first.cancel()
            await settle()
            assert first.cancelled()
            assert not second.done()
            received = in_thread(receive_exactly, there, len(MEGABYTES))
            await soon(second)
            assert await result_of(received) == MEGABYTES


@shows("STR-02")
@ENDS
async def drain_raises_when_the_connection_is_lost(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (_, writer, there):
        writer.write(MEGABYTES)
        async with under_way(writer.drain()) as first, under_way(writer.drain()) as second:
            reset(there)
            for draining in first, second:
                with pytest.raises(ConnectionError):
                    await soon(draining)


@shows("STR-02")
@ENDS
async def drain_raises_after_the_connection_was_lost(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, writer, there):
        reset(there)
        with contextlib.suppress(ConnectionError):
            await soon(reader.read())
        with pytest.raises(ConnectionError):
            await soon(writer.drain())


@shows("STR-03")
@ENDS
async def wait_closed_returns_after_close(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (_, writer, there):
        writer.close()
        assert writer.is_closing()
        await soon(writer.wait_closed())
        assert await result_of(in_thread(receive_all, there)) == b""


@shows("STR-03")
@ENDS
async def wait_closed_returns_after_the_end_of_the_peer(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, writer, there):
        there.shutdown(socket.SHUT_WR)
        assert await soon(reader.read()) == b""
        writer.close()
        await soon(writer.wait_closed())


@shows("STR-03")
@ENDS
async def wait_closed_returns_in_spite_of_unread_data(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, writer, there):
        there.sendall(b"read and unread")
        assert await soon(reader.readexactly(4)) == b"read"
        writer.close()
        await soon(writer.wait_closed())


@shows("STR-03")
async def wait_closed_returns_in_spite_of_a_full_reader(listener: socket.socket) -> None:
    async with opened(listener, limit=10) as (_, writer, there):
        there.sendall(bytes(1000))
        await settle(10)
        writer.close()
        await soon(writer.wait_closed())


@shows("STR-03")
async def wait_closed_waits_for_what_was_written(listener: socket.socket, in_thread: InThread) -> None:
    async with opened(listener) as (_, writer, there):
        writer.write(MEGABYTES)
        writer.close()
        async with under_way(writer.wait_closed()) as waiting:
            await settle(20)
            assert not waiting.done()
            received = in_thread(receive_all, there)
            await soon(waiting)
            assert await result_of(received) == MEGABYTES


@shows("STR-10")
@ENDS
async def cancelled_wait_closed_closes_nevertheless(end: Any, listener: socket.socket, in_thread: InThread) -> None:
    async with streams(end, listener) as (_, writer, there):
        writer.write(MEGABYTES)
        writer.close()
        async with under_way(writer.wait_closed()) as waiting:
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=PATIENCE)
            assert waiting.cancelled()
        assert await result_of(in_thread(receive_all, there)) == MEGABYTES


@shows("STR-03")
@ENDS
async def wait_closed_raises_what_the_connection_was_lost_with(end: Any, listener: socket.socket) -> None:
    async with streams(end, listener) as (reader, writer, there):
        reset(there)
        with contextlib.suppress(ConnectionError):
            await soon(reader.read())
        writer.close()
        with pytest.raises(ConnectionError):
            await soon(writer.wait_closed())


# --- TLS ----------------------------------------------------------------------------------------------------


def accept_tls(there: socket.socket) -> bytes:
    """Be a server that goes over to TLS, answers, and ends; return what was asked."""
    with server_context().wrap_socket(there, server_side=True) as encrypted:
        asked = receive_exactly(encrypted, 8)
        encrypted.sendall(b"answer")
        encrypted.unwrap()
    return asked


def request_tls(there: socket.socket) -> bytes:
    """Be a client that goes over to TLS when it is told to, asks, and waits for the end; return the answer."""
    assert receive_exactly(there, 3) == b"go\n"
    with client_context().wrap_socket(there, server_hostname="localhost") as encrypted:
        encrypted.sendall(b"question")
        return receive_all(encrypted)


@shows("STR-04")
async def client_goes_over_to_tls(listener: socket.socket, in_thread: InThread) -> None:
    async with opened(listener) as (reader, writer, there):
        there.sendall(b"ready\n")
        assert await soon(reader.readline()) == b"ready\n"
        asked = in_thread(accept_tls, there)
        await soon(writer.start_tls(client_context(), server_hostname="localhost"))
        writer.write(b"question")
        await soon(writer.drain())
        assert await soon(reader.read()) == b"answer"
        assert await result_of(asked) == b"question"


@shows("STR-04")
async def server_goes_over_to_tls(in_thread: InThread) -> None:
    async def go_over() -> None:
        writer.write(b"go\n")  # only from here on does the client speak TLS: STR-04 is not about what came before
        await writer.start_tls(server_context())

    async with visited() as (reader, writer, there):
        there.sendall(b"ready\n")
        assert await soon(reader.readline()) == b"ready\n"
        answer = in_thread(request_tls, there)
        await soon(go_over())
        assert await soon(reader.readexactly(8)) == b"question"
        writer.write(b"answer")
        writer.close()
        assert await result_of(answer) == b"answer"


@shows("STR-04")
async def both_ends_go_over_to_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"start\n"
        writer.write(b"ready\n")
        await writer.drain()
        await writer.start_tls(server_context())
        await echo(reader, writer)

    async with started(serve) as where:
        reader, writer = await soon(asyncio.open_connection(*where))
        async with dropped(writer):
            writer.write(b"start\n")
            assert await soon(reader.readline()) == b"ready\n"
            await soon(writer.start_tls(client_context(), server_hostname="localhost"))
            for word in b"hello", b"world":
                writer.write(word)
                await soon(writer.drain())
                assert await soon(reader.readexactly(5)) == word.upper()


@shows("STR-04")
async def writer_knows_that_it_speaks_tls(listener: socket.socket, in_thread: InThread) -> None:
    async with opened(listener) as (_, writer, there):
        asked = in_thread(accept_tls, there)
        before = writer.get_extra_info("ssl_object")
        context = client_context()
        await soon(writer.start_tls(context, server_hostname="localhost"))
        assert (before, writer.get_extra_info("sslcontext")) == (None, context)
        assert writer.get_extra_info("cipher")
        writer.write(b"question")
        await result_of(asked)


@shows("STR-04")
async def start_tls_checks_the_name(listener: socket.socket, in_thread: InThread) -> None:
    async with opened(listener) as (_, writer, there):
        asked = in_thread(accept_tls, there)
        with pytest.raises(ssl.SSLCertVerificationError):
            await soon(writer.start_tls(client_context(), server_hostname="example.org"))
        writer.transport.abort()
        with pytest.raises(OSError):
            await result_of(asked)


@shows("STR-04")
async def start_tls_has_a_timeout(listener: socket.socket) -> None:
    async with opened(listener) as (_, writer, _):
        with pytest.raises(ConnectionAbortedError):
            await soon(writer.start_tls(client_context(), server_hostname="localhost", ssl_handshake_timeout=0.02))


@shows("STR-04", PYTHON_3_12)
async def start_tls_has_a_timeout_for_the_end(listener: socket.socket, in_thread: InThread) -> None:
    """The peer, which does not answer, is waited for no longer than this."""
    async with opened(listener) as (_, writer, there):
        shaken = in_thread(lambda: server_context().wrap_socket(there, server_side=True))
        options: Any = {"server_hostname": "localhost", "ssl_shutdown_timeout": 0.02}
        await soon(writer.start_tls(client_context(), **options))
        with await result_of(shaken):
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await soon(writer.wait_closed())


# --- the coroutines of a server -----------------------------------------------------------------------------


@shows("STR-05")
async def failed_coroutine_closes_its_connection(in_thread: InThread) -> None:
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        await reader.readexactly(1)
        raise ZeroDivisionError

    kept: list[asyncio.StreamWriter] = []
    with unhandled():
        async with started(fail) as where:
            with connect(where) as client:
                client.sendall(b"x")
                assert await result_of(in_thread(receive_all, client)) == b""


@shows("STR-05")
async def failed_coroutine_is_reported() -> None:
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        await reader.readexactly(1)
        raise ZeroDivisionError

    kept: list[asyncio.StreamWriter] = []
    with unhandled() as reports:
        async with started(fail) as where:
            with connect(where) as client:
                client.sendall(b"x")
                while not kept:
                    await settle(1)
                await soon(kept[0].wait_closed())
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


async def cancel_client(where: tuple[str, int], tasks: list[asyncio.Task[None]], in_thread: InThread) -> bytes:
    """Connect, cancel the coroutine that serves it, and return what the client receives."""
    with connect(where) as client:
        received = in_thread(receive_all, client)
        while not tasks:
            await settle(1)
        tasks[0].cancel()
        data: bytes = await result_of(received)
        return data


@shows("STR-05")
async def cancelled_coroutine_closes_its_connection(in_thread: InThread) -> None:
    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        await asyncio.Event().wait()

    kept: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []
    async with started(wait) as where:
        assert await cancel_client(where, tasks, in_thread) == b""


@shows("STR-05")
async def cancelled_coroutine_is_not_reported(in_thread: InThread) -> None:
    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        await asyncio.Event().wait()

    kept: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []
    with unhandled() as reports:
        async with started(wait) as where:
            await cancel_client(where, tasks, in_thread)
            await settle(5)
    assert not reports


# --- writers that are dropped -------------------------------------------------------------------------------


async def warnings_of_a_dropped_writer(listener: socket.socket, *, closed: bool) -> list[str]:
    """Open a connection, forget it, and return the warnings about unclosed resources."""
    gc.collect()  # what earlier cases left behind is none of this one's business
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        streams = await soon(asyncio.open_connection(*listener.getsockname()))
        there, _ = listener.accept()
        with there:
            if closed:
                streams[1].close()
                await soon(streams[1].wait_closed())
            del streams
            gc.collect()
            await settle(5)
    return [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]


@shows("STR-06")
async def dropped_writer_warns(listener: socket.socket) -> None:
    found = await warnings_of_a_dropped_writer(listener, closed=False)
    assert any("StreamWriter" in message for message in found), found


@shows("STR-06")
async def closed_writer_does_not_warn(listener: socket.socket) -> None:
    assert await warnings_of_a_dropped_writer(listener, closed=True) == []


# --- other readers ------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def piped(**options: Any) -> AsyncIterator[tuple[asyncio.StreamReader, Any]]:
    """Read a pipe through a stream; the file that writes it comes with it."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as source, os.fdopen(writing, "wb", 0) as sink:
        reader = asyncio.StreamReader(loop=loop, **options)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await soon(loop.connect_read_pipe(lambda: protocol, source))
        try:
            yield reader, sink
        finally:
            transport.close()
            await settle()


@shows("STR-07")
async def pipe_is_read_through_a_stream() -> None:
    async with piped() as (reader, sink):
        sink.write(b"one\ntwo\nthree")
        assert [await soon(reader.readline()), await soon(reader.readexactly(2))] == [b"one\n", b"tw"]
        sink.close()
        assert await soon(reader.read()) == b"o\nthree"


@shows("STR-07")
async def megabytes_are_read_from_a_pipe(in_thread: InThread) -> None:
    """With the flow control of a stream: the transport is paused and resumed."""

    def send() -> None:
        with sink:
            left = memoryview(MEGABYTES)
            while left:
                left = left[sink.write(left) :]

    async with piped(limit=1 << 14) as (reader, sink):
        sent = in_thread(send)
        received = bytearray()
        while data := await soon(reader.read(10000)):
            received += data
        await result_of(sent)
        assert received == MEGABYTES, "the bytes have changed on their way"


TEXT = b"one\r\ntwo\n\nthree||four\0five||six"
Asked = tuple[str, tuple[Any, ...]]

SCRIPTS: dict[str, list[Asked]] = {
    "all": [("read", ())],
    "some": [("read", (3,)), ("read", (100,)), ("read", (100,))],
    "nothing": [("read", (0,)), ("readexactly", (0,)), ("read", (-1,))],
    "lines": [("readline", ())] * 6,
    "separated": [("readuntil", (b"||",)), ("readuntil", (b"\0",)), ("readuntil", (b"||",)), ("read", ())],
    "separator-absent": [("readuntil", (b"nowhere",)), ("read", ())],
    "separator-empty": [("readuntil", (b"",)), ("read", ())],
    "exactly": [("readexactly", (5,)), ("readexactly", (len(TEXT) - 5,)), ("readexactly", (1,))],
    "too-much": [("readexactly", (len(TEXT) + 1,)), ("read", ())],
    "negative": [("readexactly", (-1,)), ("read", (-5,))],
    "mixed": [("readline", ()), ("readexactly", (2,)), ("readuntil", (b"|",)), ("read", (1,)), ("read", ())],
}
OVER_THE_LIMIT: dict[str, list[Asked]] = {
    "separated": [("readuntil", (b"||",)), ("readexactly", (12,)), ("readuntil", (b"\0",)), ("read", ())],
    "separator-beyond": [("readuntil", (b"six",)), ("read", ())],
    "lines": [("readline", ())] * 5,
    "exactly": [("readexactly", (len(TEXT),))],
}
FIRST_OF_SEVERAL: dict[str, list[Asked]] = {
    "separators": [("readuntil", ((b"||", b"\n"),))] * 5,
    "no-separators": [("readuntil", ((),)), ("read", ())],
}


async def answers(reader: asyncio.StreamReader, script: list[Asked]) -> list[object]:
    """Return what the methods of a reader return, one after the other, or how they fail."""
    found: list[object] = []
    for method, arguments in script:
        try:
            found.append(await soon(getattr(reader, method)(*arguments)))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            details = [getattr(error, name, None) for name in ("partial", "expected", "consumed")]
            found.append((type(error), *details))
    return found


async def compare(listener: socket.socket, script: list[Asked], limit: int = 1 << 16) -> None:
    """Ask a connection's reader and one that is fed by hand."""
    expected = asyncio.StreamReader(limit=limit, loop=asyncio.get_running_loop())
    expected.feed_data(TEXT)
    expected.feed_eof()
    async with opened(listener, limit=limit) as (reader, _, there):
        there.sendall(TEXT)
        there.shutdown(socket.SHUT_WR)
        assert await answers(reader, script) == await answers(expected, script)


@shows("STR-08")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def reader_answers_as_one_fed_by_hand(listener: socket.socket, script: list[Asked]) -> None:
    await compare(listener, script)


@shows("STR-08")
@pytest.mark.parametrize("script", OVER_THE_LIMIT.values(), ids=OVER_THE_LIMIT)
async def reader_with_a_limit_answers_as_one_fed_by_hand(listener: socket.socket, script: list[Asked]) -> None:
    await compare(listener, script, limit=12)


@shows("STR-08", PYTHON_3_13)
@pytest.mark.parametrize("script", FIRST_OF_SEVERAL.values(), ids=FIRST_OF_SEVERAL)
async def reader_splits_at_several_separators(listener: socket.socket, script: list[Asked]) -> None:
    await compare(listener, script)


@shows("STR-08")
async def lines_are_iterated_over(listener: socket.socket) -> None:
    async with opened(listener) as (reader, _, there):
        there.sendall(b"one\ntwo\nthree")
        there.shutdown(socket.SHUT_WR)
        lines: list[bytes] = []

        async def collect() -> None:
            lines.extend([line async for line in reader])

        await soon(collect())
        assert lines == [b"one\n", b"two\n", b"three"]


# --- Unix sockets -------------------------------------------------------------------------------------------


def _connect_to(path: str) -> socket.socket:
    there = socket.socket(getattr(socket, "AF_UNIX", -1))
    there.settimeout(PATIENCE)
    there.connect(path)
    return there


@contextlib.asynccontextmanager
async def opened_by_path(path: str, **options: Any) -> AsyncIterator[tuple[Any, Any, socket.socket]]:
    """Open a connection to a peer at a path."""
    with socket.socket(getattr(socket, "AF_UNIX", -1)) as listener:
        listener.bind(path)
        listener.listen()
        reader, writer = await soon(_asyncio.open_unix_connection(path, **options))
        async with dropped(writer):
            there, _ = listener.accept()
            with there:
                there.settimeout(PATIENCE)
                yield reader, writer, there


@contextlib.asynccontextmanager
async def visited_by_path(path: str, **options: Any) -> AsyncIterator[tuple[Any, Any, socket.socket]]:
    """Start a server at a path, and be its client with a blocking socket; the streams are the server's."""
    visits = Visits()
    server = await soon(_asyncio.start_unix_server(visits, path, **options))
    try:
        with _connect_to(path) as there:
            reader, writer = await visits.next()
            async with dropped(writer):
                yield reader, writer, there
    finally:
        server.close()
        await settle()


PATH_ENDS = pytest.mark.parametrize("end", [opened_by_path, visited_by_path], ids=["client", "server"])


@shows("STR-09", UNIX_SOCKETS)
@PATH_ENDS
async def streams_go_through_a_unix_socket(end: Any, unix_path: str, in_thread: InThread) -> None:
    async with end(unix_path) as (reader, writer, there):
        there.sendall(b"question\n")
        assert await soon(reader.readline()) == b"question\n"
        writer.write(b"answer")
        await soon(writer.drain())
        assert await result_of(in_thread(receive_exactly, there, 6)) == b"answer"


@shows("STR-09", UNIX_SOCKETS)
@PATH_ENDS
async def limit_holds_for_a_unix_socket(end: Any, unix_path: str) -> None:
    async with end(unix_path, limit=10) as (reader, _, there):
        there.sendall(b"123456789\n" + bytes(20) + b"\n")
        assert await soon(reader.readuntil()) == b"123456789\n"
        with pytest.raises(asyncio.LimitOverrunError):
            await soon(reader.readuntil())
