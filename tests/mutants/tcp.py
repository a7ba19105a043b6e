"""Broken stream transports, and broken ways to connect them."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from .declare import mutant
from .parts import Loop, StreamTransport

DOCS = "https://docs.python.org/3/library/asyncio-"
UVLOOP = "https://github.com/MagicStack/uvloop/"
CPYTHON = "https://github.com/python/cpython/issues/"


# What a protocol is told, and when


@mutant("TCP", bug="eof_received()'s answer is ignored: the transport always closes", source="TCP-21")
class IgnoresTheAnswerToEof(Loop):
    class Stream(StreamTransport):
        def _read_ready__on_eof(self) -> None:
            super()._read_ready__on_eof()
            self.close()


@mutant("TCP", bug="eof_received() is called again and again while the write side is kept open", source="TCP-21")
class RepeatsEof(Loop):
    class Stream(StreamTransport):
        def _read_ready__on_eof(self) -> None:
            super()._read_ready__on_eof()
            self._add_reader(self._sock_fd, self._read_ready)


@mutant("TCP", bug="an exception in eof_received() is reported, and the connection stays open", source="TCP-22")
class SurvivesARaisingEof(Loop):
    class Stream(StreamTransport):
        def _fatal_error(self, exc: BaseException, message: str = "") -> None:
            if "eof_received" in message:
                self._loop._remove_reader(self._sock_fd)
                self._loop.call_exception_handler({"message": message, "exception": exc, "transport": self})
            else:
                super()._fatal_error(exc, message)


@mutant("TCP", bug="abort() after close() tells the protocol a second time", source=CPYTHON + "156512")
class LosesTwice(Loop):
    class Stream(StreamTransport):
        def abort(self) -> None:
            if self._conn_lost and self._protocol is not None:
                self._loop.call_soon(self._protocol.connection_lost, None)
            super().abort()


@mutant("TCP", bug="a reset by the peer is reported as connection_lost(None)", source="TCP-44")
class HidesTheReset(Loop):
    class Stream(StreamTransport):
        def _force_close(self, exc: BaseException | None) -> None:
            super()._force_close(None if isinstance(exc, ConnectionResetError) else exc)


@mutant("TCP", bug="close() after an error makes connection_lost(None) of it", source="TCP-45")
class ForgetsTheReason(Loop):
    class Stream(StreamTransport):
        forgotten = False

        def close(self) -> None:
            self.forgotten = True
            super().close()

        def _call_connection_lost(self, exc: BaseException | None) -> None:
            super()._call_connection_lost(None if self.forgotten else exc)


@mutant("TCP", bug="abort() reports ConnectionAbortedError, not None", source=DOCS + "protocol.html")
class BlamesTheAborter(Loop):
    class Stream(StreamTransport):
        def abort(self) -> None:
            self._force_close(ConnectionAbortedError("aborted"))


@mutant("TCP", bug="connection_lost() goes to the protocol that the transport was made with", source="TCP-49")
class TellsTheFirstProtocol(Loop):
    class Stream(StreamTransport):
        first: Any = None

        def set_protocol(self, protocol: Any) -> None:
            super().set_protocol(protocol)
            self.first = self.first or protocol

        def _call_connection_lost(self, exc: BaseException | None) -> None:
            self._protocol, self.first = self.first, None
            super()._call_connection_lost(exc)


@mutant("TCP", bug="a protocol that becomes a BufferedProtocol still gets data_received()", source="TCP-49")
class KeepsTheKindOfProtocol(Loop):
    class Stream(StreamTransport):
        def set_protocol(self, protocol: Any) -> None:
            before = self._read_ready_cb
            super().set_protocol(protocol)
            self._read_ready_cb = before or self._read_ready_cb


@mutant("TCP", bug="create_connection() returns before connection_made() was called", source="TCP-01")
class ReturnsBeforeItIsMade(Loop):
    def _make_socket_transport(self, sock: Any, protocol: Any, waiter: Any = None, **options: Any) -> Any:
        if waiter is not None:
            waiter.set_result(None)
        return super()._make_socket_transport(sock, protocol, **options)


@mutant("TCP", bug="an exception in data_received() is reported, and the connection goes on", source="TCP-19")
class SurvivesRaisingData(Loop):
    class Stream(StreamTransport):
        def _fatal_error(self, exc: BaseException, message: str = "") -> None:
            if "data_received" in message:
                self._loop.call_exception_handler({"message": message, "exception": exc, "transport": self})
            else:
                super()._fatal_error(exc, message)


@mutant(
    "TCP", bug="SystemExit and KeyboardInterrupt of a callback that reads are reported, not raised", source="TCP-20"
)
class SwallowsExit(Loop):
    class Stream(StreamTransport):
        def _read_ready(self) -> None:
            try:
                super()._read_ready()
            except (SystemExit, KeyboardInterrupt) as exc:
                self._fatal_error(exc)


# Reading


@mutant("TCP", bug="one read is delivered in pieces, and pausing between them does not hold the rest", source="TCP-25")
class DeliversAfterPause(Loop):
    class Stream(StreamTransport):
        def _read_ready__data_received(self) -> None:
            protocol, receive = self._protocol, self._protocol.data_received

            def in_pieces(data: bytes) -> None:
                for start in range(0, len(data), 1024):
                    if not self._closing:
                        receive(data[start : start + 1024])

            try:
                protocol.data_received = in_pieces
                super()._read_ready__data_received()
            finally:
                protocol.data_received = receive


@mutant("TCP", bug="reading starts after connection_made() though that paused it", source="TCP-24")
class StartsThoughPaused(Loop):
    class Stream(StreamTransport):
        def _add_reader(self, fd: int, callback: Any, *args: Any) -> None:
            if not self._closing:
                self._loop._add_reader(fd, callback, *args)


@mutant("TCP", bug="pausing twice raises", source=UVLOOP + "pull/117")
class RefusesToPauseTwice(Loop):
    class Stream(StreamTransport):
        def pause_reading(self) -> None:
            if self._paused:
                raise RuntimeError("Already paused")
            super().pause_reading()


@mutant("TCP", bug="close() with a buffer to flush goes on reading and delivering", source=DOCS + "protocol.html")
class ReadsAfterClose(Loop):
    class Stream(StreamTransport):
        def close(self) -> None:
            if self._buffer:
                self._closing = True
            else:
                super().close()


@mutant("TCP", bug="resume_reading() after close() reads again", source="TCP-23")
class ResumesAfterClose(Loop):
    class Stream(StreamTransport):
        def close(self) -> None:
            reads = self._read_ready_cb
            super().close()
            self._read_ready_cb = reads

        def resume_reading(self) -> None:
            if self._paused and self._sock is not None:
                self._paused = False
                self._loop._add_reader(self._sock_fd, self._read_ready)


@mutant("TCP", bug="buffer_updated() is told the size of the buffer, not what was read", source="TCP-50")
class UpdatesTheWholeBuffer(Loop):
    class Stream(StreamTransport):
        def _read_ready__get_buffer(self) -> None:
            protocol, get_buffer, updated = self._protocol, self._protocol.get_buffer, self._protocol.buffer_updated
            sizes = []

            def measured(hint: int) -> Any:
                buffer = get_buffer(hint)
                sizes.append(len(buffer))
                return buffer

            try:
                protocol.get_buffer, protocol.buffer_updated = measured, lambda _: updated(sizes[0])
                super()._read_ready__get_buffer()
            finally:
                protocol.get_buffer, protocol.buffer_updated = get_buffer, updated


@mutant("TCP", bug="an empty buffer of get_buffer() is taken for the end of the stream", source="TCP-51")
class TakesAnEmptyBufferForEof(Loop):
    class Stream(StreamTransport):
        def _fatal_error(self, exc: BaseException, message: str = "") -> None:
            if "empty buffer" in str(exc):
                self._read_ready__on_eof()
            else:
                super()._fatal_error(exc, message)


# Writing


@mutant("TCP", bug="pause_writing() is called once in the life of a transport", source="TCP-37")
class PausesWritingOnce(Loop):
    class Stream(StreamTransport):
        paused_before = False

        def _maybe_pause_protocol(self) -> None:
            if not self.paused_before:
                super()._maybe_pause_protocol()
                self.paused_before = self._protocol_paused


@mutant("TCP", bug="resume_writing() is called below the high-water mark, not the low one", source="TCP-33")
class ResumesBelowHighWater(Loop):
    class Stream(StreamTransport):
        def _maybe_resume_protocol(self) -> None:
            if self._protocol_paused and self.get_write_buffer_size() <= self._high_water:
                self._protocol_paused = False
                self._protocol.resume_writing()


@mutant("TCP", bug="set_write_buffer_limits(low=) alone leaves the high-water mark where it was", source="TCP-33")
class IgnoresLowWaterAlone(Loop):
    class Stream(StreamTransport):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            super().set_write_buffer_limits(self._high_water if high is None else high, low)


@mutant("TCP", bug="set_write_buffer_limits() takes limits that contradict each other", source="TCP-33")
class TakesAnyLimits(Loop):
    class Stream(StreamTransport):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            if high is not None and low is not None and high < low:
                low = high
            super().set_write_buffer_limits(high, low)


@mutant("TCP", bug="the size of the write buffer is a number of pieces, not of bytes", source="TCP-34")
class CountsPieces(Loop):
    class Stream(StreamTransport):
        def get_write_buffer_size(self) -> int:
            return len(self._buffer)


@mutant(
    "TCP",
    bug="aborting inside pause_writing() calls resume_writing()",
    source="https://github.com/Kludex/zuvloop/pull/33",
)
class ResumesWhoAborted(Loop):
    class Stream(StreamTransport):
        def _force_close(self, exc: BaseException | None) -> None:
            super()._force_close(exc)
            if self._protocol is not None:
                self._maybe_resume_protocol()


@mutant("TCP", bug="write() to a transport that is closed raises", source=UVLOOP + "issues/506")
class RaisesOnLateWrite(Loop):
    class Stream(StreamTransport):
        def write(self, data: Any) -> None:
            if self._conn_lost:
                raise RuntimeError("unable to perform operation: the handler is closed")
            super().write(data)


@mutant("TCP", bug="write() encodes a str instead of refusing it", source="TCP-27")
class WritesText(Loop):
    class Stream(StreamTransport):
        def write(self, data: Any) -> None:
            super().write(data.encode() if isinstance(data, str) else data)


@mutant("TCP", bug="more pieces than sendmsg() takes at once break the connection", source="TCP-29")
class SendsTooManyPieces(Loop):
    class Stream(StreamTransport):
        def _get_sendmsg_buffer(self) -> Any:
            return self._buffer


@mutant("TCP", bug="what is left of a piece that was sent in part goes to the end of the buffer", source="TCP-29")
class RequeuesLast(Loop):
    class Stream(StreamTransport):
        def _adjust_leftover_buffer(self, nbytes: int) -> None:
            while nbytes:
                piece = self._buffer.popleft()
                if len(piece) > nbytes:
                    self._buffer.append(piece[nbytes:])
                nbytes -= min(nbytes, len(piece))


@mutant("TCP", bug="a write that fails is not reported: the reader is left to find out", source="TCP-26")
class IgnoresFailedWrites(Loop):
    class Stream(StreamTransport):
        def _fatal_error(self, exc: BaseException, message: str = "") -> None:
            if not ("write" in message and isinstance(exc, OSError)):
                super()._fatal_error(exc, message)


# Closing


@mutant("TCP", bug="close() drops what was not sent yet", source="TCP-38")
class DropsOnClose(Loop):
    class Stream(StreamTransport):
        def close(self) -> None:
            self._buffer.clear()
            super().close()


@mutant(
    "TCP",
    bug="connection_lost() is called at close(), before the buffer has been flushed",
    source=DOCS + "protocol.html",
)
class LosesBeforeTheFlush(Loop):
    class Stream(StreamTransport):
        def close(self) -> None:
            if self._buffer and not self._closing:
                self._loop.call_soon(self._protocol.connection_lost, None)
                self._protocol_connected = False
            super().close()


@mutant("TCP", bug="abort() flushes the buffer first", source="TCP-39")
class FlushesOnAbort(Loop):
    class Stream(StreamTransport):
        def abort(self) -> None:
            self.close()


@mutant("TCP", bug="abort() after close() does not stop the flush", source=CPYTHON + "88594")
class CannotAbortAClose(Loop):
    class Stream(StreamTransport):
        def abort(self) -> None:
            if not self._closing:
                super().abort()


@mutant("TCP", bug="is_closing() is false until connection_lost() has been called", source="TCP-39")
class ClosesTooLate(Loop):
    class Stream(StreamTransport):
        def is_closing(self) -> bool:
            return self._sock is None

        def is_reading(self) -> bool:
            return not self._closing and not self._paused


@mutant("TCP", bug="write_eof() does not wait for the buffer, which is lost", source="TCP-42")
class EndsBeforeTheFlush(Loop):
    class Stream(StreamTransport):
        def write_eof(self) -> None:
            if not (self._closing or self._eof):
                self._eof = True
                self._sock.shutdown(socket.SHUT_WR)


@mutant("TCP", bug="write_eof() with a buffer to flush never sends the end", source="TCP-42")
class ForgetsToEnd(Loop):
    class Stream(StreamTransport):
        def write_eof(self) -> None:
            waits = bool(self._buffer)
            super().write_eof()
            if waits:
                self._eof = False


@mutant("TCP", bug="write_eof() ends both directions", source=DOCS + "protocol.html")
class EndsBothDirections(Loop):
    class Stream(StreamTransport):
        def write_eof(self) -> None:
            super().write_eof()
            if not self._buffer and not self._closing:
                self._sock.shutdown(socket.SHUT_RDWR)


# What a transport knows of its socket


@mutant("TCP", bug="the names of both ends are asked for late: a closed transport has none", source="TCP-46")
class AsksForNamesLate(Loop):
    class Stream(StreamTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            if name not in ("peername", "sockname"):
                return super().get_extra_info(name, default)
            try:
                return self._sock.getpeername() if name == "peername" else self._sock.getsockname()
            except (AttributeError, OSError):
                return default


@mutant("TCP", bug='get_extra_info("socket") is the socket itself', source="TCP-47")
class HandsOutTheSocket(Loop):
    class Stream(StreamTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            if name == "socket" and self._sock is not None:
                return self._sock
            return super().get_extra_info(name, default)


@mutant("TCP", bug="Nagle's algorithm is left on", source="TCP-48")
class LeavesNagleOn(Loop):
    class Stream(StreamTransport):
        def __init__(self, loop: Any, sock: Any, *args: Any, **options: Any) -> None:
            super().__init__(loop, sock, *args, **options)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)


# Connecting


@mutant("TCP", bug="local_addr= is ignored", source="TCP-07")
class IgnoresLocalAddress(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        return await super().create_connection(*args, **{**options, "local_addr": None})


@mutant("TCP", bug="family= is ignored", source=DOCS + "eventloop.html#asyncio.loop.create_connection")
class IgnoresFamily(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        return await super().create_connection(*args, **{**options, "family": 0})


@mutant("TCP", bug="only the first address of a host is tried", source="TCP-08")
class TriesOneAddress(Loop):
    async def _ensure_resolved(self, *args: Any, **options: Any) -> Any:
        return (await super()._ensure_resolved(*args, **options))[:1]


@mutant("TCP", bug="happy_eyeballs_delay= is ignored: the next address waits for the first to fail", source="TCP-10")
class WaitsForTheBlackHole(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        return await super().create_connection(*args, **{**options, "happy_eyeballs_delay": None})


@mutant("TCP", bug="interleave= is ignored", source="TCP-10")
class DoesNotInterleave(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        return await super().create_connection(*args, **{**options, "interleave": None})


@mutant("TCP", bug="all_errors= is ignored", source="TCP-09")
class HidesErrors(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        return await super().create_connection(*args, **{**options, "all_errors": False})


@mutant("TCP", bug="SO_ERROR is not looked at: a connection that was refused counts as made", source="TCP-08")
class TakesRefusalForSuccess(Loop):
    def _sock_connect_cb(self, fut: Any, *_: Any) -> None:
        if not fut.done():
            fut.set_result(None)


@mutant("TCP", bug="create_connection() that is cancelled leaves its socket connecting", source="TCP-14")
class LeavesItConnecting(Loop):
    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        try:
            await super().sock_connect(sock, address)
        except asyncio.CancelledError:
            os.dup(sock.fileno())
            raise


@mutant(
    "TCP", bug="create_connection(sock=) that is cancelled does not close the transport", source=UVLOOP + "issues/645"
)
class KeepsACancelledSocket(Loop):
    async def _create_connection_transport(self, sock: Any, factory: Any, ssl: Any, *args: Any, **options: Any) -> Any:
        if ssl:
            return await super()._create_connection_transport(sock, factory, ssl, *args, **options)
        protocol = factory()
        waiter = self.create_future()
        transport = self._make_socket_transport(sock, protocol, waiter)
        sock.setblocking(False)
        await waiter
        return transport, protocol


@mutant("TCP", bug="sock= may be a datagram socket", source="TCP-05")
class ConnectsDatagramSockets(Loop):
    async def create_connection(self, factory: Any, *args: Any, sock: Any = None, **options: Any) -> Any:
        if sock is not None and sock.type == socket.SOCK_DGRAM:
            return await self._create_connection_transport(sock, factory, None, None)
        return await super().create_connection(factory, *args, sock=sock, **options)


@mutant("TCP", bug="a blocking socket that is given as sock= stays blocking", source="TCP-53")
class StaysBlocking(Loop):
    async def _create_connection_transport(self, sock: Any, *args: Any, **options: Any) -> Any:
        blocking = sock.getblocking()
        made = await super()._create_connection_transport(sock, *args, **options)
        sock.setblocking(blocking)
        return made


@mutant("TCP", bug="what is only for TLS is accepted, and ignored, without TLS", source="TCP-54")
class IgnoresOptionsOfTls(Loop):
    async def connect_accepted_socket(self, *args: Any, ssl: Any = None, **options: Any) -> Any:
        return await super().connect_accepted_socket(*args, ssl=ssl, **(options if ssl else {}))

    async def create_connection(self, *args: Any, ssl: Any = None, **options: Any) -> Any:
        if not ssl:
            options = {name: value for name, value in options.items() if not name.startswith(("ssl", "server"))}
        return await super().create_connection(*args, ssl=ssl, **options)
