"""TCP: create_connection() and the transports of streams.

create_connection() tries the addresses of a host one after the other and takes the first that answers; whatever
goes wrong on the way, no socket is left open. The transport then moves bytes, whole and in order, between the
kernel and its protocol. It tells the protocol of everything once and in order: made, data, the end, lost. What
the kernel does not take at once waits in a buffer, whose size makes the protocol pause and resume. close() sends
what was written before, abort() drops it, and the reason of an end is the one that came first.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import re
import select
import socket
import ssl
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .contexts import client_context, server_context
from .declare import shows
from .driving import settle, soon, under_way
from .gates import IPV6, POSIX, UNIX_SOCKETS, Gate, descriptors
from .guests import Guests, serving
from .peers import PATIENCE, InThread, T, receive_all, receive_exactly, reset
from .protocols import BufferedRecorder, Recorder, connection_of, ended, unhandled
from .scripts.searching import search_exchanges
from .subject import Exploring, LoopFactory, Observe

Pair = tuple[socket.socket, socket.socket]
Address = tuple[str, int]

AF_UNIX: int = getattr(socket, "AF_UNIX", -1)

# 251 is prime: a chunk that goes missing, comes twice or changes places shows.
MEGABYTE = (bytes(range(251)) * 4178)[: 1 << 20]
ROOM = 1 << 16  # about as much as the sockets of the fixture `narrow` take without a reader, on each side

CLOSES = pytest.mark.parametrize("method", ["close", "abort"])
FLAVOURS = pytest.mark.parametrize("flavour", [Recorder, BufferedRecorder], ids=["plain", "buffered"])


def _can_bind(host: str) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _silent_works() -> bool:
    """Whether a listener with a full queue leaves those who connect waiting; some answer with a reset."""
    return sys.platform == "linux"


SENDMSG = Gate(
    "sendmsg",
    "needs socket.sendmsg(): without it CPython loses lines (gh-146507)",
    lambda: hasattr(socket.socket, "sendmsg"),
    ("win32",),
)
OTHER_HOST = Gate("127.0.0.2", "needs a second loopback address", lambda: _can_bind("127.0.0.2"), ("darwin",))
SILENCE = Gate(
    "silence",
    "needs a kernel that lets connections to a full queue wait",
    _silent_works,
    ("win32", "darwin"),
)


@dataclass(frozen=True)
class Connected:
    """A connection of the loop under test with the socket of its peer."""

    transport: asyncio.Transport
    recorder: Any
    there: socket.socket


@contextlib.asynccontextmanager
async def connected(
    listener: socket.socket, factory: Callable[[], Any] = Recorder, **options: Any
) -> AsyncIterator[Connected]:
    """Connect to the peer's server."""
    loop = asyncio.get_running_loop()
    transport, recorder = await soon(loop.create_connection(factory, *listener.getsockname()[:2], **options))
    async with ended(recorder):
        there, _ = listener.accept()
        with there:
            there.settimeout(PATIENCE)
            yield Connected(transport, recorder, there)


def recording(**hooks: Callable[[Any], object]) -> Callable[[], Recorder]:
    """Make a factory of recorders with hooks."""
    return functools.partial(Recorder, **hooks)


def failing(error: BaseException) -> Callable[[Any], object]:
    """Make a hook that raises."""

    def fail(_recorder: object) -> None:
        raise error

    return fail


async def of_peer(in_thread: InThread, function: Callable[..., T], *arguments: Any) -> T:
    """Return what a peer's blocking function returns; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(in_thread(function, *arguments)))


def clog(transport: asyncio.WriteTransport, data: bytes = MEGABYTE) -> None:
    """Write more than a narrow connection takes, in pieces: Windows takes any single one, if it takes anything."""
    for start in range(0, len(data), ROOM):
        transport.write(data[start : start + ROOM])


def rest_of(sock: socket.socket) -> bytes:
    """Read until the end, be it a polite one or not."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65536):
            received += data
    return bytes(received)


@pytest.fixture
def narrow() -> Iterator[Pair]:
    """Two connected TCP sockets with little room between them: the first for the loop, the second for the peer."""
    with socket.socket() as listener, socket.socket() as here:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        here.connect(listener.getsockname())
        here.setblocking(False)
        there, _ = listener.accept()
        with there:
            there.settimeout(PATIENCE)
            yield here, there


@pytest.fixture
def silent() -> Iterator[Address]:
    """An address where nobody answers: its queue is full, so that the kernel drops who connects."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()


class Names:
    """Answers socket.getaddrinfo() for the name ``several.test``, which has the addresses a case gives it.

    A loop may have a resolver of its own; loop.getaddrinfo() is documented as that function's asynchronous version.
    """

    HOST = "several.test"

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real = real
        self.asked = False
        self.addresses: list[Address] = []

    def __call__(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name is the function's
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        if host != self.HOST:
            return self.real(host, port, family, type, proto, flags)  # type: ignore[no-any-return]
        self.asked = True
        found = []
        for address in self.addresses:
            found += self.real(*address, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        return found

    async def connect(
        self, *addresses: Address, factory: Callable[[], Recorder] = Recorder, **options: Any
    ) -> tuple[asyncio.Transport, Recorder]:
        """Connect to the name; skip the case if the loop asks somebody else."""
        self.addresses = list(addresses)
        loop = asyncio.get_running_loop()
        try:
            # Whoever else is asked is to look nowhere: the name is no address.
            return await loop.create_connection(factory, self.HOST, 1, flags=socket.AI_NUMERICHOST, **options)
        except OSError:
            if not self.asked:
                pytest.skip("needs a loop that resolves names with socket.getaddrinfo()")
            raise


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Name several addresses, in an order."""
    resolver = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


# --- connecting ---------------------------------------------------------------------------------------------


@shows("TCP-01")
@FLAVOURS
async def create_connection_returns_transport_and_protocol(listener: socket.socket, flavour: type) -> None:
    made: list[Any] = []

    def factory() -> Any:
        made.append(flavour())
        return made[-1]

    async with connected(listener, factory) as connection:
        assert made == [connection.recorder]
        assert connection.recorder.transport is connection.transport


@shows("TCP-01")
@FLAVOURS
async def connection_is_made_before_create_connection_returns(listener: socket.socket, flavour: type) -> None:
    calls: list[str] = []

    async def connect() -> Any:
        _, recorder = await asyncio.get_running_loop().create_connection(flavour, *listener.getsockname())
        calls.extend(recorder.calls)  # the loop has not turned in between
        return recorder

    async with ended(await soon(connect())):
        assert calls == ["connection_made"]


@shows("TCP-01")
@FLAVOURS
async def bytes_go_both_ways(listener: socket.socket, flavour: type) -> None:
    async with connected(listener, flavour) as connection:
        connection.transport.write(b"question")
        assert await soon_received(connection.there, 8) == b"question"
        connection.there.sendall(b"answer")
        await connection.recorder.has(b"answer")


async def soon_received(there: socket.socket, size: int) -> bytes:
    """Read a few bytes at the peer's end; the loop turns until they have come."""
    there.setblocking(False)
    received = bytearray()

    async def read() -> None:
        while len(received) < size:
            try:
                data = there.recv(size - len(received))
            except BlockingIOError:
                await asyncio.sleep(0)
            else:
                if not data:
                    break
                received.extend(data)

    try:
        await soon(read())
    finally:
        there.settimeout(PATIENCE)
    return bytes(received)


async def end_seen(there: socket.socket) -> None:
    """Fail unless the peer sees the end of the stream, and nothing before it."""
    assert await soon_received(there, 1) == b""


@shows("TCP-01")
async def megabytes_are_received(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (_, recorder):
        in_thread(there.sendall, MEGABYTE * 8)
        await recorder.has(MEGABYTE * 8)


@shows("TCP-01")
async def megabytes_are_written(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        received = in_thread(receive_exactly, there, len(MEGABYTE) * 8)
        transport.write(MEGABYTE * 8)
        assert await soon(asyncio.wrap_future(received)) == MEGABYTE * 8, "the bytes have changed on their way"


@shows("TCP-01")
async def megabytes_go_both_ways_at_once(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        received = in_thread(receive_exactly, there, len(MEGABYTE))
        in_thread(there.sendall, MEGABYTE)
        transport.write(MEGABYTE)
        await recorder.has(MEGABYTE)
        assert await soon(asyncio.wrap_future(received)) == MEGABYTE, "the bytes have changed on their way"


@shows("TCP-01")
async def one_byte_at_a_time_is_received(tcp_pair: Pair, in_thread: InThread) -> None:
    """A peer that sends each byte in a packet of its own."""
    here, there = tcp_pair
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    async with connection_of(here) as (_, recorder):
        in_thread(lambda: [there.send(bytes([byte])) for byte in range(256)])
        await recorder.has(bytes(range(256)))


@shows("TCP-02")
async def transport_of_create_connection_is_a_transport(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        assert isinstance(connection.transport, asyncio.Transport)


@shows("TCP-02")
async def transport_of_create_server_is_a_transport() -> None:
    async with accepted() as (recorder, _):
        assert isinstance(recorder.transport, asyncio.Transport)


@contextlib.asynccontextmanager
async def accepted(**hooks: Callable[[Any], object]) -> AsyncIterator[tuple[Recorder, socket.socket]]:
    """Let a peer connect to a server of the loop's: the server's recorder and the peer's socket."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Recorder] = loop.create_future()

    def factory() -> Recorder:
        recorder = Recorder(**hooks)
        made.set_result(recorder)
        return recorder

    server = await soon(loop.create_server(factory, "127.0.0.1", 0))
    try:
        with socket.create_connection(server.sockets[0].getsockname(), PATIENCE) as there:
            recorder = await soon(made)
            async with ended(recorder):
                await recorder.is_told("connection_made")
                yield recorder, there
    finally:
        server.close()
        await settle()


# --- the life of a protocol ---------------------------------------------------------------------------------


@shows("TCP-03")
@pytest.mark.parametrize("end", ["end", "reset", "close", "abort", "close after end", "end after close"])
async def protocol_is_made_first_and_lost_last(tcp_pair: Pair, end: str) -> None:
    here, there = tcp_pair
    async with connection_of(here, recording(eof_received=lambda _: True)) as (transport, recorder):
        there.sendall(b"data")
        await recorder.has(b"data")
        if end == "end":
            there.shutdown(socket.SHUT_WR)
            await recorder.is_told("eof_received")
            transport.close()
        elif end == "reset":
            reset(there)
        elif end == "close after end":
            there.shutdown(socket.SHUT_WR)
            transport.close()
        elif end == "end after close":
            transport.close()
            there.shutdown(socket.SHUT_WR)
        else:
            getattr(transport, end)()
        await soon(recorder.lost)
        await settle(5)
        assert recorder.calls[:2] == ["connection_made", "data_received"]
        assert recorder.calls[2:] in (["connection_lost"], ["eof_received", "connection_lost"])


@shows("TCP-03")
async def protocol_sees_the_whole_life(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        connection.there.sendall(b"data")
        connection.there.shutdown(socket.SHUT_WR)
        await soon(connection.recorder.lost)
        assert connection.recorder.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


@shows("TCP-03")
async def protocol_sees_a_life_without_data(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        connection.there.shutdown(socket.SHUT_WR)
        assert await soon(connection.recorder.lost) is None
        assert connection.recorder.calls == ["connection_made", "eof_received", "connection_lost"]


@shows("TCP-03")
async def end_is_told_once_where_the_protocol_stays(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here, recording(eof_received=lambda _: True)) as (_, recorder):
        there.shutdown(socket.SHUT_WR)
        await recorder.is_told("eof_received")
        await settle(10)
        assert recorder.calls == ["connection_made", "eof_received"]


@shows("TCP-03")
async def all_data_come_before_the_end(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair

    def send() -> None:
        there.sendall(MEGABYTE)
        there.close()

    async with connection_of(here) as (_, recorder):
        in_thread(send)
        assert await soon(recorder.lost) is None
        assert recorder.received == MEGABYTE, "the bytes have changed on their way"


# --- given sockets ------------------------------------------------------------------------------------------


@shows("TCP-04")
async def given_socket_is_driven(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.write(b"question")
        assert await soon_received(there, 8) == b"question"
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("TCP-04")
async def given_socket_may_be_blocking(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    here.setblocking(True)
    async with connection_of(here) as (_, recorder):
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("TCP-04")
async def given_socket_delivers_what_came_before(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"early")
    async with connection_of(here) as (_, recorder):
        await recorder.has(b"early")


@shows("TCP-04")
async def given_socket_is_closed_with_its_transport(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.close()
        await soon(recorder.lost)
        await end_seen(there)


@shows("TCP-04")
@pytest.mark.parametrize(
    "address", [{"host": "127.0.0.1"}, {"port": 1}, {"host": "127.0.0.1", "port": 1}], ids=["host", "port", "both"]
)
async def address_beside_a_socket_is_refused(tcp_pair: Pair, address: dict[str, Any]) -> None:
    here, _ = tcp_pair
    with pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().create_connection(Recorder, sock=here, **address))


@shows("TCP-04")
async def neither_address_nor_socket_is_refused() -> None:
    with pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().create_connection(Recorder))


@shows("TCP-05")
async def datagram_socket_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        sock.setblocking(False)
        with pytest.raises(ValueError):
            await soon(asyncio.get_running_loop().create_connection(Recorder, sock=sock))


@shows("TCP-05", UNIX_SOCKETS)
async def unix_datagram_socket_is_refused() -> None:
    here, there = socket.socketpair(AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        here.setblocking(False)
        with pytest.raises(ValueError):
            await soon(asyncio.get_running_loop().create_connection(Recorder, sock=here))


@shows("TCP-05")
async def socket_of_a_pair_is_taken(socket_pair: Pair) -> None:
    """A Unix socket on POSIX."""
    here, there = socket_pair
    async with connection_of(here) as (transport, recorder):
        transport.write(b"question")
        assert await soon_received(there, 8) == b"question"
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("TCP-05", IPV6)
async def ipv6_socket_is_taken() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        socket.create_connection(server.getsockname()[:2], PATIENCE) as here,
        server.accept()[0] as there,
    ):
        async with connection_of(here) as (_, recorder):
            there.sendall(b"answer")
            await recorder.has(b"answer")


def closed_socket() -> socket.socket:
    sock = socket.socket()
    sock.close()
    return sock


@shows("TCP-06")
async def closed_socket_is_refused() -> None:
    with pytest.raises(OSError):  # which one is the next case's claim
        await soon(asyncio.get_running_loop().create_connection(Recorder, sock=closed_socket()))


@shows("TCP-06", POSIX)
async def closed_socket_is_a_bad_descriptor() -> None:
    with pytest.raises(OSError) as caught:  # the errno is the claim
        await soon(asyncio.get_running_loop().create_connection(Recorder, sock=closed_socket()))
    assert caught.value.errno == errno.EBADF


# --- addresses ----------------------------------------------------------------------------------------------


@shows("TCP-07", OTHER_HOST)
async def local_address_is_where_the_connection_comes_from(listener: socket.socket) -> None:
    async with connected(listener, local_addr=("127.0.0.2", 0)) as connection:
        assert connection.there.getpeername()[0] == "127.0.0.2"


@shows("TCP-07", OTHER_HOST)
async def local_port_is_where_the_connection_comes_from(listener: socket.socket) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.2", 0))
        free = sock.getsockname()
    async with connected(listener, local_addr=free) as connection:
        assert connection.there.getpeername() == free


@shows("TCP-07")
async def name_of_the_local_host_is_a_local_address(listener: socket.socket) -> None:
    """It may have addresses of several families, of which one fits."""
    async with connected(listener, local_addr=("localhost", 0)) as connection:
        assert connection.there.getpeername()[0] == "127.0.0.1"


@shows("TCP-07")
async def local_address_of_another_family_is_refused(listener: socket.socket) -> None:
    with pytest.raises(OSError):  # which one is up to the resolver and the kernel
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), local_addr=("::1", 0))
        )


@shows("TCP-08")
async def refused_connection_raises(closed_port: Address) -> None:
    with pytest.raises(ConnectionRefusedError):
        await soon(asyncio.get_running_loop().create_connection(Recorder, *closed_port))


@shows("TCP-07")
async def local_address_in_use_is_refused(listener: socket.socket, closed_port: Address) -> None:
    with pytest.raises(OSError) as caught:  # the errno is the claim
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), local_addr=closed_port)
        )
    assert caught.value.errno == errno.EADDRINUSE


@shows("TCP-58")
async def local_address_in_use_is_named(listener: socket.socket, closed_port: Address) -> None:
    with pytest.raises(OSError) as caught:  # the text is the claim
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), local_addr=closed_port)
        )
    assert "127.0.0.1" in str(caught.value)
    assert str(closed_port[1]) in str(caught.value)


class Counting:
    """A factory that counts the protocols it makes."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Recorder:
        self.made += 1
        return Recorder()


@shows("TCP-59")
async def refused_connection_asks_for_no_protocol(closed_port: Address) -> None:
    factory = Counting()
    with contextlib.suppress(OSError):
        await soon(asyncio.get_running_loop().create_connection(factory, *closed_port))
    assert factory.made == 0


@shows("TCP-59", SILENCE)
async def connecting_asks_for_no_protocol(silent: Address) -> None:
    factory = Counting()
    async with under_way(asyncio.get_running_loop().create_connection(factory, *silent)):
        await settle(5)
        assert factory.made == 0


@shows("TCP-59")
async def several_addresses_ask_for_one_protocol(names: Names, closed_port: Address, listener: socket.socket) -> None:
    factory = Counting()
    _, recorder = await soon(names.connect(closed_port, listener.getsockname(), factory=factory))
    async with ended(recorder):
        assert factory.made == 1


@shows("TCP-08")
async def next_address_is_tried(names: Names, closed_port: Address, listener: socket.socket) -> None:
    transport, recorder = await soon(names.connect(closed_port, listener.getsockname()))
    async with ended(recorder):
        assert transport.get_extra_info("peername") == listener.getsockname()


@shows("TCP-08")
async def first_address_that_answers_is_taken(names: Names, listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        transport, recorder = await soon(names.connect(listener.getsockname(), other.getsockname()))
        async with ended(recorder):
            assert transport.get_extra_info("peername") == listener.getsockname()


@shows("TCP-08")
async def different_failures_are_joined(names: Names, closed_port: Address) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        other = sock.getsockname()
        with pytest.raises(OSError) as caught:  # the text is the claim
            await soon(names.connect(closed_port, other))
    for _, port in (closed_port, other):
        assert str(port) in str(caught.value)


@shows("TCP-08")
async def name_without_addresses_is_refused(names: Names) -> None:
    with pytest.raises(OSError):  # there is no errno for it
        await soon(names.connect())


@shows("TCP-08")
async def unknown_name_is_refused() -> None:
    with pytest.raises(socket.gaierror):
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, "several.test", 1, flags=socket.AI_NUMERICHOST)
        )


@shows("TCP-09")
async def failures_that_read_alike_are_one(names: Names, closed_port: Address) -> None:
    with pytest.raises(OSError) as both:  # the text is the claim
        await soon(names.connect(closed_port, closed_port))
    with pytest.raises(OSError) as one:
        await soon(names.connect(closed_port))
    assert str(both.value) == str(one.value)


@shows("TCP-09")
async def all_errors_of_one_address_are_a_group(closed_port: Address) -> None:
    loop: Any = asyncio.get_running_loop()  # typeshed's interface lacks the keyword
    with pytest.raises(ExceptionGroup) as caught:
        await soon(loop.create_connection(Recorder, *closed_port, all_errors=True))
    assert len(caught.value.exceptions) == 1
    assert isinstance(caught.value.exceptions[0], ConnectionRefusedError)


@shows("TCP-09")
async def all_errors_of_several_addresses_are_a_group(names: Names, closed_port: Address) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await soon(names.connect(closed_port, closed_port, all_errors=True))
    assert len(caught.value.exceptions) == 2
    assert all(isinstance(error, ConnectionRefusedError) for error in caught.value.exceptions)


@shows("TCP-09")
async def all_errors_change_nothing_where_there_are_none(listener: socket.socket) -> None:
    async with connected(listener, all_errors=True) as connection:
        connection.there.sendall(b"data")
        await connection.recorder.has(b"data")


@shows("TCP-10")
@pytest.mark.parametrize("options", [{"happy_eyeballs_delay": 0.1}, {"interleave": 1}], ids=["delay", "interleave"])
async def happy_eyeballs_connect(listener: socket.socket, options: dict[str, Any]) -> None:
    async with connected(listener, **options) as connection:
        connection.there.sendall(b"data")
        await connection.recorder.has(b"data")


@shows("TCP-10", SILENCE)
async def address_that_does_not_answer_is_overtaken(names: Names, silent: Address, listener: socket.socket) -> None:
    transport, recorder = await soon(names.connect(silent, listener.getsockname(), happy_eyeballs_delay=0.01))
    async with ended(recorder):
        assert transport.get_extra_info("peername") == listener.getsockname()


@shows("TCP-10", SILENCE)
async def address_that_does_not_answer_is_waited_for(names: Names, silent: Address, listener: socket.socket) -> None:
    """Without a delay, and with one that is not over: nobody else is asked."""
    listener.setblocking(False)
    waits: list[dict[str, Any]] = [{}, {"happy_eyeballs_delay": 100}]
    for options in waits:
        connecting = asyncio.ensure_future(names.connect(silent, listener.getsockname(), **options))
        done, _ = await asyncio.wait({connecting}, timeout=0.02)
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=PATIENCE)
        if done:
            connecting.result()
        with pytest.raises(BlockingIOError):
            listener.accept()


@shows("TCP-10")
async def refused_address_is_not_waited_for(names: Names, closed_port: Address, listener: socket.socket) -> None:
    """The delay is for those who do not answer."""
    transport, recorder = await soon(names.connect(closed_port, listener.getsockname(), happy_eyeballs_delay=100))
    async with ended(recorder):
        assert transport.get_extra_info("peername") == listener.getsockname()


@shows("TCP-10")
async def first_address_that_answers_wins(names: Names, listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        transport, recorder = await soon(
            names.connect(listener.getsockname(), other.getsockname(), happy_eyeballs_delay=100)
        )
        async with ended(recorder):
            assert transport.get_extra_info("peername") == listener.getsockname()


@shows("TCP-10")
async def all_attempts_may_fail(names: Names, closed_port: Address) -> None:
    with pytest.raises(ConnectionRefusedError):
        await soon(names.connect(closed_port, closed_port, happy_eyeballs_delay=0.01))


@shows("TCP-10", IPV6)
@pytest.mark.parametrize("interleave", [0, 1, 2])
async def families_alternate(names: Names, listener: socket.socket, interleave: int) -> None:
    """The first of two IPv6 addresses refuses; it counts how many come before an IPv4 address has its turn."""
    with (
        socket.socket(socket.AF_INET6) as refusing,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as ipv6,
    ):
        refusing.bind(("::1", 0))
        addresses = [sock.getsockname()[:2] for sock in (refusing, ipv6, listener)]
        transport, recorder = await soon(names.connect(*addresses, interleave=interleave))
        async with ended(recorder):
            chosen = listener if interleave == 1 else ipv6
            assert transport.get_extra_info("peername") == chosen.getsockname()


async def failures_in_cycles(connect: Callable[[], Any]) -> list[BaseException]:
    """Return the exceptions that only the garbage collector frees after a failure to connect.

    The failure is awaited directly: a future that it passes through on its way keeps it, and its frame the future.
    """
    enabled, flags = gc.isenabled(), gc.get_debug()
    gc.collect()
    gc.disable()
    try:
        try:
            await connect()
        except OSError:
            pass
        else:
            raise AssertionError("it did not fail")
        await settle()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return [found for found in gc.garbage if isinstance(found, OSError)]
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        if enabled:
            gc.enable()
        gc.collect()


@shows("TCP-11")
async def attempts_that_fail_leave_no_cycle(names: Names, closed_port: Address) -> None:
    assert not await failures_in_cycles(lambda: names.connect(closed_port, closed_port, happy_eyeballs_delay=0.01))


@shows("TCP-11")
async def lone_attempt_that_fails_leaves_no_cycle(closed_port: Address) -> None:
    loop = asyncio.get_running_loop()
    assert not await failures_in_cycles(
        lambda: loop.create_connection(Recorder, *closed_port, happy_eyeballs_delay=0.01)
    )


@shows("TCP-12")
async def failure_is_freed_with_its_last_reference(closed_port: Address) -> None:
    loop = asyncio.get_running_loop()
    assert not await failures_in_cycles(lambda: loop.create_connection(Recorder, *closed_port))


@shows("TCP-12")
async def joined_failure_is_freed_with_its_last_reference(names: Names, closed_port: Address) -> None:
    assert not await failures_in_cycles(lambda: names.connect(closed_port, closed_port))


@shows("TCP-12")
async def failure_to_bind_is_freed_with_its_last_reference(listener: socket.socket, closed_port: Address) -> None:
    loop = asyncio.get_running_loop()
    assert not await failures_in_cycles(
        lambda: loop.create_connection(Recorder, *listener.getsockname(), local_addr=closed_port)
    )


async def connects_to(server: socket.socket, host: Any, port: Any, **options: Any) -> None:
    loop = asyncio.get_running_loop()
    transport, recorder = await soon(loop.create_connection(Recorder, host, port, **options))
    async with ended(recorder):
        assert transport.get_extra_info("peername") == server.getsockname()


@shows("TCP-13")
async def host_may_be_an_ipv4_address(listener: socket.socket) -> None:
    await connects_to(listener, *listener.getsockname())


@shows("TCP-13", IPV6)
async def host_may_be_an_ipv6_address() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        await connects_to(server, *server.getsockname()[:2])


@shows("TCP-13")
async def host_may_be_a_name(listener: socket.socket) -> None:
    await connects_to(listener, "localhost", listener.getsockname()[1], family=socket.AF_INET)


@shows("TCP-13")
async def port_may_be_a_number_in_a_string(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    await connects_to(listener, host, str(port))


SERVICES = ("socks", "openvpn", "postgresql", "xmpp-client", "sip", "amqp", "distcc", "git", "redis", "ms-sql-s")


@pytest.fixture
def service() -> Iterator[tuple[str, socket.socket]]:
    """A service with a name whose port is free here, and a listener on it."""
    for name in SERVICES:
        with contextlib.suppress(OSError), socket.socket() as server:
            server.bind(("127.0.0.1", socket.getservbyname(name, "tcp")))
            server.listen()
            yield name, server
            return
    pytest.skip("needs a service with a name and a port that is free")


@shows("TCP-13")
async def port_may_be_the_name_of_a_service(service: tuple[str, socket.socket]) -> None:
    name, server = service
    await connects_to(server, "127.0.0.1", name)


@shows("TCP-13")
async def service_that_nobody_knows_is_refused() -> None:
    loop: Any = asyncio.get_running_loop()  # typeshed's interface wants a number
    with pytest.raises(socket.gaierror):
        await soon(loop.create_connection(Recorder, "127.0.0.1", "no-such-service"))


@shows("TCP-13")
async def family_selects_addresses(listener: socket.socket) -> None:
    with pytest.raises(OSError):  # which one is up to the resolver
        await soon(
            asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), family=socket.AF_INET6)
        )


@shows("TCP-13")
async def proto_selects_addresses(listener: socket.socket) -> None:
    """No stream goes over UDP; what needs no resolver may be taken as it is."""
    port = listener.getsockname()[1]
    with pytest.raises(OSError):  # which one is up to the resolver
        await soon(asyncio.get_running_loop().create_connection(Recorder, "localhost", port, proto=socket.IPPROTO_UDP))


# --- cancelling ---------------------------------------------------------------------------------------------


def ends_of(listener: socket.socket) -> list[bytes]:
    """Read every connection that waits at a listener to its end."""
    listener.setblocking(False)
    ends = []
    with contextlib.suppress(BlockingIOError):
        while True:
            there, _ = listener.accept()
            with there:
                there.settimeout(PATIENCE)
                ends.append(rest_of(there))
    return ends


@shows("TCP-14", SILENCE)
async def connecting_can_be_cancelled(silent: Address) -> None:
    async with under_way(asyncio.get_running_loop().create_connection(Recorder, *silent)) as connecting:
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(connecting)


@shows("TCP-14", SILENCE)
async def cancelled_happy_eyeballs_end(names: Names, silent: Address) -> None:
    connecting = asyncio.ensure_future(names.connect(silent, silent, happy_eyeballs_delay=0.001))
    await asyncio.wait({connecting}, timeout=0.03)  # long enough for both attempts, if it resolves as it should
    if connecting.done():
        connecting.result()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(connecting)


@shows("TCP-14")
@pytest.mark.parametrize("turns", range(6))
async def connecting_is_cancelled_at_any_step(listener: socket.socket, turns: int) -> None:
    """It ends with a connection or with CancelledError; in the second case the peer sees the end of what it saw."""
    connecting = asyncio.ensure_future(asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname()))
    await settle(turns)
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)
    if not connecting.cancelled():
        connecting.result()[0].abort()
    await settle(5)
    assert not any(ends_of(listener))


@shows("TCP-14")
async def cancelled_connecting_makes_no_connection_later(listener: socket.socket) -> None:
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    connecting = asyncio.ensure_future(asyncio.get_running_loop().create_connection(factory, *listener.getsockname()))
    await settle(1)
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)
    if not connecting.cancelled():
        connecting.result()[0].abort()
    await settle(5)
    for recorder in made:
        assert recorder.calls in ([], ["connection_made", "connection_lost"])


async def cancel_create_connection(sock: socket.socket) -> None:
    """Cancel it as soon as it waits for something."""
    connecting = asyncio.ensure_future(asyncio.get_running_loop().create_connection(Recorder, sock=sock))
    await settle(1)
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)
    if not connecting.cancelled():
        connecting.result()[0].abort()
    await settle(5)


@shows("TCP-15")
@pytest.mark.parametrize("stream", ["tcp_pair", "socket_pair"])
async def socket_of_a_cancelled_call_is_closed(request: pytest.FixtureRequest, stream: str) -> None:
    here, there = request.getfixturevalue(stream)
    await cancel_create_connection(here)
    assert here.fileno() == -1, "the socket object believes to be open"
    await end_seen(there)


@shows("TCP-15")
@pytest.mark.parametrize("stream", ["tcp_pair", "socket_pair"])
async def recycled_descriptor_is_spared(request: pytest.FixtureRequest, stream: str) -> None:
    """Sockets that are opened next get the number of the one that is closed."""
    here, _ = request.getfixturevalue(stream)
    await cancel_create_connection(here)
    pair = socket.socketpair()
    with pair[0], pair[1]:
        pair[0].setblocking(False)
        here.close()
        async with connection_of(pair[0]) as (_, recorder):
            pair[1].sendall(b"mine")
            await recorder.has(b"mine")


# --- exceptions ---------------------------------------------------------------------------------------------


class OwnError(Exception):
    """An error that nobody else raises."""


def raising_factory() -> Recorder:
    raise OwnError


@shows("TCP-16")
async def exception_of_the_factory_is_raised(listener: socket.socket) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # for the next case
        with pytest.raises(OwnError):
            await soon(asyncio.get_running_loop().create_connection(raising_factory, *listener.getsockname()))
        gc.collect()


@shows("TCP-16")
async def connection_of_a_failed_factory_is_closed(listener: socket.socket) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the garbage collector may be who closes it
        with contextlib.suppress(OwnError):
            await soon(asyncio.get_running_loop().create_connection(raising_factory, *listener.getsockname()))
        await settle()
        gc.collect()
    assert not any(ends_of(listener))  # a loop may ask for the protocol before it connects


# Windows' proactor keeps the connection, and accepts no other.
@shows("TCP-16", POSIX)
async def accepted_connection_of_a_failed_factory_is_closed() -> None:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()

    def factory() -> Recorder:
        called.set()
        raise OwnError

    with unhandled() as contexts, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the garbage collector may be who closes it
        server = await soon(loop.create_server(factory, "127.0.0.1", 0))
        try:
            with socket.create_connection(server.sockets[0].getsockname(), PATIENCE) as there:
                await soon(called.wait())
                await settle(5)
                contexts.clear()  # they refer to the exception, and so to the connection
                gc.collect()
                await end_seen(there)
        finally:
            server.close()
            await settle()


@shows("TCP-17")
async def exception_of_connection_made_is_reported(listener: socket.socket) -> None:
    error = OwnError()
    with unhandled() as contexts:
        async with connected(listener, recording(connection_made=failing(error))):
            await settle()
    assert [context.get("exception") for context in contexts] == [error]


@shows("TCP-17")
async def exception_of_connection_made_ends_nothing(listener: socket.socket) -> None:
    with unhandled():
        async with connected(listener, recording(connection_made=failing(OwnError()))) as connection:
            await settle(5)
            assert connection.recorder.calls == ["connection_made"]
            connection.transport.close()
            assert await soon(connection.recorder.lost) is None


@shows("TCP-18")
async def connection_aborted_at_once_receives_nothing(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"data")
    recorder = Recorder(connection_made=lambda recorder: recorder.transport.abort())
    with contextlib.suppress(ConnectionError):  # create_connection() may say so, or return a closed transport
        await soon(asyncio.get_running_loop().create_connection(lambda: recorder, sock=here))
    assert await soon(recorder.lost) is None
    await settle(5)
    assert recorder.calls == ["connection_made", "connection_lost"]


@shows("TCP-18")
async def accepted_connection_can_be_aborted_at_once() -> None:
    async with accepted(connection_made=lambda recorder: recorder.transport.abort()) as (recorder, there):
        assert await soon(recorder.lost) is None
        await end_seen(there)


@shows("TCP-19")
async def exception_of_data_received_is_reported(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    error = OwnError()
    with unhandled() as contexts:
        async with connection_of(here, recording(data_received=failing(error))) as (_, recorder):
            there.sendall(b"data")
            await recorder.is_told("data_received")
            await settle()
    assert [context.get("exception") for context in contexts] == [error]


# Windows' proactor reports it, and leaves the connection open and unread.
@shows("TCP-19", POSIX)
async def exception_of_data_received_ends_the_connection(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    error = OwnError()
    with unhandled():
        async with connection_of(here, recording(data_received=failing(error))) as (_, recorder):
            there.sendall(b"data")
            assert await soon(recorder.lost) is error
            there.sendall(b"more")
            await settle(5)
            assert recorder.received == b"data"


@shows("TCP-20")
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def exit_comes_out_of_the_loop(loop: asyncio.AbstractEventLoop, tcp_pair: Pair, kind: type[BaseException]) -> None:
    here, there = tcp_pair

    async def connect() -> tuple[asyncio.Transport, Recorder]:
        return await loop.create_connection(recording(data_received=failing(kind("wanted"))), sock=here)

    transport, recorder = loop.run_until_complete(connect())
    there.sendall(b"data")
    guard = loop.call_later(PATIENCE, loop.stop)
    loop.set_exception_handler(lambda _loop, _context: None)
    with pytest.raises(kind, match="wanted"):
        loop.run_forever()
    guard.cancel()
    transport.abort()
    with contextlib.suppress(kind):  # a loop may raise it for each of its layers
        loop.run_until_complete(asyncio.wait([recorder.lost], timeout=PATIENCE))


@shows("TCP-22")
async def exception_of_eof_received_is_reported(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    error = OwnError()
    with unhandled() as contexts:
        async with connection_of(here, recording(eof_received=failing(error))) as (_, recorder):
            there.shutdown(socket.SHUT_WR)
            await soon(recorder.lost)
    assert [context.get("exception") for context in contexts] == [error]


@shows("TCP-22")
async def exception_of_eof_received_ends_the_connection(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    error = OwnError()
    with unhandled():
        async with connection_of(here, recording(eof_received=failing(error))) as (_, recorder):
            there.shutdown(socket.SHUT_WR)
            assert await soon(recorder.lost) is error
            await end_seen(there)


# --- the end of the peer's stream ---------------------------------------------------------------------------


@shows("TCP-21")
@pytest.mark.parametrize("answer", [None, False])
async def transport_closes_itself_at_the_end(tcp_pair: Pair, answer: bool | None) -> None:
    here, there = tcp_pair
    async with connection_of(here, recording(eof_received=lambda _: answer)) as (_, recorder):
        there.shutdown(socket.SHUT_WR)
        assert await soon(recorder.lost) is None
        await end_seen(there)


@shows("TCP-21")
async def transport_that_is_kept_open_can_write(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here, recording(eof_received=lambda _: True)) as (transport, recorder):
        there.shutdown(socket.SHUT_WR)
        await recorder.is_told("eof_received")
        await settle(5)
        transport.write(b"answer")
        assert await soon_received(there, 6) == b"answer"


@shows("TCP-21")
async def transport_closes_itself_after_what_was_written(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        there.shutdown(socket.SHUT_WR)
        await recorder.is_told("eof_received")
        assert await of_peer(in_thread, receive_all, there) == MEGABYTE, "the bytes have changed on their way"
        assert await soon(recorder.lost) is None


# --- pausing reading ----------------------------------------------------------------------------------------


@shows("TCP-23")
@pytest.mark.parametrize(
    "calls",
    [["resume"], ["pause", "pause", "resume"], ["pause", "resume", "resume"], ["pause", "resume"] * 3],
    ids="-".join,
)
async def reading_goes_on_after_resume_reading(tcp_pair: Pair, calls: list[str]) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        for call in calls:
            getattr(transport, f"{call}_reading")()
        there.sendall(b"data")
        await recorder.has(b"data")


@shows("TCP-23")
@pytest.mark.parametrize("more", [["resume"], ["resume", "pause", "resume"]], ids="-".join)
async def data_that_came_in_a_pause_are_the_first_of_all(tcp_pair: Pair, more: list[str]) -> None:
    """A proactor has read them when it is told to go on, and must not begin to read twice."""
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.pause_reading()
        there.sendall(b"one ")
        await settle(10)
        for call in more:
            getattr(transport, f"{call}_reading")()
        await recorder.has(b"one ")
        for word in b"two ", b"three ", b"four":
            before = bytes(recorder.received)
            there.sendall(word)
            await recorder.has(before + word)


@shows("TCP-23")
@pytest.mark.parametrize("calls", [["pause", "pause"], ["resume", "pause"], ["pause", "resume", "pause"]], ids="-".join)
async def reading_stops_after_pause_reading(tcp_pair: Pair, calls: list[str]) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        for call in calls:
            getattr(transport, f"{call}_reading")()
        there.sendall(b"data")
        await settle(10)
        assert not recorder.received


@shows("TCP-69")
async def end_is_told_again_after_a_pause(tcp_pair: Pair, observe: Observe) -> None:
    """The documented order of calls has it once at most; CPython's own loops read the end again."""
    here, there = tcp_pair
    async with connection_of(here, recording(eof_received=lambda _: True)) as (transport, recorder):
        there.shutdown(socket.SHUT_WR)
        await recorder.is_told("eof_received")
        transport.pause_reading()
        await settle()
        transport.resume_reading()
        await settle(10)
        observe("told again" if recorder.calls.count("eof_received") > 1 else "told once")


@shows("TCP-23")
@CLOSES
@pytest.mark.parametrize("call", ["pause_reading", "resume_reading"])
async def pausing_is_ignored_by_a_closing_transport(tcp_pair: Pair, method: str, call: str) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        getattr(transport, method)()
        getattr(transport, call)()
        assert await soon(recorder.lost) is None
        getattr(transport, call)()


@shows("TCP-23")
async def paused_transport_can_be_closed(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.pause_reading()
        transport.close()
        assert await soon(recorder.lost) is None
        await end_seen(there)


@shows("TCP-23")
async def resuming_a_closing_transport_reads_nothing(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        transport.pause_reading()
        clog(transport)
        there.sendall(b"too late")
        transport.close()
        transport.resume_reading()
        await settle(10)
        in_thread(rest_of, there)
        await soon(recorder.lost)
        assert not recorder.received


@shows("TCP-23")
async def is_reading_follows_the_calls(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        told = [transport.is_reading()]
        for call in transport.pause_reading, transport.resume_reading:
            call()
            told.append(transport.is_reading())
        assert told == [True, False, True]


@shows("TCP-23")
@CLOSES
async def closed_transport_is_not_reading(tcp_pair: Pair, method: str) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        getattr(transport, method)()
        assert not transport.is_reading()


def pause_reading(recorder: Any) -> None:
    """Pause in a hook."""
    recorder.transport.pause_reading()


@shows("TCP-24")
async def first_data_are_held_back(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"early")
    async with connection_of(here, recording(connection_made=pause_reading)) as (transport, recorder):
        await settle(10)
        assert recorder.calls == ["connection_made"]
        transport.resume_reading()
        await recorder.has(b"early")


@shows("TCP-24")
async def first_data_of_a_client_are_held_back() -> None:
    async with accepted(connection_made=pause_reading) as (recorder, there):
        there.sendall(b"early")
        await settle(10)
        assert recorder.calls == ["connection_made"]
        recorder.transport.resume_reading()
        await recorder.has(b"early")


@shows("TCP-25")
async def data_wait_for_resume_reading(tcp_pair: Pair, in_thread: InThread) -> None:
    """The protocol pauses as soon as it has something, over and over, with much more on its way."""
    here, there = tcp_pair
    async with connection_of(here, recording(data_received=pause_reading)) as (transport, recorder):
        in_thread(there.sendall, MEGABYTE)
        for _ in range(3):
            before = len(recorder.received)
            await recorder.until(lambda before=before: len(recorder.received) > before)
            held = len(recorder.received)
            await settle(10)
            assert len(recorder.received) == held, "data were received in between"
            transport.resume_reading()
        await resumed_until(recorder, len(MEGABYTE))
        assert recorder.received == MEGABYTE, "the bytes have changed on their way"


async def receive_pausing(pair: Pair, in_thread: InThread, flavour: type) -> list[bool]:
    """Receive data, pausing whenever something comes; return whether the transport was reading each time."""
    here, there = pair
    was_reading: list[bool] = []

    def pause(recorder: Any) -> None:
        was_reading.append(recorder.transport.is_reading())
        recorder.transport.pause_reading()

    factory = functools.partial(flavour, data_received=pause, buffer_updated=pause)
    async with connection_of(here, factory) as (_, recorder):
        in_thread(there.sendall, MEGABYTE[:ROOM])
        await resumed_until(recorder, ROOM)
        assert recorder.received == MEGABYTE[:ROOM], "the bytes have changed on their way"
    return was_reading


@shows("TCP-25")
async def nothing_comes_to_who_has_just_paused(tcp_pair: Pair, in_thread: InThread) -> None:
    """What the loop has read at once it may hand over in pieces, but not after the first has made it pause."""
    assert all(await receive_pausing(tcp_pair, in_thread, Recorder))


# Windows' proactor fills the buffer until it has handed over what it has read.
@shows("TCP-65", POSIX)
async def buffer_of_who_has_just_paused_is_not_filled(tcp_pair: Pair, in_thread: InThread) -> None:
    assert all(await receive_pausing(tcp_pair, in_thread, BufferedRecorder))


async def resumed_until(recorder: Any, size: int) -> None:
    """Resume whenever the protocol has paused, until so much has come."""

    async def resume() -> None:
        while len(recorder.received) < size:
            recorder.transport.resume_reading()
            await asyncio.sleep(0)

    await soon(resume())


@shows("TCP-25")
async def data_and_end_come_after_resume_reading(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.pause_reading()
        there.sendall(b"last words")
        there.close()
        await settle(10)
        assert not recorder.received
        transport.resume_reading()
        assert await soon(recorder.lost) is None
        assert recorder.received == b"last words"


@shows("TCP-25")
async def paused_connection_is_written(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.pause_reading()
        transport.write(b"data")
        assert await soon_received(there, 4) == b"data"


@shows("TCP-26")
async def reset_while_paused_is_reported_to_who_writes(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.pause_reading()
        reset(there)
        await settle(5)
        transport.write(b"anybody there?")
        assert isinstance(await soon(recorder.lost), OSError)


# --- writing ------------------------------------------------------------------------------------------------


@shows("TCP-27")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def anything_like_bytes_is_written(tcp_pair: Pair, kind: Callable[[bytes], Any]) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.write(kind(b"data"))
        assert await soon_received(there, 4) == b"data"


@shows("TCP-27")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def anything_like_bytes_waits_for_room(narrow: Pair, in_thread: InThread, kind: Callable[[bytes], Any]) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, _):
        clog(transport)
        transport.write(kind(MEGABYTE))
        transport.write(kind(b"tail"))
        received = await of_peer(in_thread, receive_exactly, there, 2 * len(MEGABYTE) + 4)
        assert received == MEGABYTE * 2 + b"tail", "the bytes have changed on their way"


@shows("TCP-27")
async def slice_of_a_memoryview_is_written(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.write(memoryview(b"..data..")[2:6])
        assert await soon_received(there, 4) == b"data"


@shows("TCP-27")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def nothing_is_written(tcp_pair: Pair, kind: Callable[[bytes], Any]) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.write(kind(b""))
        transport.write(b"data")
        assert await soon_received(there, 4) == b"data"


@shows("TCP-27")
async def text_is_refused(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        with pytest.raises(TypeError):
            transport.write("text")  # type: ignore[arg-type]


@shows("TCP-27")
async def refused_data_do_no_harm(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        with contextlib.suppress(TypeError):
            transport.write("text")  # type: ignore[arg-type]
        transport.write(b"data")
        assert await soon_received(there, 4) == b"data"


@shows("TCP-28")
@pytest.mark.parametrize("method", ["write", "writelines"])
async def buffer_is_changed_after_it_was_written(
    narrow: Pair, in_thread: InThread, observe: Observe, method: str
) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, _):
        clog(transport)
        buffer = bytearray(b"before")
        if method == "write":
            transport.write(buffer)
        else:
            transport.writelines([buffer])
        buffer[:] = b"after!"
        received = await of_peer(in_thread, receive_exactly, there, len(MEGABYTE) + 6)
        observe(f"sent as it was {received[-6:].decode().strip('!')}")


@shows("TCP-29")
@pytest.mark.parametrize("kind", [list, tuple, iter], ids=["list", "tuple", "iterator"])
async def lines_are_written(tcp_pair: Pair, kind: Callable[[list[Any]], Any]) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.writelines(kind([b"one\n", bytearray(b"two\n"), memoryview(b"three\n")]))
        assert await soon_received(there, 14) == b"one\ntwo\nthree\n"


@shows("TCP-29")
async def no_lines_are_written(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.writelines([])
        transport.write(b"data")
        assert await soon_received(there, 4) == b"data"


@shows("TCP-29")
async def empty_lines_are_written(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.writelines([b"one", b"", b"two"])
        assert await soon_received(there, 6) == b"onetwo"


@shows("TCP-29")
@pytest.mark.parametrize("size", [1, 100, ROOM + 1])
async def many_lines_are_written(narrow: Pair, in_thread: InThread, size: int) -> None:
    """More than a kernel takes in one call (IOV_MAX, often 1024), and more than there is room for."""
    here, there = narrow
    count = 3000 if size < ROOM else 12
    lines = [bytes([number % 251]) * size for number in range(count)]
    async with connection_of(here) as (transport, _):
        received = in_thread(receive_exactly, there, count * size)
        transport.writelines(lines)
        assert await soon(asyncio.wrap_future(received)) == b"".join(lines), "the bytes have changed on their way"


@shows("TCP-29", SENDMSG)
async def lines_wait_for_room(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    lines = [MEGABYTE[start : start + 9973] for start in range(0, len(MEGABYTE), 9973)]
    async with connection_of(here) as (transport, _):
        clog(transport)
        transport.writelines(lines)
        transport.write(b"tail")
        received = await of_peer(in_thread, receive_exactly, there, 2 * len(MEGABYTE) + 4)
        assert received == MEGABYTE * 2 + b"tail", "the bytes have changed on their way"


@shows("TCP-30")
async def lines_pause_the_protocol(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        transport.writelines([MEGABYTE[start : start + ROOM] for start in range(0, len(MEGABYTE), ROOM)])
        await recorder.is_told("pause_writing")


@shows("TCP-30")
async def lines_are_ignored_after_the_connection(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.abort()
        await soon(recorder.lost)
        transport.writelines([b"one", b"two"])
        await settle()
        await end_seen(there)


@shows("TCP-31")
async def small_writes_stay_in_order(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    pieces = [b"%d " % number for number in range(5000)]
    async with connection_of(here) as (transport, _):
        received = in_thread(receive_exactly, there, len(b"".join(pieces)))
        for number, piece in enumerate(pieces):
            transport.write(piece)
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert await soon(asyncio.wrap_future(received)) == b"".join(pieces)


@shows("TCP-31")
async def small_writes_stay_in_order_where_there_is_no_room(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    pieces = [b"%d " % number for number in range(2000)]
    async with connection_of(here) as (transport, _):
        clog(transport)
        for piece in pieces:
            transport.write(piece)
        received = await of_peer(in_thread, receive_exactly, there, len(MEGABYTE) + len(b"".join(pieces)))
        assert received == MEGABYTE + b"".join(pieces), "the bytes have changed on their way"


@shows("TCP-32")
def write_is_sent_by_a_stopped_loop(loop: asyncio.AbstractEventLoop, tcp_pair: Pair, observe: Observe) -> None:
    here, there = tcp_pair

    async def connect() -> tuple[asyncio.Transport, Recorder]:
        return await loop.create_connection(Recorder, sock=here)

    transport, recorder = loop.run_until_complete(connect())
    transport.write(b"data")
    sent, _, _ = select.select([there], [], [], 0.02)
    observe("handed to the kernel within the call" if sent else "kept until the loop runs")
    transport.abort()
    loop.run_until_complete(asyncio.wait([recorder.lost], timeout=PATIENCE))


# --- flow control -------------------------------------------------------------------------------------------


@shows("TCP-33")
async def full_buffer_pauses_the_protocol(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        await recorder.is_told("pause_writing")


@shows("TCP-33")
async def buffer_below_the_high_mark_pauses_nobody(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        transport.set_write_buffer_limits(high=2 * len(MEGABYTE))
        clog(transport)
        await settle(5)
        assert recorder.calls == ["connection_made"]


@shows("TCP-33")
async def buffer_above_the_high_mark_pauses_the_protocol(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        transport.set_write_buffer_limits(high=2 * len(MEGABYTE))
        clog(transport)
        await settle(5)
        clog(transport)
        clog(transport)
        await recorder.is_told("pause_writing")


@shows("TCP-33")
async def protocol_is_paused_once(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        for _ in range(3):
            clog(transport)
            await settle(5)
        assert recorder.calls == ["connection_made", "pause_writing"]


@shows("TCP-33")
async def drained_buffer_resumes_the_protocol(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        await recorder.is_told("pause_writing")
        in_thread(receive_exactly, there, len(MEGABYTE))
        await recorder.is_told("resume_writing")
        assert recorder.calls == ["connection_made", "pause_writing", "resume_writing"]


@shows("TCP-33")
@pytest.mark.parametrize("low", [0, 1, 1000, ROOM, 3 * ROOM])
async def protocol_is_resumed_at_the_low_mark(narrow: Pair, in_thread: InThread, low: int) -> None:
    here, there = narrow
    left: list[int] = []
    factory = recording(resume_writing=lambda recorder: left.append(recorder.transport.get_write_buffer_size()))
    async with connection_of(here, factory) as (transport, recorder):
        transport.set_write_buffer_limits(high=4 * ROOM, low=low)
        clog(transport)
        await recorder.is_told("pause_writing")
        in_thread(receive_exactly, there, len(MEGABYTE))
        await recorder.is_told("resume_writing")
        assert left[0] <= low


@shows("TCP-33")
@pytest.mark.parametrize(
    "limits",
    [{"high": 1, "low": 2}, {"high": -1}, {"low": -1}, {"high": 10, "low": -1}],
    ids=["high<low", "high<0", "low<0", "high>0>low"],
)
async def limits_in_the_wrong_order_are_refused(tcp_pair: Pair, limits: dict[str, int]) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(**limits)


@shows("TCP-33")
async def refused_limits_change_nothing(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.set_write_buffer_limits(high=20, low=10)
        with contextlib.suppress(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)
        assert transport.get_write_buffer_limits() == (10, 20)


@shows("TCP-34")
@pytest.mark.parametrize(("low", "high"), [(0, 0), (10, 20), (20, 20), (0, 1 << 30)])
async def limits_are_told(tcp_pair: Pair, low: int, high: int) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.set_write_buffer_limits(high=high, low=low)
        assert transport.get_write_buffer_limits() == (low, high)


@shows("TCP-34")
async def limits_take_their_place_by_position(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.set_write_buffer_limits(20, 10)
        assert transport.get_write_buffer_limits() == (10, 20)


@shows("TCP-34")
async def high_limit_sets_the_low_one(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.set_write_buffer_limits(high=1000)
        low, high = transport.get_write_buffer_limits()
        assert high == 1000
        assert 0 <= low <= high


@shows("TCP-34")
async def low_limit_sets_the_high_one(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        transport.set_write_buffer_limits(low=1 << 20)
        low, high = transport.get_write_buffer_limits()
        assert low == 1 << 20
        assert high >= low


@shows("TCP-34")
async def size_of_an_idle_buffer_is_zero(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        assert transport.get_write_buffer_size() == 0


@shows("TCP-34")
async def size_grows_by_what_the_kernel_does_not_take(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, _):
        clog(transport)
        await settle(5)
        before = transport.get_write_buffer_size()
        transport.write(b"more")
        await settle(5)
        assert 0 < before < len(MEGABYTE)
        assert transport.get_write_buffer_size() == before + 4


@shows("TCP-34")
async def size_of_a_drained_buffer_is_zero(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        transport.set_write_buffer_limits(high=0)
        clog(transport)
        await of_peer(in_thread, receive_exactly, there, len(MEGABYTE))
        await recorder.is_told("resume_writing")
        assert transport.get_write_buffer_size() == 0


@shows("TCP-34")
async def first_byte_above_a_limit_of_zero_pauses(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        transport.set_write_buffer_limits(high=10 * len(MEGABYTE))
        clog(transport)
        await settle(5)
        transport.set_write_buffer_limits(high=0)
        transport.write(b"x")
        await recorder.is_told("pause_writing")


@shows("TCP-34")
async def limit_of_zero_lets_drain_return(listener: socket.socket) -> None:
    _, writer = await soon(asyncio.open_connection(*listener.getsockname()))
    there, _ = listener.accept()
    with there:
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(b"data")
        await soon(writer.drain())
        assert await soon_received(there, 4) == b"data"
        writer.close()
        await soon(writer.wait_closed())


@shows("TCP-35")
async def resumed_protocol_writes_to_another_transport(narrow: Pair, socket_pair: Pair, in_thread: InThread) -> None:
    here, there = narrow
    other_here, other_there = socket_pair
    async with connection_of(other_here) as (other, _):
        factory = recording(resume_writing=lambda _: other.write(b"resumed"))
        async with connection_of(here, factory) as (transport, recorder):
            clog(transport)
            await recorder.is_told("pause_writing")
            in_thread(receive_exactly, there, len(MEGABYTE))
            assert await soon_received(other_there, 7) == b"resumed"


@shows("TCP-35")
async def resumed_protocol_writes_to_its_own_transport(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    factory = recording(resume_writing=lambda recorder: recorder.transport.write(b"resumed"))
    async with connection_of(here, factory) as (transport, _):
        clog(transport)
        received = await of_peer(in_thread, receive_exactly, there, len(MEGABYTE) + 7)
        assert received == MEGABYTE + b"resumed", "the bytes have changed on their way"


@shows("TCP-36")
async def protocol_may_close_when_it_is_paused(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    factory = recording(pause_writing=lambda recorder: recorder.transport.close())
    async with connection_of(here, factory) as (transport, recorder):
        transport.write(MEGABYTE)
        received = await of_peer(in_thread, receive_all, there)
        assert received == MEGABYTE, "the bytes have changed on their way"
        assert await soon(recorder.lost) is None
        await settle()
        assert recorder.calls.count("connection_lost") == 1


@shows("TCP-36")
async def protocol_may_write_when_it_is_paused(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    factory = recording(pause_writing=lambda recorder: recorder.transport.write(b"paused"))
    async with connection_of(here, factory) as (transport, recorder):
        transport.write(MEGABYTE)
        await recorder.is_told("pause_writing")
        received = await of_peer(in_thread, receive_exactly, there, len(MEGABYTE) + 6)
        assert received == MEGABYTE + b"paused", "the bytes have changed on their way"


@shows("TCP-36")
async def protocol_may_abort_when_it_is_paused(narrow: Pair) -> None:
    here, _ = narrow
    factory = recording(pause_writing=lambda recorder: recorder.transport.abort())
    async with connection_of(here, factory) as (transport, recorder):
        transport.write(MEGABYTE)
        assert await soon(recorder.lost) is None
        await settle()
        assert recorder.calls.count("connection_lost") == 1


@shows("TCP-62")
async def protocol_that_aborts_is_not_resumed(narrow: Pair) -> None:
    here, _ = narrow
    factory = recording(pause_writing=lambda recorder: recorder.transport.abort())
    async with connection_of(here, factory) as (transport, recorder):
        transport.write(MEGABYTE)
        await soon(recorder.lost)
        await settle()
        assert "resume_writing" not in recorder.calls


@shows("TCP-37")
async def protocol_is_resumed_every_time(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        for times in range(1, 6):
            clog(transport)
            await recorder.until(lambda times=times: recorder.calls.count("pause_writing") == times)
            in_thread(receive_exactly, there, len(MEGABYTE))
            await recorder.until(lambda times=times: recorder.calls.count("resume_writing") == times)
        assert recorder.calls == ["connection_made", *["pause_writing", "resume_writing"] * 5]


@shows("TCP-37")
async def protocol_is_resumed_by_a_slow_reader(narrow: Pair, in_thread: InThread) -> None:
    """A peer that takes one small piece after the other."""
    here, there = narrow

    def read_slowly() -> None:
        for _ in range(len(MEGABYTE) // 5003):
            receive_exactly(there, 5003)

    async with connection_of(here) as (transport, recorder):
        clog(transport)
        await recorder.is_told("pause_writing")
        reading = in_thread(read_slowly)
        await recorder.is_told("resume_writing")
        await soon(asyncio.wrap_future(reading))


# Windows' proactor hands its whole buffer to the kernel in one operation, and hears of that when all is sent.
@shows("TCP-60", POSIX)
async def protocol_is_resumed_before_all_is_sent(narrow: Pair, in_thread: InThread) -> None:
    """The peer reads half a megabyte of one, the low mark is above the other half, and the peer waits for more."""
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        transport.set_write_buffer_limits(high=len(MEGABYTE) * 5 // 8, low=len(MEGABYTE) // 2)
        clog(transport)
        await recorder.is_told("pause_writing")
        in_thread(receive_exactly, there, len(MEGABYTE) // 2)
        await recorder.is_told("resume_writing")


@shows("TCP-37")
async def protocol_that_is_lost_while_paused_is_told(narrow: Pair) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        await recorder.is_told("pause_writing")
        reset(there)
        assert isinstance(await soon(recorder.lost), OSError)


@shows("TCP-37")
async def tens_of_megabytes_are_written_under_flow_control(tcp_pair: Pair, in_thread: InThread) -> None:
    """The protocol writes only while it may: every pause must have an end."""
    here, there = tcp_pair
    can_write = asyncio.Event()
    can_write.set()
    factory = recording(
        pause_writing=lambda _: can_write.clear(),
        resume_writing=lambda _: can_write.set(),
    )
    async with connection_of(here, factory) as (transport, _):
        received = in_thread(receive_exactly, there, 24 * len(MEGABYTE))
        for start in range(0, 24 * len(MEGABYTE), 1 << 18):
            await soon(can_write.wait())
            start %= len(MEGABYTE)
            transport.write(MEGABYTE[start : start + (1 << 18)])
        data = await soon(asyncio.wrap_future(received))
        assert data == MEGABYTE * 24, "the bytes have changed on their way"


# --- closing ------------------------------------------------------------------------------------------------


@shows("TCP-38")
async def close_sends_what_was_written(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        transport.write(b"tail")
        transport.close()
        received = await of_peer(in_thread, receive_all, there)
        assert received == MEGABYTE + b"tail", "the bytes have changed on their way"
        assert await soon(recorder.lost) is None


@shows("TCP-38")
async def close_sends_a_small_write(tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.write(b"last words")
        transport.close()
        assert await of_peer(in_thread, receive_all, there) == b"last words"
        assert await soon(recorder.lost) is None


@shows("TCP-38")
async def connection_is_not_lost_before_all_is_sent(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        transport.close()
        await settle(10)
        assert not recorder.lost.done()
        await of_peer(in_thread, receive_all, there)
        await soon(recorder.lost)


@shows("TCP-38")
async def closing_transport_receives_nothing(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        there.sendall(b"too late")
        transport.close()
        await settle(10)
        in_thread(rest_of, there)
        await soon(recorder.lost)
        assert not recorder.received


@shows("TCP-38")
async def connection_is_not_lost_within_close(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.close()
        assert not recorder.lost.done()
        await soon(recorder.lost)


@shows("TCP-38")
@CLOSES
async def closed_transport_is_closing(tcp_pair: Pair, method: str) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        told = [transport.is_closing()]
        getattr(transport, method)()
        told.append(transport.is_closing())
        await soon(recorder.lost)
        told.append(transport.is_closing())
        assert told == [False, True, True]


@shows("TCP-38")
async def transport_that_lost_its_peer_is_closing(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        there.close()
        await soon(recorder.lost)
        assert transport.is_closing()


@shows("TCP-39")
async def abort_drops_what_was_not_sent(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        transport.abort()
        assert await soon(recorder.lost) is None
        assert len(await of_peer(in_thread, rest_of, there)) < len(MEGABYTE)


@shows("TCP-39")
async def abort_receives_nothing_more(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        there.sendall(b"too late")
        transport.abort()
        assert await soon(recorder.lost) is None
        assert recorder.calls == ["connection_made", "connection_lost"]


@shows("TCP-39")
async def connection_is_not_lost_within_abort(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.abort()
        assert not recorder.lost.done()
        await soon(recorder.lost)


@shows("TCP-39")
async def abort_empties_the_buffer(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        transport.abort()
        await soon(recorder.lost)
        assert transport.get_write_buffer_size() == 0


TWICE = pytest.mark.parametrize(
    "methods", [["abort", "abort"], ["abort", "close"], ["close", "abort"], ["close", "close"]], ids="-".join
)


@shows("TCP-40")
@TWICE
async def closing_twice_is_closing_once(tcp_pair: Pair, methods: list[str]) -> None:
    here, _ = tcp_pair
    with unhandled() as contexts:
        async with connection_of(here) as (transport, recorder):
            for method in methods:
                getattr(transport, method)()
            assert await soon(recorder.lost) is None
            await settle(5)
            assert recorder.calls == ["connection_made", "connection_lost"]
    assert not contexts


@shows("TCP-40")
@TWICE
async def closing_twice_in_data_received_is_closing_once(tcp_pair: Pair, methods: list[str]) -> None:
    here, there = tcp_pair

    def close(recorder: Any) -> None:
        for method in methods:
            getattr(recorder.transport, method)()

    with unhandled() as contexts:
        async with connection_of(here, recording(data_received=close)) as (_, recorder):
            there.sendall(b"data")
            assert await soon(recorder.lost) is None
            await settle(5)
            assert recorder.calls == ["connection_made", "data_received", "connection_lost"]
    assert not contexts


@shows("TCP-40")
@pytest.mark.parametrize("methods", [["abort", "abort"], ["abort", "close"], ["close", "abort"]], ids="-".join)
async def closing_a_full_transport_twice_is_closing_it_once(narrow: Pair, methods: list[str]) -> None:
    here, _ = narrow
    with unhandled() as contexts:
        async with connection_of(here) as (transport, recorder):
            clog(transport)
            await settle()
            for method in methods:
                getattr(transport, method)()
            assert await soon(recorder.lost) is None
            await settle(5)
            assert recorder.calls.count("connection_lost") == 1
    assert not contexts


@shows("TCP-40")
async def close_after_the_end_is_harmless(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    with unhandled() as contexts:
        async with connection_of(here) as (transport, recorder):
            there.close()
            await soon(recorder.lost)
            transport.close()
            await settle(5)
            assert recorder.calls.count("connection_lost") == 1
    assert not contexts


@shows("TCP-41")
@pytest.mark.parametrize("when", ["at once", "when it is lost"])
async def write_after_close_is_dropped(tcp_pair: Pair, in_thread: InThread, when: str) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.close()
        if when == "when it is lost":
            await soon(recorder.lost)
        for _ in range(10):
            transport.write(b"too late")
        await soon(recorder.lost)
        assert await of_peer(in_thread, rest_of, there) == b""


# --- half of a connection -----------------------------------------------------------------------------------


@shows("TCP-42")
async def tcp_can_write_an_end(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        assert transport.can_write_eof() is True


@shows("TCP-42")
async def written_end_is_seen(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.write_eof()
        await end_seen(there)
        assert not recorder.lost.done()


@shows("TCP-42")
async def written_end_leaves_reading_open(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.write_eof()
        await end_seen(there)
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("TCP-42")
async def written_end_comes_after_the_data(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, _):
        clog(transport)
        transport.write_eof()
        received = await of_peer(in_thread, receive_all, there)
        assert received == MEGABYTE, "the bytes have changed on their way"


@shows("TCP-42")
@pytest.mark.parametrize("room", ["tcp_pair", "narrow"])
async def end_is_written_once(request: pytest.FixtureRequest, room: str, in_thread: InThread) -> None:
    here, there = request.getfixturevalue(room)
    async with connection_of(here) as (transport, recorder):
        if room == "narrow":
            clog(transport)
        transport.write_eof()
        transport.write_eof()
        await of_peer(in_thread, receive_all, there)
        transport.write_eof()
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("TCP-42")
@pytest.mark.parametrize("room", ["tcp_pair", "narrow"])
@pytest.mark.parametrize("method", ["write", "writelines"])
async def write_after_the_end_is_refused(request: pytest.FixtureRequest, room: str, method: str) -> None:
    here, _ = request.getfixturevalue(room)
    async with connection_of(here) as (transport, _):
        if room == "narrow":
            clog(transport)
        transport.write_eof()
        with pytest.raises(RuntimeError):
            getattr(transport, method)(b"more" if method == "write" else [b"more"])


@shows("TCP-42")
async def close_after_the_written_end_sends_all(narrow: Pair, in_thread: InThread) -> None:
    here, there = narrow
    async with connection_of(here) as (transport, recorder):
        clog(transport)
        transport.write_eof()
        transport.close()
        received = await of_peer(in_thread, receive_all, there)
        assert received == MEGABYTE, "the bytes have changed on their way"
        assert await soon(recorder.lost) is None


@shows("TCP-42")
async def closing_transport_ignores_write_eof(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        transport.close()
        transport.write_eof()
        assert await soon(recorder.lost) is None


@shows("TCP-43")
async def both_ends_write_their_end() -> None:
    """A loop that talks to itself."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        for end in ends:
            end.setblocking(False)
        async with connection_of(ends[0]) as (one, first), connection_of(ends[1]) as (other, second):
            one.write_eof()
            other.write_eof()
            assert await soon(first.lost) is None
            assert await soon(second.lost) is None


@shows("TCP-43")
async def peer_ends_at_the_same_time(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        there.shutdown(socket.SHUT_WR)
        transport.write_eof()
        assert await soon(recorder.lost) is None
        await end_seen(there)


# --- why a connection ends ----------------------------------------------------------------------------------


@shows("TCP-44")
@FLAVOURS
async def reset_is_told(tcp_pair: Pair, flavour: type) -> None:
    here, there = tcp_pair
    async with connection_of(here, flavour) as (_, recorder):
        reset(there)
        assert isinstance(await soon(recorder.lost), ConnectionResetError)


@shows("TCP-44")
async def reset_after_data_is_told(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (_, recorder):
        there.sendall(b"data")
        await recorder.has(b"data")
        reset(there)
        assert isinstance(await soon(recorder.lost), ConnectionResetError)
        assert recorder.calls == ["connection_made", "data_received", "connection_lost"]


@shows("TCP-44")
async def reset_is_nothing_unhandled(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    with unhandled() as contexts:
        async with connection_of(here) as (_, recorder):
            reset(there)
            await soon(recorder.lost)
    assert not contexts


@shows("TCP-45")
@CLOSES
async def first_reason_is_told(tcp_pair: Pair, method: str) -> None:
    """The protocol fails, and has somebody close its transport before that is told."""
    here, there = tcp_pair
    error = OwnError()

    def fail(recorder: Any) -> None:
        asyncio.get_running_loop().call_soon(getattr(recorder.transport, method))
        raise error

    with unhandled():
        async with connection_of(here, recording(eof_received=fail)) as (_, recorder):
            there.shutdown(socket.SHUT_WR)
            assert await soon(recorder.lost) is error


# --- what a transport tells ---------------------------------------------------------------------------------


@shows("TCP-46")
async def addresses_are_known(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        assert connection.transport.get_extra_info("sockname") == connection.there.getpeername()
        assert connection.transport.get_extra_info("peername") == connection.there.getsockname()


@shows("TCP-46")
async def addresses_of_an_accepted_connection_are_known() -> None:
    async with accepted() as (recorder, there):
        assert recorder.transport.get_extra_info("sockname") == there.getpeername()
        assert recorder.transport.get_extra_info("peername") == there.getsockname()


@shows("TCP-46", IPV6)
async def addresses_of_an_ipv6_connection_are_known() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        async with connected(server) as connection:
            assert connection.transport.get_extra_info("sockname") == connection.there.getpeername()
            assert connection.transport.get_extra_info("peername") == connection.there.getsockname()


@shows("TCP-46")
async def socket_is_known(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        assert connection.transport.get_extra_info("socket").getsockname() == connection.there.getpeername()


@shows("TCP-46")
async def socket_is_the_same_each_time(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        assert transport.get_extra_info("socket") is transport.get_extra_info("socket")


@shows("TCP-46")
async def anything_else_has_the_default(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        assert transport.get_extra_info("no such thing") is None
        assert transport.get_extra_info("no such thing", default="default") == "default"


@shows("TCP-46")
@CLOSES
@pytest.mark.parametrize("name", ["sockname", "peername", "socket", "no such thing"])
async def asking_a_closed_transport_is_harmless(tcp_pair: Pair, method: str, name: str) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        getattr(transport, method)()
        transport.get_extra_info(name)
        await soon(recorder.lost)
        transport.get_extra_info(name)


@shows("TCP-46")
async def connection_lost_is_told_the_address(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    told: list[object] = []
    factory = recording(connection_lost=lambda recorder: told.append(recorder.transport.get_extra_info("peername")))
    expected = there.getsockname()
    async with connection_of(here, factory) as (transport, recorder):
        transport.close()
        await soon(recorder.lost)
        assert told == [expected]


@shows("TCP-63")
async def address_of_who_is_gone_is_known(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    expected = there.getsockname()
    async with connection_of(here) as (transport, _):
        reset(there)
        await settle(10)
        assert transport.get_extra_info("peername") == expected


@shows("TCP-47")
@pytest.mark.parametrize("method", ["getsockopt", "setsockopt", "getsockname", "fileno", "shutdown"])
async def socket_of_a_transport_can_be_asked(tcp_pair: Pair, method: str) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        assert callable(getattr(transport.get_extra_info("socket"), method, None))


@shows("TCP-47")
@pytest.mark.parametrize(("method", "arguments"), [("recv", (1,)), ("send", (b"data",)), ("close", ()), ("detach", ())])
async def socket_of_a_transport_cannot_be_used(tcp_pair: Pair, method: str, arguments: tuple[Any, ...]) -> None:
    """There is no such method, or it does nothing but raise."""
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        with pytest.raises((AttributeError, TypeError)):
            getattr(transport.get_extra_info("socket"), method)(*arguments)
        there.sendall(b"data")
        await recorder.has(b"data")


@shows("TCP-47")
async def options_of_the_socket_can_be_set(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        sock = transport.get_extra_info("socket")
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert not before
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@shows("TCP-48")
async def client_sends_without_delay(listener: socket.socket) -> None:
    async with connected(listener) as connection:
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@shows("TCP-48")
async def server_sends_without_delay() -> None:
    async with accepted() as (recorder, _):
        assert recorder.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@shows("TCP-64")
def unclosed_transport_warns(new_loop: LoopFactory, socket_pair: Pair) -> None:
    gc.collect()  # what earlier cases left behind is none of this one's business
    loop = new_loop()
    made = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=socket_pair[0]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        del made
        gc.collect()
    texts = [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]
    assert any(re.match("unclosed (transport|resource)", text) for text in texts), texts


# --- protocols ----------------------------------------------------------------------------------------------


@shows("TCP-49")
@FLAVOURS
async def protocol_is_told(tcp_pair: Pair, flavour: type) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, recorder):
        new = flavour()
        told = [transport.get_protocol()]
        transport.set_protocol(new)
        told.append(transport.get_protocol())
        transport.set_protocol(recorder)
        assert told == [recorder, new]


@shows("TCP-49")
@FLAVOURS
@pytest.mark.parametrize("first", [Recorder, BufferedRecorder], ids=["plain", "buffered"])
async def new_protocol_receives_data(tcp_pair: Pair, first: type, flavour: type) -> None:
    here, there = tcp_pair
    async with connection_of(here, first) as (transport, recorder):
        there.sendall(b"one")
        await recorder.has(b"one")
        new = flavour()
        transport.set_protocol(new)
        there.sendall(b"two")
        await new.has(b"two")
        assert recorder.received == b"one"
        transport.set_protocol(recorder)
        there.sendall(b"three")
        await recorder.has(b"onethree")


@shows("TCP-49")
@FLAVOURS
async def new_protocol_is_told_of_the_end(tcp_pair: Pair, flavour: type) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        new = flavour()
        transport.set_protocol(new)
        there.shutdown(socket.SHUT_WR)
        assert await soon(new.lost) is None
        assert new.calls == ["eof_received", "connection_lost"]
        assert recorder.calls == ["connection_made"]
        recorder.lost.cancel()


@shows("TCP-49")
async def new_protocol_is_paused(narrow: Pair) -> None:
    here, _ = narrow
    async with connection_of(here) as (transport, recorder):
        new = Recorder()
        transport.set_protocol(new)
        clog(transport)
        await new.is_told("pause_writing")
        transport.set_protocol(recorder)


@shows("TCP-49")
@FLAVOURS
async def protocol_is_replaced_by_the_one_that_receives(tcp_pair: Pair, in_thread: InThread, flavour: type) -> None:
    """The new one gets what follows, without a gap."""
    here, there = tcp_pair
    new = flavour()

    def replace(recorder: Any) -> None:
        recorder.transport.set_protocol(new)

    async with connection_of(here, recording(data_received=replace)) as (transport, recorder):
        data = MEGABYTE[:200_000]
        in_thread(there.sendall, data)
        await new.until(lambda: len(recorder.received) + len(new.received) >= len(data))
        assert recorder.received + new.received == data, "the bytes have changed on their way"
        transport.set_protocol(recorder)


@shows("TCP-50")
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
async def buffered_protocol_receives_data(tcp_pair: Pair, in_thread: InThread, size: int) -> None:
    here, there = tcp_pair
    data = MEGABYTE[: min(len(MEGABYTE), 1000 * size)]
    async with connection_of(here, lambda: BufferedRecorder(size)) as (_, recorder):
        in_thread(there.sendall, data)
        await recorder.has(data)


@shows("TCP-50")
async def buffered_protocol_sees_the_whole_life(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here, BufferedRecorder) as (_, recorder):
        there.sendall(b"data")
        there.shutdown(socket.SHUT_WR)
        assert await soon(recorder.lost) is None
        assert recorder.calls == ["connection_made", "buffer_updated", "eof_received", "connection_lost"]


@shows("TCP-50")
async def buffered_protocol_can_stay_open(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    factory = functools.partial(BufferedRecorder, eof_received=lambda _: True)
    async with connection_of(here, factory) as (transport, recorder):
        there.shutdown(socket.SHUT_WR)
        await recorder.is_told("eof_received")
        transport.write(b"answer")
        assert await soon_received(there, 6) == b"answer"


@shows("TCP-50")
async def buffered_protocol_gets_hints(tcp_pair: Pair) -> None:
    """A recommended size, or -1 for any."""
    here, there = tcp_pair
    async with connection_of(here, BufferedRecorder) as (_, recorder):
        there.sendall(b"data")
        await recorder.has(b"data")
        assert recorder.hints
        assert all(type(hint) is int and (hint == -1 or hint > 0) for hint in recorder.hints)


@shows("TCP-50")
async def buffered_protocol_chooses_where_data_go(tcp_pair: Pair) -> None:
    """A view of the middle of a larger buffer."""
    here, there = tcp_pair
    memory = bytearray(b"." * 12)
    factory = functools.partial(BufferedRecorder, get_buffer=lambda _: memoryview(memory)[4:8])
    async with connection_of(here, factory) as (_, recorder):
        there.sendall(b"data")
        await recorder.is_told("buffer_updated")
        assert memory == b"....data...."


@shows("TCP-50")
async def buffered_protocol_is_paused(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with connection_of(here, BufferedRecorder) as (transport, recorder):
        transport.pause_reading()
        there.sendall(b"data")
        await settle(10)
        assert not recorder.received
        transport.resume_reading()
        await recorder.has(b"data")


BAD_BUFFERS = pytest.mark.parametrize(
    "hooks",
    [
        {"get_buffer": lambda _: bytearray()},
        {"get_buffer": failing(OwnError())},
        {"buffer_updated": failing(OwnError())},
    ],
    ids=["empty buffer", "get_buffer raises", "buffer_updated raises"],
)


@shows("TCP-51")
@BAD_BUFFERS
async def failure_of_a_buffered_protocol_is_reported(tcp_pair: Pair, hooks: dict[str, Any]) -> None:
    here, there = tcp_pair
    with unhandled() as contexts:
        async with connection_of(here, functools.partial(BufferedRecorder, **hooks)) as (_, recorder):
            there.sendall(b"data")
            await soon(recorder.lost)
    assert [type(context.get("exception")) for context in contexts] in ([OwnError], [RuntimeError])


@shows("TCP-51")
@BAD_BUFFERS
async def failure_of_a_buffered_protocol_ends_the_connection(tcp_pair: Pair, hooks: dict[str, Any]) -> None:
    here, there = tcp_pair
    with unhandled():
        async with connection_of(here, functools.partial(BufferedRecorder, **hooks)) as (_, recorder):
            there.sendall(b"data")
            assert isinstance(await soon(recorder.lost), Exception)
            assert recorder.calls.count("connection_lost") == 1


@shows("TCP-52")
async def transport_is_referenced_weakly(tcp_pair: Pair, observe: Observe) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        try:
            weakref.ref(transport)
        except TypeError:
            observe("cannot be referenced weakly")
        else:
            observe("can be referenced weakly")


@shows("TCP-52")
async def transport_takes_attributes(tcp_pair: Pair, observe: Observe) -> None:
    here, _ = tcp_pair
    async with connection_of(here) as (transport, _):
        try:
            transport.an_attribute = 1  # type: ignore[attr-defined]
        except AttributeError:
            observe("takes no attributes")
        else:
            observe("takes attributes")


# --- accepted sockets ---------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def connection_of_accepted(
    sock: socket.socket, factory: Callable[[], Any] = Recorder, **options: Any
) -> AsyncIterator[tuple[asyncio.Transport, Any]]:
    loop = asyncio.get_running_loop()
    transport, recorder = await soon(loop.connect_accepted_socket(factory, sock, **options))
    async with ended(recorder):
        yield transport, recorder


@shows("TCP-53")
@FLAVOURS
async def accepted_socket_is_connected(tcp_pair: Pair, flavour: type) -> None:
    there, here = tcp_pair
    there.settimeout(PATIENCE)
    async with connection_of_accepted(here, flavour) as (transport, recorder):
        transport.write(b"welcome")
        assert await soon_received(there, 7) == b"welcome"
        there.sendall(b"hello")
        await recorder.has(b"hello")


@shows("TCP-53")
async def connect_accepted_socket_returns_transport_and_protocol(tcp_pair: Pair) -> None:
    _, here = tcp_pair
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    async with connection_of_accepted(here, factory) as (transport, recorder):
        assert made == [recorder]
        assert recorder.transport is transport
        assert recorder.calls == ["connection_made"]


@shows("TCP-53")
async def accepted_datagram_socket_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().connect_accepted_socket(Recorder, sock))


@shows("TCP-53")
async def cancelled_connect_accepted_socket_closes(tcp_pair: Pair) -> None:
    there, here = tcp_pair
    there.settimeout(PATIENCE)
    connecting = asyncio.ensure_future(asyncio.get_running_loop().connect_accepted_socket(Recorder, here))
    await settle(1)
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)
    if not connecting.cancelled():
        connecting.result()[0].abort()
    await settle(5)
    await end_seen(there)


@contextlib.contextmanager
def talking_tls(there: socket.socket) -> Iterator[ssl.SSLSocket]:
    """Be the client of a TLS connection."""
    with client_context().wrap_socket(there, server_hostname="localhost") as tls:
        yield tls


@shows("TCP-53")
async def accepted_socket_is_connected_over_tls(tcp_pair: Pair, in_thread: InThread) -> None:
    """The loop is the server, though it may be its socket that has connected."""
    here, there = tcp_pair

    def talk() -> bytes:
        with talking_tls(there) as tls:
            tls.sendall(b"hello")
            return receive_exactly(tls, 7)

    answer = in_thread(talk)
    async with connection_of_accepted(here, ssl=server_context()) as (transport, recorder):
        await recorder.has(b"hello")
        transport.write(b"welcome")
        assert await soon(asyncio.wrap_future(answer)) == b"welcome"


TIMEOUTS = pytest.mark.parametrize("keyword", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])


def without_ssl(keyword: str) -> dict[str, Any]:
    return {keyword: 1.0}


@shows("TCP-54")
@TIMEOUTS
async def create_connection_refuses_a_timeout_without_ssl(listener: socket.socket, keyword: str) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_connection(Recorder, *listener.getsockname(), **without_ssl(keyword)))


@shows("TCP-54")
@TIMEOUTS
async def create_server_refuses_a_timeout_without_ssl(keyword: str) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_server(Recorder, "127.0.0.1", 0, **without_ssl(keyword)))


@shows("TCP-54")
@TIMEOUTS
async def connect_accepted_socket_refuses_a_timeout_without_ssl(tcp_pair: Pair, keyword: str) -> None:
    _, here = tcp_pair
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.connect_accepted_socket(Recorder, here, **without_ssl(keyword)))


@shows("TCP-54")
async def create_connection_refuses_a_server_name_without_ssl(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_connection(Recorder, *listener.getsockname(), server_hostname="localhost"))


# --- many, and much -----------------------------------------------------------------------------------------


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def talk(address: Address, clients: int) -> list[bytes]:
    """Connect many clients, each of which sends its own bytes and is answered; all are there at once."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(clients)]
        for number, sock in reversed([*enumerate(socks)]):
            sock.sendall(b"%04d" % number * 100)
        return [receive_exactly(sock, 400) for sock in socks]


@shows("TCP-55", descriptors(250))
async def hundred_clients_are_served(in_thread: InThread) -> None:
    server = await soon(asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0))
    try:
        answers = await of_peer(in_thread, talk, server.sockets[0].getsockname(), 100)
    finally:
        server.close()
        await settle(5)
    assert answers == [b"%04d" % number * 100 for number in range(100)]


@shows("TCP-55", descriptors(250))
async def hundred_connections_are_made_at_once(listener: socket.socket) -> None:
    """The loop is the client of all of them."""
    loop = asyncio.get_running_loop()
    listener.listen(200)
    made = await soon(asyncio.gather(*(loop.create_connection(Recorder, *listener.getsockname()) for _ in range(100))))
    ports = {transport.get_extra_info("sockname")[1]: recorder for transport, recorder in made}
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            there, (_, port) = listener.accept()
            stack.enter_context(there).sendall(b"%d" % port)
        for port, recorder in ports.items():
            await recorder.has(b"%d" % port)
    for _, recorder in made:
        await soon(recorder.lost)


@shows("TCP-56")
@pytest.mark.parametrize("state", ["idle", "paused", "unread data", "eof written"])
@CLOSES
async def peer_sees_the_end(tcp_pair: Pair, in_thread: InThread, method: str, state: str) -> None:
    here, there = tcp_pair
    async with connection_of(here) as (transport, recorder):
        if state in {"paused", "unread data"}:
            transport.pause_reading()
        if state == "unread data":
            there.sendall(b"unread")
        if state == "eof written":
            transport.write_eof()
        getattr(transport, method)()
        assert await of_peer(in_thread, rest_of, there) == b""
        await soon(recorder.lost)


@shows("TCP-56")
async def peer_that_writes_sees_the_end(tcp_pair: Pair, in_thread: InThread) -> None:
    """The peer knows of nothing: it writes until it is told."""
    here, there = tcp_pair

    def write() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                there.sendall(MEGABYTE)

    async with connection_of(here) as (transport, recorder):
        writing = in_thread(write)
        await recorder.is_told("data_received")
        transport.close()
        await soon(recorder.lost)
        await soon(asyncio.wrap_future(writing))


@shows("TCP-57")
@pytest.mark.parametrize("limit", [100, 1 << 16])
async def more_than_the_limit_is_read_exactly(listener: socket.socket, in_thread: InThread, limit: int) -> None:
    _, writer = streams = await soon(asyncio.open_connection(*listener.getsockname(), limit=limit))
    there, _ = listener.accept()
    with there:
        there.settimeout(PATIENCE)
        in_thread(there.sendall, MEGABYTE)
        data = await soon(streams[0].readexactly(len(MEGABYTE)))
        assert data == MEGABYTE, "the bytes have changed on their way"
        writer.close()
        await soon(writer.wait_closed())


@shows("TCP-61")
def random_exchanges_keep_every_byte(exploring: Exploring) -> None:
    search_exchanges(exploring, "tcp")


@shows("TCP-61", UNIX_SOCKETS)
def random_exchanges_over_unix_sockets_keep_every_byte(exploring: Exploring) -> None:
    search_exchanges(exploring, "unix")


# TCP-66 to TCP-68: what a protocol is given


class Noting(Recorder):
    """A protocol that keeps each piece of data as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[Any] = []

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        super().data_received(data)


@shows("TCP-66")
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
async def data_are_bytes_and_some(size: int, tcp_pair: Pair, in_thread: InThread) -> None:
    here, there = tcp_pair
    async with connection_of(here, Noting) as (_, recorder):
        sent = in_thread(there.sendall, bytes(size))
        await recorder.has(bytes(size))
        sent.result(PATIENCE)
        there.shutdown(socket.SHUT_WR)
        await soon(recorder.lost)
        assert {type(piece) for piece in recorder.pieces} == {bytes}
        assert b"" not in recorder.pieces


@shows("TCP-67")
@pytest.mark.parametrize("ssl", [None, False])
async def connection_without_tls_is_plain(ssl: Any, listener: socket.socket) -> None:
    transport, recorder = await soon(
        asyncio.get_running_loop().create_connection(Recorder, *listener.getsockname(), ssl=ssl)
    )
    async with ended(recorder):
        there, _ = listener.accept()
        with there:
            there.settimeout(PATIENCE)
            transport.write(b"plain")
            assert receive_exactly(there, 5) == b"plain"
            assert transport.get_extra_info("sslcontext") is None


@shows("TCP-68")
async def buffered_protocol_serves() -> None:
    async with serving(guests=Guests(BufferedRecorder)) as (server, guests):
        with socket.create_connection(server.sockets[0].getsockname(), PATIENCE) as there:
            guest = await guests.come()
            there.sendall(bytes(range(250)))
            await guest.has(bytes(range(250)))


@shows("TCP-68")
async def buffered_protocol_is_given_an_accepted_socket(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    _, recorder = await soon(asyncio.get_running_loop().connect_accepted_socket(BufferedRecorder, here))
    async with ended(recorder):
        there.sendall(bytes(range(250)))
        await recorder.has(bytes(range(250)))
