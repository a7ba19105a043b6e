"""SNF: sendfile() and sock_sendfile(), files that go through a socket without passing through the program.

The kernel copies from the file to the socket, beginning at an offset, up to the end or to a count of bytes. Where it
cannot, as for a TLS connection or a file that only Python knows, the loop reads and writes instead, unless it was
told not to. Either way the bytes come in order with those written before and after, and the position of the file
tells how far the transfer came.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import ssl
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon, under_way
from .gates import POSIX, Gate
from .peers import PATIENCE, receive_all, receive_exactly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from .peers import InThread
    from .subject import Observe

Pair = tuple[socket.socket, socket.socket]

# More than a socket pair takes without a reader, and 251 is prime: a chunk that changes places shows.
MEGABYTE = (bytes(range(251)) * 4178)[: 1 << 20]
PART = MEGABYTE[1000:3000]
READ_HALF_WAY = 1000

FALLBACK = pytest.mark.parametrize("fallback", [True, False], ids=["fallback", "no-fallback"])
METHODS = pytest.mark.parametrize("method", ["sock_sendfile", "sendfile"])
CHANNELS = pytest.mark.parametrize("channel", ["sock_sendfile", "sendfile", "sendfile-tls"])
TRANSPORTS = pytest.mark.parametrize("channel", ["sendfile", "sendfile-tls"])
RANGES = pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"offset": 1_000_000}, MEGABYTE[1_000_000:]),
        ({"count": 2000}, MEGABYTE[:2000]),
        ({"offset": 1000, "count": 2000}, PART),
        ({"offset": 1_048_000, "count": 2000}, MEGABYTE[1_048_000:]),
        ({"offset": 1 << 20}, b""),
        ({"offset": 1 << 21, "count": 1}, b""),
    ],
    ids=["offset", "count", "both", "count-beyond-the-end", "offset-at-the-end", "offset-beyond-the-end"],
)


def _context(protocol: int) -> ssl.SSLContext:
    """Neither side shows a certificate: there is nothing to make, to trust or to expire."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the last with ciphers that need no certificate
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


def _has_anonymous_tls() -> bool:
    try:
        _context(ssl.PROTOCOL_TLS_CLIENT)
    except ssl.SSLError:
        return False
    return True


ANONYMOUS_TLS = Gate("anonymous-tls", "needs an OpenSSL with ciphers without certificates", _has_anonymous_tls)


class Recorder(asyncio.Protocol):
    """Keeps what was received, knows whether it is to pause writing, and tells when the connection is lost."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.paused = False
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._news.set()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)

    async def may_write(self) -> None:
        """Wait until writing is not paused."""

        async def until() -> None:
            while self.paused:
                self._news.clear()
                await self._news.wait()

        await soon(until())

    async def has(self, data: bytes) -> None:
        """Wait for as much data; fail if it is other data."""

        async def until() -> None:
            while len(self.received) < len(data):
                self._news.clear()
                await self._news.wait()

        await soon(until())
        assert self.received == data


@dataclass(frozen=True)
class Channel:
    """One of the ways to send a file.

    Attributes:
        send: sends a file, with the arguments of the method.
        write: sends bytes.
        finish: tells the peer that no more comes.
        peer: the blocking socket that receives them.
        transport: whose method is called; None for ``sock_sendfile()``.
        protocol: of the transport.
    """

    send: Callable[..., Awaitable[int]]
    write: Callable[[bytes], Awaitable[object]]
    finish: Callable[[], object]
    peer: socket.socket
    transport: Any = None
    protocol: Any = None


@contextlib.asynccontextmanager
async def connected(pair: Pair, **options: Any) -> AsyncIterator[Channel]:
    """Give the first socket to a transport, which is aborted at the end."""
    loop = asyncio.get_running_loop()
    here, there = pair
    transport, protocol = await soon(loop.create_connection(Recorder, sock=here, **options))

    async def write(data: bytes) -> None:
        transport.write(data)

    try:
        yield Channel(
            lambda *args, **kw: loop.sendfile(transport, *args, **kw),
            write,
            transport.write_eof,
            there,
            transport,
            protocol,
        )
    finally:
        transport.abort()
        await asyncio.wait({protocol.lost}, timeout=PATIENCE)
        await settle(1)


@contextlib.asynccontextmanager
async def connected_by_tls(pair: Pair, in_thread: InThread) -> AsyncIterator[Channel]:
    """Give the first socket to a transport that speaks TLS, with a peer that does so too."""
    here, there = pair

    def shake_hands() -> socket.socket:
        return _context(ssl.PROTOCOL_TLS_SERVER).wrap_socket(there, server_side=True)

    shaken = in_thread(shake_hands)
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    async with connected((here, there), ssl=context, server_hostname="") as channel:
        with await soon(asyncio.wrap_future(shaken)) as peer:
            yield replace(channel, peer=peer)


@contextlib.asynccontextmanager
async def opened(channel: str, pair: Pair, in_thread: InThread) -> AsyncIterator[Channel]:
    """Open a channel by its name."""
    if channel == "sendfile":
        async with connected(pair) as open_channel:
            yield open_channel
    elif channel == "sendfile-tls":
        async with connected_by_tls(pair, in_thread) as open_channel:
            yield open_channel
    else:
        loop = asyncio.get_running_loop()
        here, there = pair
        yield Channel(
            lambda *args, **kw: loop.sock_sendfile(here, *args, **kw),
            lambda data: loop.sock_sendall(here, data),
            lambda: here.shutdown(socket.SHUT_WR),
            there,
        )


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Expect a RuntimeError, but no NotImplementedError, which is one too: that tells of a loop without the method."""
    try:
        yield
    except NotImplementedError:
        raise
    except RuntimeError:
        return
    pytest.fail("it did not raise RuntimeError")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a megabyte."""
    path = tmp_path / "file"
    path.write_bytes(MEGABYTE)
    return path


@pytest.fixture
def file(path: Path) -> Iterator[IO[bytes]]:
    """A file of a megabyte, opened."""
    with path.open("rb") as opened_file:
        yield opened_file


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[IO[bytes]]:
    """A file with nothing in it, opened."""
    path = tmp_path / "empty"
    path.touch()
    with path.open("rb") as opened_file:
        yield opened_file


@pytest.fixture
def memory() -> IO[bytes]:
    """A file of a megabyte that only Python knows: the kernel cannot send it."""
    return io.BytesIO(MEGABYTE)


async def result_of(received: Future[bytes]) -> bytes:
    """Return what the peer's thread has read; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(received))


@contextlib.asynccontextmanager
async def half_way(channel: Channel, file: IO[bytes], in_thread: InThread) -> AsyncIterator[asyncio.Future[int]]:
    """Send a file until the peer has read a part of it, and no more; the transfer is cancelled at the end."""
    async with under_way(channel.send(file)) as sending:
        data = await result_of(in_thread(receive_exactly, channel.peer, READ_HALF_WAY))
        assert data == MEGABYTE[:READ_HALF_WAY]
        await settle()
        yield sending


async def everything(channel: Channel, in_thread: InThread, size: int) -> bytes:
    """Let the peer read so many bytes, and everything up to a mark that is sent after them."""
    received = in_thread(receive_exactly, channel.peer, size + 3)
    await soon(channel.write(b"END"))
    data = await result_of(received)
    assert data.endswith(b"END"), "something was sent besides"
    return data[:-3]


# --- through a socket ---------------------------------------------------------------------------------------


@shows("SNF-01")
async def sock_sendfile_sends_the_file(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    here, there = tcp_pair
    received = in_thread(receive_exactly, there, len(MEGABYTE))
    assert await soon(asyncio.get_running_loop().sock_sendfile(here, file)) == len(MEGABYTE)
    assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-01")
@FALLBACK
async def sock_sendfile_sends_a_file_of_the_system(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, fallback: bool
) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        await soon(channel.send(file, 1000, 2000, fallback=fallback))
        assert await everything(channel, in_thread, 2000) == PART


@shows("SNF-01")
@RANGES
async def sock_sendfile_sends_a_part(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, arguments: dict[str, int], expected: bytes
) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        assert await soon(channel.send(file, **arguments)) == len(expected)
        assert await everything(channel, in_thread, len(expected)) == expected


@shows("SNF-01")
async def sock_sendfile_takes_its_arguments_by_position(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        assert await soon(channel.send(file, 1000, 2000)) == 2000
        assert await everything(channel, in_thread, 2000) == PART


@shows("SNF-01")
@FALLBACK
async def sock_sendfile_of_an_empty_file_sends_nothing(
    tcp_pair: Pair, empty: IO[bytes], in_thread: InThread, fallback: bool
) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        assert await soon(channel.send(empty, fallback=fallback)) == 0
        assert await everything(channel, in_thread, 0) == b""


@shows("SNF-01")
async def sock_sendfile_keeps_the_order(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    received = in_thread(receive_exactly, there, len(MEGABYTE) + 11)
    await soon(loop.sock_sendall(here, b"before"))
    await soon(loop.sock_sendfile(here, file))
    await soon(loop.sock_sendall(here, b"after"))
    assert await result_of(received) == b"before" + MEGABYTE + b"after"


@shows("SNF-01")
async def sock_sendfile_waits_for_a_reader(socket_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    here, there = socket_pair
    async with under_way(asyncio.get_running_loop().sock_sendfile(here, file)) as sending:
        received = in_thread(receive_exactly, there, len(MEGABYTE))
        assert await soon(sending) == len(MEGABYTE)
    assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-01")
async def sock_sendfile_waits_for_a_reader_of_a_part(socket_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    """The count is of the whole transfer, in however many pieces it goes."""
    here, there = socket_pair
    async with under_way(asyncio.get_running_loop().sock_sendfile(here, file, 1000, 900_000)) as sending:
        received = in_thread(receive_exactly, there, 900_000)
        assert await soon(sending) == 900_000
    assert await result_of(received) == MEGABYTE[1000:901_000]


@shows("SNF-01")
async def file_that_only_python_knows_is_sent(tcp_pair: Pair, memory: IO[bytes], in_thread: InThread) -> None:
    here, there = tcp_pair
    received = in_thread(receive_exactly, there, len(MEGABYTE))
    assert await soon(asyncio.get_running_loop().sock_sendfile(here, memory)) == len(MEGABYTE)
    assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-01")
async def part_of_a_file_that_only_python_knows_is_sent(tcp_pair: Pair, memory: IO[bytes], in_thread: InThread) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        assert await soon(channel.send(memory, 1000, 2000)) == 2000
        assert await everything(channel, in_thread, 2000) == PART


# Without the kernel's help, as on Windows' selector loop, an offset of 0 is where the file happens to be.
@shows("SNF-01", POSIX)
async def sock_sendfile_begins_at_the_offset_wherever_the_file_is(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread
) -> None:
    file.seek(5000)
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        await soon(channel.send(file, count=2000))
        assert await everything(channel, in_thread, 2000) == MEGABYTE[:2000]


# --- through a transport ------------------------------------------------------------------------------------


@shows("SNF-02")
@FALLBACK
async def sendfile_sends_the_file(tcp_pair: Pair, file: IO[bytes], in_thread: InThread, fallback: bool) -> None:
    async with connected(tcp_pair) as channel:
        received = in_thread(receive_exactly, channel.peer, len(MEGABYTE))
        assert await soon(channel.send(file, fallback=fallback)) == len(MEGABYTE)
        assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-02", ANONYMOUS_TLS)
async def sendfile_sends_the_file_through_tls(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with connected_by_tls(tcp_pair, in_thread) as channel:
        received = in_thread(receive_exactly, channel.peer, len(MEGABYTE))
        assert await soon(channel.send(file)) == len(MEGABYTE)
        assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-02")
@RANGES
async def sendfile_sends_a_part(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, arguments: dict[str, int], expected: bytes
) -> None:
    async with connected(tcp_pair) as channel:
        assert await soon(channel.send(file, **arguments)) == len(expected)
        assert await everything(channel, in_thread, len(expected)) == expected


@shows("SNF-02", ANONYMOUS_TLS)
@RANGES
async def sendfile_sends_a_part_through_tls(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, arguments: dict[str, int], expected: bytes
) -> None:
    async with connected_by_tls(tcp_pair, in_thread) as channel:
        assert await soon(channel.send(file, **arguments)) == len(expected)
        assert await everything(channel, in_thread, len(expected)) == expected


@shows("SNF-02", ANONYMOUS_TLS)
@TRANSPORTS
async def sendfile_of_an_empty_file_sends_nothing(
    tcp_pair: Pair, empty: IO[bytes], in_thread: InThread, channel: str
) -> None:
    async with opened(channel, tcp_pair, in_thread) as open_channel:
        assert await soon(open_channel.send(empty)) == 0
        assert await everything(open_channel, in_thread, 0) == b""


@shows("SNF-02", ANONYMOUS_TLS)
@TRANSPORTS
@pytest.mark.parametrize("before", [b"before", MEGABYTE[::-1]], ids=["little", "much"])
async def sendfile_keeps_the_order(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str, before: bytes
) -> None:
    """What was written before may still wait in the transport."""
    async with opened(channel, socket_pair, in_thread) as open_channel:
        open_channel.transport.write(before)
        expected = before + MEGABYTE + b"after"
        received = in_thread(receive_exactly, open_channel.peer, len(expected))
        await soon(open_channel.send(file))
        open_channel.transport.write(b"after")
        assert await result_of(received) == expected, "the bytes have changed on their way"


@shows("SNF-02")
async def sendfile_waits_for_a_reader(socket_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with connected(socket_pair) as channel, under_way(channel.send(file)) as sending:
        received = in_thread(receive_exactly, channel.peer, len(MEGABYTE))
        assert await soon(sending) == len(MEGABYTE)
        assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


@shows("SNF-02", ANONYMOUS_TLS)
@TRANSPORTS
async def sendfile_can_be_repeated(tcp_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str) -> None:
    async with opened(channel, tcp_pair, in_thread) as open_channel:
        for _ in range(3):
            await soon(open_channel.send(file, 1000, 2000))
        assert await everything(open_channel, in_thread, 6000) == 3 * PART


@shows("SNF-02", ANONYMOUS_TLS)
@TRANSPORTS
async def protocol_receives_after_sendfile(tcp_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str) -> None:
    async with opened(channel, tcp_pair, in_thread) as open_channel:
        await soon(open_channel.send(file, count=2000))
        open_channel.peer.sendall(b"thanks")
        await open_channel.protocol.has(b"thanks")


@shows("SNF-02", ANONYMOUS_TLS)
@TRANSPORTS
async def protocol_receives_what_came_during_sendfile(
    request: pytest.FixtureRequest, file: IO[bytes], in_thread: InThread, channel: str
) -> None:
    pair = request.getfixturevalue("socket_pair")
    async with opened(channel, pair, in_thread) as open_channel:
        async with under_way(open_channel.send(file)) as sending:
            open_channel.peer.sendall(b"thanks")
            await settle()
            received = in_thread(receive_exactly, open_channel.peer, len(MEGABYTE))
            await soon(sending)
            await result_of(received)
        await open_channel.protocol.has(b"thanks")


# --- arguments that are refused -----------------------------------------------------------------------------


@shows("SNF-03")
async def text_file_is_refused(tcp_pair: Pair, path: Path) -> None:
    with path.open(encoding="latin-1") as text, pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().sock_sendfile(tcp_pair[0], text))  # type: ignore[arg-type]


@shows("SNF-03")
async def datagram_socket_is_refused(file: IO[bytes]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        with pytest.raises(ValueError):
            await soon(asyncio.get_running_loop().sock_sendfile(sock, file))


@shows("SNF-03")
@pytest.mark.parametrize("argument", [{"offset": -1}, {"count": 0}, {"count": -1}], ids=str)
async def number_out_of_range_is_refused(tcp_pair: Pair, file: IO[bytes], argument: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().sock_sendfile(tcp_pair[0], file, **argument))


@shows("SNF-03")
@pytest.mark.parametrize(
    "argument", [{"offset": "1"}, {"offset": 1.0}, {"offset": None}, {"count": "1"}, {"count": 1.0}], ids=str
)
async def what_is_no_number_is_refused(tcp_pair: Pair, file: IO[bytes], argument: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        await soon(asyncio.get_running_loop().sock_sendfile(tcp_pair[0], file, **argument))


@shows("SNF-03")
async def nothing_is_sent_before_a_refusal(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        with contextlib.suppress(ValueError):
            await soon(channel.send(file, -1))
        assert await everything(channel, in_thread, 0) == b""


# --- where the kernel cannot --------------------------------------------------------------------------------


@shows("SNF-04", ANONYMOUS_TLS)
async def tls_without_fallback_is_refused(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with connected_by_tls(tcp_pair, in_thread) as channel:
        with refused():
            await soon(channel.send(file, fallback=False))


@shows("SNF-04")
@METHODS
async def file_without_descriptor_without_fallback_is_refused(
    tcp_pair: Pair, memory: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, tcp_pair, in_thread) as channel:
        with pytest.raises(asyncio.SendfileNotAvailableError):
            await soon(channel.send(memory, fallback=False))


@shows("SNF-04", ANONYMOUS_TLS)
@CHANNELS
async def channel_works_after_a_refusal(tcp_pair: Pair, memory: IO[bytes], in_thread: InThread, channel: str) -> None:
    async with opened(channel, tcp_pair, in_thread) as open_channel:
        with refused():
            await soon(open_channel.send(memory, fallback=False))
        assert await everything(open_channel, in_thread, 0) == b""


@shows("SNF-05", ANONYMOUS_TLS)
@TRANSPORTS
@pytest.mark.parametrize("how", ["close", "abort"])
async def closing_transport_is_refused(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str, how: str
) -> None:
    async with opened(channel, tcp_pair, in_thread) as open_channel:
        getattr(open_channel.transport, how)()
        with refused():
            await soon(open_channel.send(file))


@shows("SNF-05")
async def datagram_transport_is_refused(file: IO[bytes]) -> None:
    class Protocol(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.lost = asyncio.get_running_loop().create_future()

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set_result(exc)

    loop = asyncio.get_running_loop()
    transport, protocol = await soon(loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0)))
    try:
        with refused():
            await soon(loop.sendfile(transport, file))  # type: ignore[arg-type]
    finally:
        transport.close()
        await soon(protocol.lost)


# --- peers that go away -------------------------------------------------------------------------------------


@shows("SNF-06")
@METHODS
async def peer_that_goes_away_is_a_connection_error(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, socket_pair, in_thread) as channel, half_way(channel, file, in_thread) as sending:
        channel.peer.close()
        with pytest.raises(ConnectionError):
            await soon(sending)


@shows("SNF-06")
@METHODS
async def peer_that_goes_away_leaves_the_file_short_of_its_end(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, socket_pair, in_thread) as channel, half_way(channel, file, in_thread) as sending:
        channel.peer.close()
        with contextlib.suppress(ConnectionError):
            await soon(sending)
        assert file.tell() < len(MEGABYTE)


# To Windows' proactor nothing was sent before everything was.
@shows("SNF-06", POSIX)
@METHODS
async def position_counts_what_the_peer_had_before_it_went_away(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, socket_pair, in_thread) as channel, half_way(channel, file, in_thread) as sending:
        channel.peer.close()
        with contextlib.suppress(ConnectionError):
            await soon(sending)
        assert file.tell() >= READ_HALF_WAY


# --- writing meanwhile --------------------------------------------------------------------------------------


# Windows' selector loop copies the file itself, and lets others write between its pieces.
@shows("SNF-07", POSIX)
@pytest.mark.parametrize("write", ["write", "writelines"])
async def writing_during_sendfile_is_refused(socket_pair: Pair, file: IO[bytes], write: str) -> None:
    async with connected(socket_pair) as channel, under_way(channel.send(file)):
        with refused():
            getattr(channel.transport, write)(b"x" if write == "write" else [b"x"])


@shows("SNF-07", POSIX)
async def refused_write_leaves_the_file_whole(socket_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with connected(socket_pair) as channel, under_way(channel.send(file)) as sending:
        with contextlib.suppress(RuntimeError):
            channel.transport.write(b"x")
        received = in_thread(receive_exactly, channel.peer, len(MEGABYTE))
        await soon(sending)
        assert await result_of(received) == MEGABYTE, "the bytes have changed on their way"


# --- cancellation -------------------------------------------------------------------------------------------


@shows("SNF-11", ANONYMOUS_TLS)
@TRANSPORTS
async def reading_that_was_paused_stays_paused(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str
) -> None:
    async with opened(channel, socket_pair, in_thread) as open_channel:
        open_channel.transport.pause_reading()
        received = in_thread(receive_exactly, open_channel.peer, len(MEGABYTE))
        await soon(open_channel.send(file))
        await result_of(received)
        open_channel.peer.sendall(b"hello")
        await settle(10)
        assert not open_channel.protocol.received
        open_channel.transport.resume_reading()
        await open_channel.protocol.has(b"hello")


@shows("SNF-12", ANONYMOUS_TLS)
@TRANSPORTS
async def protocol_that_was_paused_is_resumed(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, channel: str
) -> None:
    async with opened(channel, socket_pair, in_thread) as open_channel:
        written = 0
        while not open_channel.protocol.paused and written < 16 * len(MEGABYTE):
            await open_channel.write(MEGABYTE)
            written += len(MEGABYTE)
        assert open_channel.protocol.paused
        sending = asyncio.ensure_future(open_channel.send(file))
        await settle()
        received = in_thread(receive_exactly, open_channel.peer, written + len(MEGABYTE))
        await soon(sending)
        await result_of(received)
        await open_channel.protocol.may_write()


@shows("SNF-08", ANONYMOUS_TLS)
@CHANNELS
async def cancelled_transfer_raises(
    request: pytest.FixtureRequest, file: IO[bytes], in_thread: InThread, channel: str
) -> None:
    pair = request.getfixturevalue("socket_pair")
    async with opened(channel, pair, in_thread) as open_channel, under_way(open_channel.send(file)) as sending:
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(sending)


@shows("SNF-08")
@METHODS
@pytest.mark.parametrize("kind", ["file", "memory"])
async def channel_can_be_written_to_after_a_cancelled_transfer(
    request: pytest.FixtureRequest, socket_pair: Pair, in_thread: InThread, method: str, kind: str
) -> None:
    """A part of the file arrives, without a gap, and then what is written: nobody goes on with the rest."""
    file: IO[bytes] = request.getfixturevalue(kind)
    async with opened(method, socket_pair, in_thread) as channel:
        async with half_way(channel, file, in_thread):
            pass
        received = in_thread(receive_all, channel.peer)
        await soon(channel.write(b"END"))
        channel.finish()
        data = MEGABYTE[:READ_HALF_WAY] + await result_of(received)
        assert data == MEGABYTE[: len(data) - 3] + b"END"
        assert len(data) < len(MEGABYTE)


@shows("SNF-08")
@METHODS
async def cancelled_transfer_sends_no_more(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, socket_pair, in_thread) as channel:
        async with half_way(channel, file, in_thread):
            pass
        channel.peer.setblocking(False)
        received, idle = READ_HALF_WAY, 0
        while idle < 20:
            try:
                received += len(channel.peer.recv(65536))
                idle = 0
            except BlockingIOError:
                idle += 1
            await settle(1)
        assert received < len(MEGABYTE)


@shows("SNF-08")
@METHODS
async def transfer_after_a_cancelled_one_is_whole(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str
) -> None:
    async with opened(method, socket_pair, in_thread) as channel:
        async with half_way(channel, file, in_thread):
            pass
        file.seek(0)
        received = in_thread(receive_all, channel.peer)
        assert await soon(channel.send(file)) == len(MEGABYTE)
        channel.finish()
        assert (await result_of(received)).endswith(MEGABYTE)


@shows("SNF-08")
async def protocol_receives_after_a_cancelled_sendfile(socket_pair: Pair, file: IO[bytes]) -> None:
    async with connected(socket_pair) as channel:
        async with under_way(channel.send(file)):
            pass
        channel.peer.sendall(b"hello")
        await channel.protocol.has(b"hello")


@shows("SNF-08")
async def socket_is_read_during_and_after_a_cancelled_sock_sendfile(socket_pair: Pair, file: IO[bytes]) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_recv(here, 100)) as receiving:
        async with under_way(loop.sock_sendfile(here, file)):
            pass
        there.sendall(b"hello")
        assert await soon(receiving) == b"hello"


@shows("SNF-08")
@METHODS
async def transfer_can_be_timed_out(socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str) -> None:
    async with opened(method, socket_pair, in_thread) as channel:
        with pytest.raises(TimeoutError):
            await soon(asyncio.wait_for(channel.send(file), 0.001))


@shows("SNF-08")
@METHODS
@pytest.mark.parametrize("turns", range(4))
async def transfer_cancelled_at_any_time_leaves_the_channel_usable(
    socket_pair: Pair, file: IO[bytes], in_thread: InThread, method: str, turns: int
) -> None:
    async with opened(method, socket_pair, in_thread) as channel:
        sending = asyncio.ensure_future(channel.send(file))
        await settle(turns)
        sending.cancel()
        await asyncio.wait({sending}, timeout=PATIENCE)
        received = in_thread(receive_all, channel.peer)
        await soon(channel.write(b"END"))
        channel.finish()
        data = await result_of(received)
        if sending.done() and not sending.cancelled():
            sending.result()  # a loop that cannot send files has said so
        assert sending.cancelled()
        assert data == MEGABYTE[: len(data) - 3] + b"END"


# --- the position of the file -------------------------------------------------------------------------------


@shows("SNF-09", ANONYMOUS_TLS)
@CHANNELS
@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize(
    ("arguments", "position"),
    [({}, 1 << 20), ({"count": 2000}, 2000), ({"offset": 1000, "count": 2000}, 3000), ({"offset": 1000}, 1 << 20)],
    ids=["all", "count", "both", "offset"],
)
async def file_is_where_the_transfer_ended(
    request: pytest.FixtureRequest,
    in_thread: InThread,
    channel: str,
    kind: str,
    arguments: dict[str, int],
    position: int,
) -> None:
    file: IO[bytes] = request.getfixturevalue(kind)
    async with opened(channel, request.getfixturevalue("tcp_pair"), in_thread) as open_channel:
        received = in_thread(receive_exactly, open_channel.peer, position - arguments.get("offset", 0))
        await soon(open_channel.send(file, **arguments))
        assert file.tell() == position
        await result_of(received)


@shows("SNF-09")
async def next_transfer_can_begin_where_the_last_ended(tcp_pair: Pair, file: IO[bytes], in_thread: InThread) -> None:
    async with opened("sock_sendfile", tcp_pair, in_thread) as channel:
        for _ in range(3):
            await soon(channel.send(file, file.tell(), 1000))
        assert await everything(channel, in_thread, 3000) == MEGABYTE[:3000]


# --- loops that do not --------------------------------------------------------------------------------------


@shows("SNF-10")
@METHODS
async def loop_without_the_method_says_so(
    tcp_pair: Pair, file: IO[bytes], in_thread: InThread, observe: Observe, method: str
) -> None:
    async with opened(method, tcp_pair, in_thread) as channel:
        try:
            sent = await soon(channel.send(file, count=1000))
        except NotImplementedError:
            data = await everything(channel, in_thread, 0)
            observe(f"NotImplementedError after {len(data)} bytes")
        else:
            assert await everything(channel, in_thread, sent) == MEGABYTE[:1000]
            observe("sends files")
