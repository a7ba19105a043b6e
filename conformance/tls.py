"""TLS: create_connection(ssl=...), create_server(ssl=...) and start_tls().

A protocol sees of TLS only that its data arrive: it is connected once the handshake has succeeded, and never if it
has not. Certificates are checked, timeouts kept, and both ends say goodbye before the connection is lost. What breaks
the rules, or off, ends the connection and whoever waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from .contexts import client_context, server_context
from .declare import shows
from .driving import settle, soon, under_way
from .guests import Guests, address, connect, serving
from .logs import logged
from .peers import PATIENCE, receive_all, receive_exactly
from .protocols import BufferedRecorder, Recorder, connection_of, ended, unhandled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Future

    from .peers import InThread
    from .subject import Observe

Pair = tuple[socket.socket, socket.socket]

# More than the buffers of a connection take, and 251 is prime: a chunk that changes places shows.
MEGABYTES = (bytes(range(251)) * 33420)[: 8 << 20]

PROTOCOLS = pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder], ids=["Protocol", "BufferedProtocol"])
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


async def result_of(future: Future[Any]) -> Any:
    """Return what a peer's thread returns; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(future))


def accept(listener: socket.socket, version: ssl.TLSVersion | None = None, greeting: bytes = b"") -> ssl.SSLSocket:
    """Be a server: shake hands, and perhaps speak first."""
    there, _ = listener.accept()
    there.settimeout(PATIENCE)
    # Nagle's algorithm holds data back as long as the tickets that follow a handshake are not acknowledged.
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    encrypted = server_context(version).wrap_socket(there, server_side=True)
    if greeting:
        encrypted.sendall(greeting)
    return encrypted


def call(where: tuple[str, int], version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    """Be a client: connect and shake hands."""
    return client_context(version).wrap_socket(connect(where), server_hostname="localhost")


def send_plainly(there: ssl.SSLSocket, data: bytes) -> None:
    """Send bytes past TLS."""
    socket.socket.send(there, data)


@contextlib.asynccontextmanager
async def calling(
    listener: socket.socket,
    in_thread: InThread,
    factory: Any = Recorder,
    version: ssl.TLSVersion | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Any, Any, ssl.SSLSocket]]:
    """Be a client of a peer, whose blocking socket comes with the transport and the protocol."""
    shaken = in_thread(accept, listener, version)
    loop = asyncio.get_running_loop()
    where = listener.getsockname()
    transport, recorder = await soon(loop.create_connection(factory, *where, ssl=client_context(version), **options))
    async with ended(recorder):
        with await result_of(shaken) as there:
            yield transport, recorder, there


@contextlib.asynccontextmanager
async def called(in_thread: InThread, **options: Any) -> AsyncIterator[tuple[Any, Any, ssl.SSLSocket]]:
    """Be the server of a peer."""
    async with serving(ssl=server_context(), **options) as (server, guests):
        with await result_of(in_thread(call, address(server))) as there:
            guest = await guests.come()
            yield guest.transport, guest, there


@contextlib.asynccontextmanager
async def either(
    side: str, listener: socket.socket, in_thread: InThread, **options: Any
) -> AsyncIterator[tuple[Any, Any, ssl.SSLSocket]]:
    """Be a client or a server."""
    async with calling(listener, in_thread, **options) if side == "client" else called(in_thread, **options) as all_:
        yield all_


SIDES = pytest.mark.parametrize("side", ["client", "server"])


# --- data, and what is known of a connection ------------------------------------------------------------------


@shows("TLS-01")
@SIDES
async def data_are_exchanged(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, recorder, there):
        there.sendall(b"question")
        await recorder.has(b"question")
        transport.write(b"answer")
        assert await result_of(in_thread(receive_exactly, there, 6)) == b"answer"


@shows("TLS-01")
@VERSIONS
@PROTOCOLS
async def client_speaks_either_version(
    version: ssl.TLSVersion, protocol: Any, listener: socket.socket, in_thread: InThread
) -> None:
    async with calling(listener, in_thread, protocol, version) as (_, recorder, there):
        there.sendall(b"hello")
        await recorder.has(b"hello")


@shows("TLS-01")
@SIDES
async def megabytes_are_exchanged(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, recorder, there):
        received = in_thread(receive_exactly, there, len(MEGABYTES))
        transport.write(MEGABYTES)
        assert await result_of(received) == MEGABYTES, "the bytes have changed on their way"
        sent = in_thread(there.sendall, MEGABYTES)
        await recorder.has(MEGABYTES)
        await result_of(sent)


@shows("TLS-01")
@SIDES
async def lines_are_written(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, _, there):
        transport.writelines([b"he", b"l", b"lo"])
        assert await result_of(in_thread(receive_exactly, there, 5)) == b"hello"


@shows("TLS-01")
async def record_may_be_larger_than_the_buffer(listener: socket.socket, in_thread: InThread) -> None:
    """The protocol's buffer takes a tenth of it."""
    async with calling(listener, in_thread, BufferedRecorder) as (_, recorder, there):
        there.sendall(MEGABYTES[:1000])
        await recorder.has(MEGABYTES[:1000])


@shows("TLS-25")
@SIDES
async def data_wait_for_resume_reading(side: str, listener: socket.socket, in_thread: InThread) -> None:
    """The peer sends nothing more: what waits may have been read, and even decrypted."""
    async with either(side, listener, in_thread) as (transport, recorder, there):
        transport.pause_reading()
        there.sendall(b"held back")
        await settle(20)
        assert not recorder.received
        transport.resume_reading()
        await recorder.has(b"held back")


@shows("TLS-26")
@SIDES
async def full_buffer_pauses_the_protocol(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, recorder, there):
        written = 0
        while "pause_writing" not in recorder.calls and written < 2 * len(MEGABYTES):
            transport.write(MEGABYTES[: 1 << 20])
            written += 1 << 20
            await settle(1)
        assert recorder.calls == ["connection_made", "pause_writing"]
        received = in_thread(receive_exactly, there, written)
        await recorder.is_told("resume_writing")
        assert len(await result_of(received)) == written


@shows("TLS-01")
@pytest.mark.parametrize("name", ["peercert", "cipher", "compression", "ssl_object", "sslcontext"])
async def extra_information_is_known(name: str, listener: socket.socket, in_thread: InThread) -> None:
    context = client_context()
    shaken = in_thread(accept, listener)
    loop = asyncio.get_running_loop()
    transport, recorder = await soon(loop.create_connection(Recorder, *listener.getsockname(), ssl=context))
    async with ended(recorder):
        with await result_of(shaken) as there:
            unknown = object()
            found = transport.get_extra_info(name, unknown)
            assert found is not unknown
            if name == "peercert":
                assert ("IP Address", "127.0.0.1") in found["subjectAltName"]
            elif name == "cipher":
                assert found == there.cipher()
            elif name == "compression":
                assert found == there.compression()
            elif name == "sslcontext":
                assert found is context
            else:
                assert found.version() == there.version()


@shows("TLS-02")
async def name_is_that_of_the_host(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread) as (transport, _, _):
        assert transport.get_extra_info("ssl_object").server_hostname == "127.0.0.1"


@shows("TLS-02")
async def name_is_that_which_is_given(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread, server_hostname="localhost") as (transport, _, _):
        assert transport.get_extra_info("ssl_object").server_hostname == "localhost"


@shows("TLS-02")
async def empty_name_is_no_name(listener: socket.socket, in_thread: InThread) -> None:
    context = client_context()
    context.check_hostname = False
    shaken = in_thread(accept, listener)
    loop = asyncio.get_running_loop()
    where = listener.getsockname()
    transport, recorder = await soon(loop.create_connection(Recorder, *where, ssl=context, server_hostname=""))
    async with ended(recorder):
        with await result_of(shaken):
            assert transport.get_extra_info("ssl_object").server_hostname is None


@shows("TLS-02")
async def socket_needs_a_name(tcp_pair: Pair) -> None:
    with pytest.raises(ValueError):
        async with connection_of(tcp_pair[0], ssl=client_context()):
            pass


@shows("TLS-02")
async def name_needs_tls(listener: socket.socket) -> None:
    with pytest.raises(ValueError):
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), server_hostname="localhost")
        )


@shows("TLS-03")
@pytest.mark.parametrize("wrong", ["name", "authority"])
async def wrong_certificate_is_refused(wrong: str, listener: socket.socket, in_thread: InThread) -> None:
    shaken = in_thread(accept, listener)
    name = "example.org" if wrong == "name" else "localhost"
    with pytest.raises(ssl.SSLCertVerificationError):
        await soon(
            asyncio.get_running_loop().create_connection(
                Recorder,
                *listener.getsockname(),
                ssl=client_context(ssl.TLSVersion.TLSv1_2, trusting=wrong == "name"),
                server_hostname=name,
            )
        )
    with pytest.raises(OSError):
        await result_of(shaken)


@shows("TLS-03")
async def default_context_trusts_no_stranger(listener: socket.socket, in_thread: InThread) -> None:
    shaken = in_thread(accept, listener, ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLCertVerificationError):
        await soon(asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), ssl=True))
    with pytest.raises(OSError):
        await result_of(shaken)


# --- start_tls() ----------------------------------------------------------------------------------------------


def shake(there: socket.socket, side: str) -> ssl.SSLSocket:
    """Go over to TLS as the peer of a client or of a server."""
    if side == "client":
        return server_context().wrap_socket(there, server_side=True)
    return client_context().wrap_socket(there, server_hostname="localhost")


@contextlib.asynccontextmanager
async def upgraded(
    side: str, tcp_pair: Pair, in_thread: InThread, protocol: Any = Recorder
) -> AsyncIterator[tuple[Any, Any, ssl.SSLSocket]]:
    """Make a connection, and one with TLS of it."""
    here, there = tcp_pair
    loop = asyncio.get_running_loop()

    async def go_over() -> Any:
        if side == "client":
            return await loop.start_tls(plain, recorder, client_context(), server_hostname="localhost")
        return await loop.start_tls(plain, recorder, server_context(), server_side=True)

    async with connection_of(here, protocol) as (plain, recorder):
        plain.pause_reading()  # what the peer says from now on is TLS
        shaken = in_thread(shake, there, side)
        transport = await soon(go_over())
        try:
            with await result_of(shaken) as encrypted:
                yield transport, recorder, encrypted
        finally:
            transport.abort()
            await settle()


@shows("TLS-04")
@SIDES
@PROTOCOLS
async def connection_goes_over_to_tls(side: str, protocol: Any, tcp_pair: Pair, in_thread: InThread) -> None:
    async with upgraded(side, tcp_pair, in_thread, protocol) as (transport, recorder, there):
        there.sendall(b"question")
        await recorder.has(b"question")
        transport.write(b"answer")
        assert await result_of(in_thread(receive_exactly, there, 6)) == b"answer"


@shows("TLS-04")
@SIDES
async def connection_is_made_once(side: str, tcp_pair: Pair, in_thread: InThread) -> None:
    async with upgraded(side, tcp_pair, in_thread) as (_, recorder, there):
        there.sendall(b"hello")
        await recorder.has(b"hello")
        assert recorder.calls == ["connection_made", "data_received"]


@shows("TLS-27")
async def start_tls_refuses_a_certificate_for_another_name(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    async with connection_of(here) as (plain, recorder):
        shaken = in_thread(lambda: server_context(ssl.TLSVersion.TLSv1_2).wrap_socket(there, server_side=True))
        with pytest.raises(ssl.SSLCertVerificationError):
            await soon(loop.start_tls(plain, recorder, client_context(), server_hostname="example.org"))
        with pytest.raises(OSError):
            await result_of(shaken)


@shows("TLS-28")
async def what_was_written_before_goes_out_plainly(socket_pair: Pair, in_thread: InThread) -> None:
    """More than the kernel takes at once waits in the transport when the handshake begins."""
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    welcome = MEGABYTES[: 1 << 20]

    def answer() -> bytes:
        plain = receive_exactly(there, len(welcome))
        with server_context().wrap_socket(there, server_side=True) as encrypted:
            encrypted.sendall(b"encrypted")
            receive_all(encrypted)
        return plain

    async with connection_of(here) as (plain, recorder):
        plain.set_write_buffer_limits(high=len(MEGABYTES))  # no protocol is paused where another one is resumed
        plain.write(welcome)
        upgrading = asyncio.ensure_future(
            loop.start_tls(plain, recorder, client_context(), server_hostname="localhost")
        )
        await settle()
        answered = in_thread(answer)
        transport: Any = await soon(upgrading)
        await recorder.has(b"encrypted")
        transport.close()
        assert await result_of(answered) == welcome


@shows("TLS-05")
@pytest.mark.parametrize("context", [None, True, "context"])
async def start_tls_needs_a_context(context: Any, tcp_pair: Pair) -> None:
    async with connection_of(tcp_pair[0]) as (transport, recorder):
        with pytest.raises(TypeError):
            await soon(asyncio.get_running_loop().start_tls(transport, recorder, context))


@shows("TLS-05")
async def start_tls_needs_a_transport_that_can_be_upgraded() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(TypeError):
        await soon(loop.start_tls(asyncio.Transport(), Recorder(), client_context(), server_hostname="localhost"))


def begin_handshake(there: socket.socket) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """Send the first message of a client's handshake, and nothing more."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tunnel = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tunnel.do_handshake()
    there.sendall(outgoing.read())
    return tunnel, incoming, outgoing


def end_handshake(there: socket.socket, begun: tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]) -> None:
    """Carry a handshake through over a blocking socket."""
    tunnel, incoming, outgoing = begun
    while True:
        try:
            tunnel.do_handshake()
        except ssl.SSLWantReadError:
            there.sendall(outgoing.read())
            data = there.recv(65536)
            assert data, "the handshake was broken off"
            incoming.write(data)
        else:
            there.sendall(outgoing.read())
            return


@shows("TLS-06")
async def bytes_that_were_read_before_belong_to_the_handshake(in_thread: InThread) -> None:
    streams: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await soon(asyncio.start_server(lambda *both: streams.put_nowait(both), "127.0.0.1", 0))
    try:
        with connect(address(server)) as there:
            reader, writer = await soon(streams.get())
            there.sendall(b"start\n")
            assert await soon(reader.readline()) == b"start\n"
            begun = begin_handshake(there)
            await settle(20)
            shaken = in_thread(end_handshake, there, begun)
            await soon(writer.start_tls(server_context()))
            await result_of(shaken)
            writer.transport.abort()
    finally:
        server.close()
        await settle()


@shows("TLS-07")
async def cancelled_start_tls_closes_the_connection(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    # The protocol is not told: its connection was the one over TLS, which was never made.
    plain, recorder = await soon(loop.create_connection(Recorder, sock=here))
    starting = loop.start_tls(plain, recorder, client_context(), server_hostname="localhost")
    async with under_way(starting) as handshake:
        handshake.cancel()
        await asyncio.wait({handshake}, timeout=PATIENCE)
        assert handshake.cancelled()
    with contextlib.suppress(ConnectionResetError):
        await result_of(in_thread(receive_all, there))


@shows("TLS-08")
@SIDES
async def corrupted_record_ends_the_connection(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (_, recorder, there):
        send_plainly(there, b"\x17\x03\x03\x00\x20" + bytes(32))
        assert isinstance(await soon(recorder.lost), ssl.SSLError)


# --- timeouts and the end -------------------------------------------------------------------------------------


@shows("TLS-09")
async def handshake_takes_too_long(listener: socket.socket, in_thread: InThread) -> None:
    with pytest.raises(ConnectionAbortedError):
        await soon(
            asyncio.get_running_loop().create_connection(
                Recorder, *listener.getsockname(), ssl=client_context(), ssl_handshake_timeout=0.02
            )
        )
    there, _ = listener.accept()
    with there:
        there.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            await result_of(in_thread(receive_all, there))


@shows("TLS-09")
async def server_closes_a_connection_whose_handshake_takes_too_long(in_thread: InThread) -> None:
    async with serving(ssl=server_context(), ssl_handshake_timeout=0.02) as (server, _):
        with connect(address(server)) as there, contextlib.suppress(ConnectionResetError):
            assert await result_of(in_thread(receive_all, there)) == b""


@shows("TLS-24")
async def handshake_in_time_is_not_punished_later(listener: socket.socket, in_thread: InThread) -> None:
    """Takes as long as the shortest timeout within which this machine shakes hands."""
    loop = asyncio.get_running_loop()
    for timeout in (0.1, 1, PATIENCE):
        shaken = in_thread(accept, listener)
        try:
            _, recorder = await soon(
                loop.create_connection(
                    Recorder, *listener.getsockname(), ssl=client_context(), ssl_handshake_timeout=timeout
                )
            )
        except ConnectionAbortedError:
            with contextlib.suppress(OSError):
                await result_of(shaken)
        else:
            break
    async with ended(recorder):
        with await result_of(shaken) as there:
            await asyncio.sleep(timeout * 1.2)
            there.sendall(b"still here")
            await recorder.has(b"still here")


@shows("TLS-09")
@pytest.mark.parametrize("timeout", [0, -1])
async def timeout_is_positive(timeout: float, tcp_pair: Pair) -> None:
    with pytest.raises(ValueError):
        async with connection_of(
            tcp_pair[0], ssl=client_context(), server_hostname="localhost", ssl_handshake_timeout=timeout
        ):
            pass


@shows("TLS-10")
@SIDES
async def unanswered_close_is_cut_short(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread, ssl_shutdown_timeout=0.02) as (transport, recorder, _):
        transport.close()
        await soon(recorder.lost)


@shows("TLS-10")
async def close_waits_for_the_peer(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread, ssl_shutdown_timeout=PATIENCE * 2) as (transport, recorder, there):
        transport.close()
        await asyncio.sleep(0.05)
        assert not recorder.lost.done()
        await result_of(in_thread(there.unwrap))
        await soon(recorder.lost)


def receive_and_answer(there: ssl.SSLSocket) -> bytes:
    """Receive until the goodbye, which must be one, and answer it."""
    received = receive_all(there)
    there.unwrap()
    return received


@shows("TLS-11")
@SIDES
async def all_is_sent_before_goodbye(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, recorder, there):
        received = in_thread(receive_and_answer, there)
        transport.write(MEGABYTES)
        transport.close()
        assert await result_of(received) == MEGABYTES, "the bytes have changed on their way"
        assert await soon(recorder.lost) is None


@shows("TLS-11")
@SIDES
async def goodbye_is_answered(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (_, recorder, there):
        there.sendall(b"last words")
        await result_of(in_thread(there.unwrap))
        assert await soon(recorder.lost) is None
        assert recorder.received == b"last words"
        assert recorder.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


@shows("TLS-29")
@SIDES
async def end_without_goodbye_is_an_end(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (_, recorder, there):
        there.sendall(b"last words")
        there.shutdown(socket.SHUT_WR)  # of the socket: TLS is told nothing
        await soon(recorder.lost)
        assert recorder.received == b"last words"


@shows("TLS-12")
@SIDES
async def data_that_arrive_after_close_are_discarded(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, recorder, there):
        transport.close()
        with contextlib.suppress(OSError):  # a loop may end the connection at once
            there.sendall(b"too late")
            await result_of(in_thread(there.unwrap))
        await soon(recorder.lost)
        assert recorder.received == b""


def tunnel_through(there: ssl.SSLSocket) -> bytes:
    """Be a server of TLS inside TLS; answer, and return what was asked."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tunnel = server_context().wrap_bio(incoming, outgoing, server_side=True)

    def carry(step: Any) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                there.sendall(outgoing.read())
                incoming.write(there.recv(65536))
            else:
                there.sendall(outgoing.read())
                return result

    carry(tunnel.do_handshake)
    asked: bytes = carry(lambda: tunnel.read(100))
    carry(lambda: tunnel.write(b"answer"))
    return asked


@shows("TLS-13")
async def tls_is_spoken_inside_tls(listener: socket.socket, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    async with calling(listener, in_thread) as (outer, recorder, there):
        asked = in_thread(tunnel_through, there)
        inner = await soon(loop.start_tls(outer, recorder, client_context(), server_hostname="localhost"))
        assert inner is not None
        inner.write(b"question")
        await recorder.has(b"answer")
        assert await result_of(asked) == b"question"


# --- handshakes that fail ---------------------------------------------------------------------------------------


async def is_connecting(protocol: Any, listener: socket.socket) -> Any:
    """Connect to a peer."""
    loop = asyncio.get_running_loop()
    return await loop.create_connection(lambda: protocol, *listener.getsockname(), ssl=client_context())


@shows("TLS-15")
async def connection_lost_during_the_handshake_was_never_made(listener: socket.socket) -> None:
    recorder = Recorder()
    async with under_way(is_connecting(recorder, listener)) as connecting:
        listener.accept()[0].close()
        with pytest.raises(OSError):
            await soon(connecting)
        await settle(5)
        assert recorder.calls == []


@shows("TLS-16")
async def cancelled_handshake_leaves_no_transport(listener: socket.socket) -> None:
    gc.collect()  # what earlier cases left behind is none of this one's business
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with under_way(is_connecting(Recorder(), listener)) as connecting:
            there, _ = listener.accept()
            with there:
                await settle(5)
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=PATIENCE)
                assert connecting.cancelled()
                await settle(5)
                del connecting
                gc.collect()
    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []


@shows("TLS-17")
@VERSIONS
@PROTOCOLS
async def first_data_come_after_connection_made(
    version: ssl.TLSVersion, protocol: Any, listener: socket.socket, in_thread: InThread
) -> None:
    shaken = in_thread(accept, listener, version, b"welcome")
    loop = asyncio.get_running_loop()
    where = listener.getsockname()
    _, recorder = await soon(loop.create_connection(protocol, *where, ssl=client_context(version)))
    async with ended(recorder):
        with await result_of(shaken):
            await recorder.has(b"welcome")
            assert recorder.calls[0] == "connection_made"


@shows("TLS-18")
async def paused_connection_can_be_closed(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread) as (transport, recorder, there):
        transport.pause_reading()
        await settle()
        transport.close()
        with contextlib.suppress(OSError):
            await result_of(in_thread(there.unwrap))
        await soon(recorder.lost)


@shows("TLS-19")
@pytest.mark.parametrize("method", ["write", "writelines"])
async def nothing_is_written_after_close(method: str, listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread) as (transport, recorder, there):
        received = in_thread(receive_and_answer, there)
        transport.write(b"before")
        transport.close()
        getattr(transport, method)(b"after" if method == "write" else [b"after"])
        assert await result_of(received) == b"before"
        await soon(recorder.lost)
        getattr(transport, method)(b"after" if method == "write" else [b"after"])


@shows("TLS-20")
async def lost_connection_is_freed(listener: socket.socket, in_thread: InThread) -> None:
    gc.collect()
    gc.disable()
    try:
        shaken = in_thread(accept, listener)
        loop = asyncio.get_running_loop()
        where = listener.getsockname()
        transport, protocol = await soon(loop.create_connection(Recorder, *where, ssl=client_context()))
        with await result_of(shaken) as there:
            transport.close()
            await result_of(in_thread(there.unwrap))
            await soon(protocol.lost)
        await settle(5)
        protocol.transport = None  # a recorder refers to its transport, which refers to it
        remembered = weakref.ref(protocol)
        del transport, protocol
        await settle(2)
        assert remembered() is None
    finally:
        gc.enable()


@shows("TLS-21")
async def protocol_is_replaced_at_once(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread) as (transport, recorder, there):
        successor = Recorder()
        transport.set_protocol(successor)
        assert transport.get_protocol() is successor
        there.sendall(b"hello")
        await successor.has(b"hello")
        assert recorder.received == b""
        transport.abort()
        await soon(successor.lost)
        transport.set_protocol(recorder)
        recorder.connection_lost(None)


@shows("TLS-21")
async def closed_connection_still_answers(listener: socket.socket, in_thread: InThread) -> None:
    async with calling(listener, in_thread) as (transport, recorder, there):
        transport.close()
        await result_of(in_thread(there.unwrap))
        await soon(recorder.lost)
        for name in "cipher", "socket", "peername", "unknown":
            transport.get_extra_info(name)


@shows("TLS-22")
async def client_does_not_shake_hands_with_a_plain_server(listener: socket.socket) -> None:
    async with under_way(is_connecting(Recorder(), listener)) as connecting:
        there, _ = listener.accept()
        with there:
            there.sendall(b"220 this is not TLS\r\n")
            with pytest.raises(ssl.SSLError):
                await soon(connecting)


@shows("TLS-22")
async def server_does_not_shake_hands_with_a_plain_client(in_thread: InThread) -> None:
    async with serving(ssl=server_context()) as (server, guests):
        with connect(address(server)) as there:
            there.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                await result_of(in_thread(receive_all, there))
        assert [guest.calls for guest in guests.all if guest.calls] == []


@shows("TLS-23")
async def cancelled_handshake_of_an_accepted_socket_closes_it(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    accepting = loop.connect_accepted_socket(Recorder, here, ssl=server_context())
    async with under_way(accepting) as handshake:
        handshake.cancel()
        await asyncio.wait({handshake}, timeout=PATIENCE)
        assert handshake.cancelled()
    await settle(5)
    with contextlib.suppress(ConnectionResetError):
        assert await result_of(in_thread(receive_all, there)) == b""
    assert here.fileno() == -1


# --- what TLS has in common with other transports, and what not -------------------------------------------------


@shows("TLS-01")
async def buffered_protocol_serves(in_thread: InThread) -> None:
    async with called(in_thread, guests=Guests(BufferedRecorder)) as (_, guest, there):
        there.sendall(MEGABYTES[:1000])
        await guest.has(MEGABYTES[:1000])


@shows("TLS-30")
@SIDES
async def writing_an_end_is_refused(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, _, there):
        if transport.can_write_eof():
            transport.write_eof()
            assert await result_of(in_thread(there.recv, 1)) == b""
        else:
            with pytest.raises(NotImplementedError):
                transport.write_eof()
            transport.write(b"still here")
            assert await result_of(in_thread(receive_exactly, there, 10)) == b"still here"


def staying() -> Recorder:
    """A protocol that would rather stay when its peer has ended."""
    return Recorder(eof_received=lambda _: True)


@shows("TLS-31")
@SIDES
async def protocol_cannot_keep_its_connection_open(side: str, listener: socket.socket, in_thread: InThread) -> None:
    options: dict[str, Any] = {"factory": staying} if side == "client" else {"guests": Guests(staying)}
    async with either(side, listener, in_thread, **options) as (transport, recorder, there):
        if transport.can_write_eof():
            return
        with logged():  # asyncio warns of the answer
            await result_of(in_thread(there.unwrap))
            await soon(recorder.lost)
        assert recorder.calls == ["connection_made", "eof_received", "connection_lost"]


@contextlib.asynccontextmanager
async def unanswered(method: str, tcp_pair: Pair, **options: Any) -> AsyncIterator[Any]:
    """Begin a handshake with a peer that says nothing."""
    here, _ = tcp_pair
    loop = asyncio.get_running_loop()
    if method == "connect_accepted_socket":
        yield loop.connect_accepted_socket(Recorder, here, ssl=server_context(), **options)
        return
    plain, recorder = await soon(loop.create_connection(Recorder, sock=here))
    plain.pause_reading()  # what the peer says from now on is TLS
    try:
        if method == "start_tls, client":
            yield loop.start_tls(plain, recorder, client_context(), server_hostname="localhost", **options)
        else:
            yield loop.start_tls(plain, recorder, server_context(), server_side=True, **options)
    finally:
        plain.abort()
        await settle()


@shows("TLS-32")
@pytest.mark.parametrize("method", ["start_tls, client", "start_tls, server", "connect_accepted_socket"])
async def handshake_of_an_open_connection_takes_too_long(method: str, tcp_pair: Pair, in_thread: InThread) -> None:
    async with unanswered(method, tcp_pair, ssl_handshake_timeout=0.02) as shaking:
        with pytest.raises(ConnectionAbortedError):
            await soon(shaking)
        with contextlib.suppress(ConnectionResetError):
            await result_of(in_thread(receive_all, tcp_pair[1]))


@shows("TLS-33")
@pytest.mark.parametrize("method", ["start_tls, client", "start_tls, server", "connect_accepted_socket"])
async def unanswered_close_of_an_open_connection_is_cut_short(method: str, tcp_pair: Pair, in_thread: InThread) -> None:
    async with unanswered(method, tcp_pair, ssl_shutdown_timeout=0.02) as shaking:
        shaken = in_thread(shake, tcp_pair[1], "client" if method == "start_tls, client" else "server")
        result = await soon(shaking)
        transport = result[0] if isinstance(result, tuple) else result
        with await result_of(shaken):
            transport.close()
            await soon(transport.get_protocol().lost)


@shows("TLS-34")
@pytest.mark.parametrize("name", ["", None], ids=["empty", "none"])
async def start_tls_needs_a_name_to_check(name: str | None, tcp_pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    async with connection_of(tcp_pair[0]) as (transport, recorder):
        with pytest.raises(ValueError):
            await soon(loop.start_tls(transport, recorder, client_context(), server_hostname=name))


@shows("TLS-34")
async def create_connection_needs_a_name_to_check(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_connection(Recorder, *listener.getsockname(), ssl=client_context(), server_hostname=""))


@shows("TLS-35")
@SIDES
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def anything_like_bytes_is_written(kind: Any, side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, _, there):
        transport.write(kind(b"he"))
        transport.writelines([kind(b"l"), kind(b"lo")])
        assert await result_of(in_thread(receive_exactly, there, 5)) == b"hello"


@shows("TLS-36")
@SIDES
async def is_reading_follows_the_calls(side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, _, _):
        told = [transport.is_reading()]
        for call in transport.pause_reading, transport.resume_reading:
            call()
            told.append(transport.is_reading())
        assert told == [True, False, True]


@shows("TLS-37")
@SIDES
@pytest.mark.parametrize(("low", "high"), [(0, 0), (10, 20), (20, 20)])
async def limits_are_told(low: int, high: int, side: str, listener: socket.socket, in_thread: InThread) -> None:
    async with either(side, listener, in_thread) as (transport, _, _):
        transport.set_write_buffer_limits(high=high, low=low)
        assert transport.get_write_buffer_limits() == (low, high)


@shows("TLS-38")
async def closing_transport_goes_over_to_tls(tcp_pair: Pair, observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    async with connection_of(tcp_pair[0]) as (plain, recorder):
        plain.close()
        starting = loop.start_tls(
            plain, recorder, client_context(), server_hostname="localhost", ssl_handshake_timeout=0.02
        )
        with unhandled():
            try:
                transport: Any = await soon(asyncio.wait_for(starting, 0.3))
            except Exception as error:  # noqa: BLE001 - any is an answer
                observe(f"it raises {type(error).__name__}")
            else:
                observe("it returns None" if transport is None else "it returns a transport")
                if transport is not None:
                    transport.abort()
            await settle()
