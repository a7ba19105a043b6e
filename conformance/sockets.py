"""SOCK: the sock_*() methods, the calls of a socket as coroutines.

Each does to a non-blocking socket what the socket's own method does to a blocking one, and lets the loop run
meanwhile. Bytes arrive whole and in order, errors of the kernel arrive where the operation is awaited, and a
cancelled operation ends at once: the socket can be read, written or closed as if it had never begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon, turn, under_way
from .gates import IPV6, LINUX, POSIX, UNIX_SOCKETS, Gate, descriptors
from .peers import PATIENCE, fill, receive_all, receive_exactly, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .peers import InThread
    from .subject import Observe, Run

Pair = tuple[socket.socket, socket.socket]

AF_UNIX: int = getattr(socket, "AF_UNIX", -1)

READS = pytest.mark.parametrize("method", ["sock_recv", "sock_recv_into"])
DATAGRAM_READS = pytest.mark.parametrize("method", ["sock_recvfrom", "sock_recvfrom_into"])
STUCK = pytest.mark.parametrize("method", ["sock_recv", "sock_recv_into", "sock_sendall", "sock_accept"])
STREAMS = pytest.mark.parametrize("stream", ["tcp_pair", "socket_pair"])

# 251 is prime: a chunk that goes missing, comes twice or changes places shows.
MEGABYTE = (bytes(range(251)) * 4178)[: 1 << 20]


def _localhost_has_ipv6() -> bool:
    try:
        found = socket.getaddrinfo("localhost", 0, family=socket.AF_INET6, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return IPV6.holds() and found[0][4][0] == "::1"


LOCALHOST_IPV6 = Gate("localhost-ipv6", "needs a localhost that is ::1 too", _localhost_has_ipv6)


async def read(method: str, sock: socket.socket, size: int = 16) -> bytes:
    """Receive with either of the methods for streams."""
    loop = asyncio.get_running_loop()
    if method == "sock_recv":
        return await loop.sock_recv(sock, size)
    buffer = bytearray(size)
    count = await loop.sock_recv_into(sock, buffer)
    return bytes(buffer[:count])


async def read_datagram(method: str, sock: socket.socket, size: int = 16) -> tuple[bytes, Any]:
    """Receive with either of the methods for datagrams."""
    loop = asyncio.get_running_loop()
    if method == "sock_recvfrom":
        return await loop.sock_recvfrom(sock, size)
    buffer = bytearray(size)
    count, address = await loop.sock_recvfrom_into(sock, buffer)
    return bytes(buffer[:count]), address


def non_blocking(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Return a new socket as the loop wants it."""
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock


@pytest.fixture
def server(listener: socket.socket) -> socket.socket:
    """A non-blocking TCP socket that listens: the loop's own server."""
    listener.setblocking(False)
    return listener


@pytest.fixture
def client() -> Iterator[socket.socket]:
    """A non-blocking TCP socket, not connected."""
    with non_blocking() as sock:
        yield sock


@pytest.fixture
def datagrams() -> Iterator[Pair]:
    """Two bound UDP sockets: the first non-blocking for the loop, the second blocking for the peer."""
    with non_blocking(kind=socket.SOCK_DGRAM) as here, socket.socket(type=socket.SOCK_DGRAM) as there:
        for sock in here, there:
            sock.bind(("127.0.0.1", 0))
        there.settimeout(PATIENCE)
        yield here, there


@dataclass(frozen=True)
class Stuck:
    """An operation that waits for ever, and the socket it waits on."""

    sock: socket.socket
    start: Callable[[], Awaitable[object]]


@pytest.fixture
def stuck(method: str, socket_pair: Pair, server: socket.socket) -> Stuck:
    """The method of the case with nothing to receive, no room to send, nobody to accept."""
    here, _ = socket_pair
    if method == "sock_sendall":
        fill(here)
        return Stuck(here, lambda: asyncio.get_running_loop().sock_sendall(here, b"more"))
    if method == "sock_accept":
        return Stuck(server, lambda: asyncio.get_running_loop().sock_accept(server))
    return Stuck(here, lambda: read(method, here))


# --- connect, send, receive ---------------------------------------------------------------------------------


@shows("SOCK-01")
async def sock_connect_connects(listener: socket.socket, client: socket.socket) -> None:
    await soon(asyncio.get_running_loop().sock_connect(client, listener.getsockname()))
    there, _ = listener.accept()
    with there:
        assert there.getpeername() == client.getsockname()


@shows("SOCK-01")
async def sock_recv_returns_what_has_arrived(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    assert await soon(asyncio.get_running_loop().sock_recv(here, 100)) == b"hello"


@shows("SOCK-01")
async def sock_recv_waits_for_data(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    async with under_way(asyncio.get_running_loop().sock_recv(here, 100)) as receiving:
        there.sendall(b"hello")
        assert await soon(receiving) == b"hello"


@shows("SOCK-01")
async def sock_recv_leaves_what_is_beyond_its_size(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    loop = asyncio.get_running_loop()
    assert [await soon(loop.sock_recv(here, 4)), await soon(loop.sock_recv(here, 4))] == [b"hell", b"o"]


@shows("SOCK-01")
async def sock_recv_returns_bytes(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    assert type(await soon(asyncio.get_running_loop().sock_recv(here, 100))) is bytes


@shows("SOCK-01")
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def sock_recv_returns_nothing_at_the_end(tcp_pair: Pair, when: str) -> None:
    here, there = tcp_pair
    if when == "before":
        there.shutdown(socket.SHUT_WR)
        assert await soon(asyncio.get_running_loop().sock_recv(here, 100)) == b""
    else:
        async with under_way(asyncio.get_running_loop().sock_recv(here, 100)) as receiving:
            there.shutdown(socket.SHUT_WR)
            assert await soon(receiving) == b""


@shows("SOCK-01")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def sock_sendall_sends(tcp_pair: Pair, kind: Callable[[bytes], Any]) -> None:
    here, there = tcp_pair
    await soon(asyncio.get_running_loop().sock_sendall(here, kind(b"hello")))
    assert receive_exactly(there, 5) == b"hello"


@shows("SOCK-01")
async def sock_sendall_of_nothing_finishes(tcp_pair: Pair) -> None:
    here, _ = tcp_pair
    await soon(asyncio.get_running_loop().sock_sendall(here, b""))


@shows("SOCK-01")
async def sock_accept_takes_a_waiting_connection(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname(), PATIENCE) as there:
        here, _ = await soon(asyncio.get_running_loop().sock_accept(server))
        with here:
            assert here.getpeername() == there.getsockname()


@shows("SOCK-01")
async def sock_accept_waits_for_a_connection(server: socket.socket) -> None:
    async with under_way(asyncio.get_running_loop().sock_accept(server)) as accepting:
        with socket.create_connection(server.getsockname(), PATIENCE) as there:
            here, _ = await soon(accepting)
            with here:
                assert here.getpeername() == there.getsockname()


@shows("SOCK-01")
async def socket_is_read_while_a_write_waits(socket_pair: Pair) -> None:
    here, there = socket_pair
    fill(here)
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_sendall(here, b"more")):
        there.sendall(b"hello")
        assert await soon(loop.sock_recv(here, 100)) == b"hello"


@shows("SOCK-01")
async def socket_is_written_while_a_read_waits(socket_pair: Pair) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_recv(here, 100)):
        await soon(loop.sock_sendall(here, b"hello"))
        assert receive_exactly(there, 5) == b"hello"


@shows("SOCK-01", descriptors(64))
async def many_sockets_are_waited_on_at_once() -> None:
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(32)]
        for here, there in pairs:
            stack.enter_context(here).setblocking(False)
            stack.enter_context(there)
        loop = asyncio.get_running_loop()
        async with under_way(asyncio.gather(*(loop.sock_recv(here, 100) for here, _ in pairs))) as receiving:
            for number, (_, there) in reversed([*enumerate(pairs)]):
                there.sendall(b"%d" % number)
            assert await soon(receiving) == [b"%d" % number for number in range(32)]


@shows("SOCK-01")
async def loop_talks_to_itself(server: socket.socket, client: socket.socket) -> None:
    """All four methods at once, with nobody but the loop on both ends."""
    loop = asyncio.get_running_loop()

    async def echo() -> None:
        there, _ = await loop.sock_accept(server)
        with there:
            while data := await loop.sock_recv(there, 3):
                await loop.sock_sendall(there, data.upper())

    async def ask() -> bytes:
        await loop.sock_connect(client, server.getsockname())
        await loop.sock_sendall(client, b"hello")
        answer = b""
        while len(answer) < 5:
            answer += await loop.sock_recv(client, 100)
        client.close()
        return answer

    _, answer = await soon(asyncio.gather(echo(), ask()))
    assert answer == b"HELLO"


@shows("SOCK-02")
async def sock_recv_into_fills_the_buffer(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    buffer = bytearray(5)
    await soon(asyncio.get_running_loop().sock_recv_into(here, buffer))
    assert buffer == b"hello"


@shows("SOCK-02")
async def sock_recv_into_returns_the_count(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    assert await soon(asyncio.get_running_loop().sock_recv_into(here, bytearray(100))) == 5


@shows("SOCK-02")
async def sock_recv_into_waits_for_data(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    buffer = bytearray(5)
    async with under_way(asyncio.get_running_loop().sock_recv_into(here, buffer)) as receiving:
        there.sendall(b"hello")
        await soon(receiving)
        assert buffer == b"hello"


@shows("SOCK-02")
async def sock_recv_into_leaves_the_rest_of_the_buffer(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    buffer = bytearray(b"........")
    await soon(asyncio.get_running_loop().sock_recv_into(here, buffer))
    assert buffer == b"hello..."


@shows("SOCK-02")
async def sock_recv_into_leaves_what_does_not_fit(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    loop = asyncio.get_running_loop()
    await soon(loop.sock_recv_into(here, bytearray(4)))
    assert await soon(loop.sock_recv(here, 100)) == b"o"


@shows("SOCK-02")
async def sock_recv_into_takes_a_slice_of_a_buffer(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    there.sendall(b"hello")
    buffer = bytearray(b"........")
    await soon(asyncio.get_running_loop().sock_recv_into(here, memoryview(buffer)[2:]))
    assert buffer == b"..hello."


@shows("SOCK-02")
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def sock_recv_into_returns_zero_at_the_end(tcp_pair: Pair, when: str) -> None:
    here, there = tcp_pair
    if when == "before":
        there.shutdown(socket.SHUT_WR)
        assert await soon(asyncio.get_running_loop().sock_recv_into(here, bytearray(100))) == 0
    else:
        async with under_way(asyncio.get_running_loop().sock_recv_into(here, bytearray(100))) as receiving:
            there.shutdown(socket.SHUT_WR)
            assert await soon(receiving) == 0


# --- Unix sockets -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def unix_server(address: str | bytes) -> Iterator[socket.socket]:
    """Listen on a Unix address."""
    with socket.socket(AF_UNIX) as server:
        server.bind(address)
        server.listen()
        server.settimeout(PATIENCE)
        yield server


async def connect_over_unix(address: str | bytes) -> None:
    """Let the loop connect to a Unix address, and the peer's first bytes through."""
    loop = asyncio.get_running_loop()
    with unix_server(address) as server, non_blocking(AF_UNIX) as sock:
        await soon(loop.sock_connect(sock, address))
        there, _ = server.accept()
        with there:
            there.sendall(b"hello")
            assert await soon(loop.sock_recv(sock, 100)) == b"hello"


@shows("SOCK-03", UNIX_SOCKETS)
async def sock_connect_takes_a_unix_path(unix_path: str) -> None:
    await connect_over_unix(unix_path)


@shows("SOCK-03", UNIX_SOCKETS)
async def sock_connect_takes_a_unix_path_in_bytes(unix_path: str) -> None:
    await connect_over_unix(unix_path.encode())


@shows("SOCK-03", LINUX)
async def sock_connect_takes_an_abstract_unix_name(unix_path: str) -> None:
    # Linux only: a name that starts with a zero byte is in no directory.
    await connect_over_unix(b"\0" + unix_path.encode())


@shows("SOCK-03", UNIX_SOCKETS)
async def sock_accept_accepts_over_unix(unix_path: str) -> None:
    with unix_server(unix_path) as server, socket.socket(AF_UNIX) as there:
        server.setblocking(False)
        async with under_way(asyncio.get_running_loop().sock_accept(server)) as accepting:
            there.connect(unix_path)
            here, _ = await soon(accepting)
            with here:
                there.sendall(b"hello")
                assert here.recv(100) == b"hello"


@shows("SOCK-03", UNIX_SOCKETS)
async def sock_sendall_sends_over_unix() -> None:
    here, there = socket.socketpair(AF_UNIX)
    with here, there:
        here.setblocking(False)
        await soon(asyncio.get_running_loop().sock_sendall(here, b"hello"))
        assert there.recv(100) == b"hello"


@shows("SOCK-03", UNIX_SOCKETS)
@READS
async def read_waits_over_unix(method: str) -> None:
    here, there = socket.socketpair(AF_UNIX)
    with here, there:
        here.setblocking(False)
        async with under_way(read(method, here)) as receiving:
            there.sendall(b"hello")
            assert await soon(receiving) == b"hello"


# --- much data ----------------------------------------------------------------------------------------------


@shows("SOCK-04")
@STREAMS
async def sock_sendall_sends_a_megabyte(request: pytest.FixtureRequest, in_thread: InThread, stream: str) -> None:
    here, there = request.getfixturevalue(stream)
    received = in_thread(receive_exactly, there, len(MEGABYTE))
    await soon(asyncio.get_running_loop().sock_sendall(here, MEGABYTE))
    assert received.result(PATIENCE) == MEGABYTE, "the bytes have changed on their way"


@shows("SOCK-04")
async def sock_sendall_waits_for_room(socket_pair: Pair, in_thread: InThread) -> None:
    here, there = socket_pair
    filler = fill(here)
    async with under_way(asyncio.get_running_loop().sock_sendall(here, MEGABYTE)) as sending:
        received = in_thread(receive_exactly, there, filler + len(MEGABYTE))
        await soon(sending)
    assert received.result(PATIENCE)[filler:] == MEGABYTE, "the bytes have changed on their way"


@shows("SOCK-04")
@READS
@STREAMS
async def megabyte_is_received(request: pytest.FixtureRequest, in_thread: InThread, stream: str, method: str) -> None:
    here, there = request.getfixturevalue(stream)
    sent = in_thread(there.sendall, MEGABYTE)
    received = bytearray()
    while len(received) < len(MEGABYTE):
        data = await soon(read(method, here, 1 << 18))
        assert data, f"it ended after {len(received)} bytes"
        received += data
    sent.result(PATIENCE)
    assert received == MEGABYTE, "the bytes have changed on their way"


# --- blocking sockets ---------------------------------------------------------------------------------------

# Nothing would block in these cases: a loop that does not look at the socket's mode fails instead of hanging.
# Windows' proactor waits in the kernel whatever the mode is, and does not look.


@pytest.fixture
def blocking_pair(socket_pair: Pair) -> socket.socket:
    """A connected blocking socket with data to read."""
    here, there = socket_pair
    there.sendall(b"hello")
    here.setblocking(True)
    return here


@shows("SOCK-05", POSIX)
@READS
async def read_refuses_a_blocking_socket(blocking_pair: socket.socket, method: str) -> None:
    asyncio.get_running_loop().set_debug(True)
    with pytest.raises(ValueError):
        await read(method, blocking_pair)


@shows("SOCK-05", POSIX)
async def sock_recv_refuses_a_socket_with_a_timeout(blocking_pair: socket.socket) -> None:
    asyncio.get_running_loop().set_debug(True)
    blocking_pair.settimeout(PATIENCE)
    with pytest.raises(ValueError):
        await asyncio.get_running_loop().sock_recv(blocking_pair, 100)


@shows("SOCK-05", POSIX)
async def sock_sendall_refuses_a_blocking_socket(blocking_pair: socket.socket) -> None:
    asyncio.get_running_loop().set_debug(True)
    with pytest.raises(ValueError):
        await asyncio.get_running_loop().sock_sendall(blocking_pair, b"hello")


@shows("SOCK-05", POSIX)
async def sock_connect_refuses_a_blocking_socket(listener: socket.socket) -> None:
    asyncio.get_running_loop().set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError):
        await asyncio.get_running_loop().sock_connect(sock, listener.getsockname())


@shows("SOCK-05", POSIX)
async def sock_accept_refuses_a_blocking_socket(listener: socket.socket) -> None:
    asyncio.get_running_loop().set_debug(True)
    listener.setblocking(True)
    with socket.create_connection(listener.getsockname(), PATIENCE), pytest.raises(ValueError):
        await asyncio.get_running_loop().sock_accept(listener)


@shows("SOCK-05", POSIX)
@DATAGRAM_READS
async def datagram_read_refuses_a_blocking_socket(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    here.setblocking(True)
    asyncio.get_running_loop().set_debug(True)
    with pytest.raises(ValueError):
        await read_datagram(method, here)


@shows("SOCK-05", POSIX)
async def sock_sendto_refuses_a_blocking_socket(datagrams: Pair) -> None:
    here, there = datagrams
    here.setblocking(True)
    asyncio.get_running_loop().set_debug(True)
    with pytest.raises(ValueError):
        await asyncio.get_running_loop().sock_sendto(here, b"hello", there.getsockname())


# --- connections that fail ----------------------------------------------------------------------------------


@shows("SOCK-06")
async def refused_connection_raises(client: socket.socket, closed_port: tuple[str, int]) -> None:
    with pytest.raises(ConnectionRefusedError):
        await soon(asyncio.get_running_loop().sock_connect(client, closed_port))


@shows("SOCK-06")
async def refused_connection_has_its_errno(client: socket.socket, closed_port: tuple[str, int]) -> None:
    with pytest.raises(OSError) as caught:  # the errno is the claim
        await soon(asyncio.get_running_loop().sock_connect(client, closed_port))
    assert caught.value.errno == errno.ECONNREFUSED


@shows("SOCK-06", IPV6)
async def refused_ipv6_connection_raises() -> None:
    with socket.socket(socket.AF_INET6) as deaf, non_blocking(socket.AF_INET6) as sock:
        deaf.bind(("::1", 0))
        with pytest.raises(ConnectionRefusedError):
            await soon(asyncio.get_running_loop().sock_connect(sock, deaf.getsockname()))


@shows("SOCK-06", UNIX_SOCKETS)
async def refused_unix_connection_raises(unix_path: str) -> None:
    with unix_server(unix_path):
        pass  # its file stays
    with non_blocking(AF_UNIX) as sock, pytest.raises(ConnectionRefusedError):
        await soon(asyncio.get_running_loop().sock_connect(sock, unix_path))


@shows("SOCK-06", UNIX_SOCKETS)
async def connecting_to_an_absent_unix_path_raises(unix_path: str) -> None:
    with non_blocking(AF_UNIX) as sock, pytest.raises(FileNotFoundError):
        await soon(asyncio.get_running_loop().sock_connect(sock, unix_path))


# --- accept -------------------------------------------------------------------------------------------------


@shows("SOCK-07")
async def accepted_socket_is_a_socket(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname(), PATIENCE):
        here, _ = await soon(asyncio.get_running_loop().sock_accept(server))
        with here:
            assert isinstance(here, socket.socket)


@shows("SOCK-07")
async def accepted_socket_does_not_block(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname(), PATIENCE):
        here, _ = await soon(asyncio.get_running_loop().sock_accept(server))
        with here:
            assert here.gettimeout() == 0


@shows("SOCK-07")
async def sock_accept_returns_the_address_of_the_peer(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname(), PATIENCE) as there:
        here, address = await soon(asyncio.get_running_loop().sock_accept(server))
        with here:
            assert address == there.getsockname()


@shows("SOCK-07")
async def each_sock_accept_takes_one_connection(server: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        theirs = [stack.enter_context(socket.create_connection(server.getsockname(), PATIENCE)) for _ in range(3)]
        ours = [stack.enter_context((await soon(loop.sock_accept(server)))[0]) for _ in range(3)]
        assert {sock.getpeername() for sock in ours} == {sock.getsockname() for sock in theirs}


@shows("SOCK-07")
async def cancelled_sock_accept_leaves_the_next_connection(server: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_accept(server)):
        pass  # it is cancelled here, before anybody connects: see gh-153761 for what may happen after
    with socket.create_connection(server.getsockname(), PATIENCE) as there:
        here, address = await soon(loop.sock_accept(server))
        with here:
            assert address == there.getsockname()


# --- after a cancelled operation ----------------------------------------------------------------------------


@shows("SOCK-08")
@READS
async def read_after_a_cancelled_one_gets_the_data(socket_pair: Pair, method: str) -> None:
    here, there = socket_pair
    async with under_way(read(method, here)):
        pass
    async with under_way(read(method, here)) as receiving:
        there.sendall(b"hello")
        assert await soon(receiving) == b"hello"


@shows("SOCK-08")
@READS
async def read_after_a_timeout_gets_the_data(socket_pair: Pair, method: str) -> None:
    here, there = socket_pair
    with pytest.raises(TimeoutError):
        await soon(asyncio.wait_for(read(method, here), 0.001))
    async with under_way(read(method, here)) as receiving:
        there.sendall(b"hello")
        assert await soon(receiving) == b"hello"


async def after_a_few_turns(action: Callable[..., object], *arguments: Any) -> None:
    """Do something when what was cancelled just now has ended."""
    await settle(5)
    action(*arguments)


@shows("SOCK-08")
@READS
async def read_next_to_the_one_being_cancelled_gets_the_data(socket_pair: Pair, method: str) -> None:
    """The second read waits before the first has ended, which must not take the watch away from it."""
    here, there = socket_pair
    async with under_way(read(method, here)) as cancelled, asyncio.timeout(PATIENCE):
        sending = asyncio.ensure_future(after_a_few_turns(there.sendall, b"hello"))
        cancelled.cancel()
        # Not in a task of its own: it has to begin now, before the loop turns.
        assert await read(method, here) == b"hello"
        await sending


# A kernel that completes operations may have taken the bytes already: Windows' proactor loses them.
@shows("SOCK-08", POSIX)
@READS
async def cancelled_read_loses_nothing_that_arrived_before(socket_pair: Pair, method: str) -> None:
    here, there = socket_pair
    async with under_way(read(method, here)) as cancelled:
        there.sendall(b"hello")
        cancelled.cancel()
        assert await soon(read(method, here)) == b"hello"


@shows("SOCK-08")
@READS
async def write_is_not_disturbed_by_a_cancelled_read(socket_pair: Pair, method: str) -> None:
    here, there = socket_pair
    filler = fill(here)
    async with under_way(asyncio.get_running_loop().sock_sendall(here, b"hello")) as sending:
        async with under_way(read(method, here)):
            pass
        assert len(receive_exactly(there, filler)) == filler
        await soon(sending)


@shows("SOCK-08")
@DATAGRAM_READS
async def datagram_read_after_a_cancelled_one_gets_the_datagram(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    async with under_way(read_datagram(method, here)):
        pass
    async with under_way(read_datagram(method, here)) as receiving:
        there.sendto(b"hello", here.getsockname())
        data, _ = await soon(receiving)
        assert data == b"hello"


@shows("SOCK-09")
async def write_after_a_cancelled_one_is_sent(socket_pair: Pair) -> None:
    here, there = socket_pair
    filler = fill(here)
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_sendall(here, b"cancelled")):
        pass
    async with under_way(loop.sock_sendall(here, b"sent")) as sending:
        receive_exactly(there, filler)
        await soon(sending)
    here.close()
    # How much of the cancelled one was sent is nobody's promise.
    assert receive_all(there).endswith(b"sent")


@shows("SOCK-09")
async def write_next_to_the_one_being_cancelled_is_sent(socket_pair: Pair) -> None:
    """The second write waits before the first has ended, which must not take the watch away from it."""
    here, there = socket_pair
    filler = fill(here)
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_sendall(here, b"cancelled")) as cancelled, asyncio.timeout(PATIENCE):
        receiving = asyncio.ensure_future(after_a_few_turns(receive_exactly, there, filler))
        cancelled.cancel()
        # Not in a task of its own: it has to begin now, before the loop turns.
        await loop.sock_sendall(here, b"sent")
        await receiving
    here.close()
    assert receive_all(there).endswith(b"sent")


@shows("SOCK-09")
async def read_is_not_disturbed_by_a_cancelled_write(socket_pair: Pair) -> None:
    here, there = socket_pair
    fill(here)
    loop = asyncio.get_running_loop()
    async with under_way(loop.sock_recv(here, 100)) as receiving:
        async with under_way(loop.sock_sendall(here, b"cancelled")):
            pass
        there.sendall(b"hello")
        assert await soon(receiving) == b"hello"


async def cancel_a_connection(sock: socket.socket, address: object) -> None:
    """Cancel a sock_connect() when the kernel has been asked, and most likely before it has answered."""
    connecting = asyncio.ensure_future(asyncio.get_running_loop().sock_connect(sock, address))  # type: ignore[arg-type]
    while sock.getsockname()[1] == 0 and not connecting.done():
        await settle(1)  # connect() gives the socket its port
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)


# A second connect() on a socket whose first one went through meanwhile succeeds on Linux; BSDs, macOS and
# Windows call it an error, and no loop can help that.
@shows("SOCK-10", LINUX)
async def sock_connect_after_a_cancelled_one_connects(listener: socket.socket, client: socket.socket) -> None:
    await cancel_a_connection(client, listener.getsockname())
    await soon(asyncio.get_running_loop().sock_connect(client, listener.getsockname()))
    there, _ = listener.accept()
    with there:
        assert there.getpeername() == client.getsockname()


@shows("SOCK-10", LINUX)
async def socket_is_read_after_a_cancelled_sock_connect(listener: socket.socket, client: socket.socket) -> None:
    """What the cancelled operation watched for does not stand in the way of the next one."""
    await cancel_a_connection(client, listener.getsockname())
    there, _ = listener.accept()  # the kernel connects all the same
    with there:
        async with under_way(asyncio.get_running_loop().sock_recv(client, 100)) as receiving:
            there.sendall(b"hello")
            assert await soon(receiving) == b"hello"


@shows("SOCK-23", LINUX)
async def cancelled_sock_connect_watches_no_more(listener: socket.socket, client: socket.socket) -> None:
    await cancel_a_connection(client, listener.getsockname())
    await settle()
    assert not asyncio.get_running_loop().remove_writer(client.fileno())


@shows("SOCK-11")
@STUCK
async def cancelled_operation_ends_at_once(stuck: Stuck) -> None:
    async with under_way(stuck.start()) as operation:
        operation.cancel()
        await asyncio.wait({operation}, timeout=PATIENCE)
        assert operation.cancelled()


@shows("SOCK-11")
@STUCK
async def cancelled_operation_ends_at_once_when_a_timeout_cancels_it(stuck: Stuck) -> None:
    with pytest.raises(TimeoutError):
        await soon(asyncio.wait_for(stuck.start(), 0.001))


@shows("SOCK-11")
@DATAGRAM_READS
async def cancelled_datagram_read_ends_at_once(datagrams: Pair, method: str) -> None:
    here, _ = datagrams
    async with under_way(read_datagram(method, here)) as operation:
        operation.cancel()
        await asyncio.wait({operation}, timeout=PATIENCE)
        assert operation.cancelled()


# --- datagrams ----------------------------------------------------------------------------------------------


@shows("SOCK-12")
@DATAGRAM_READS
async def datagram_is_received_with_its_sender(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    assert await soon(read_datagram(method, here)) == (b"hello", there.getsockname())


@shows("SOCK-12")
@DATAGRAM_READS
async def datagram_is_waited_for(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    async with under_way(read_datagram(method, here)) as receiving:
        there.sendto(b"hello", here.getsockname())
        assert await soon(receiving) == (b"hello", there.getsockname())


@shows("SOCK-12")
@DATAGRAM_READS
async def datagrams_stay_apart(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    for data in b"one", b"", b"three":
        there.sendto(data, here.getsockname())
    assert [(await soon(read_datagram(method, here)))[0] for _ in range(3)] == [b"one", b"", b"three"]


@shows("SOCK-12", IPV6)
@DATAGRAM_READS
async def ipv6_datagram_is_received_with_its_sender(method: str) -> None:
    with (
        non_blocking(socket.AF_INET6, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as there,
    ):
        for sock in here, there:
            sock.bind(("::1", 0))
        there.sendto(b"hello", here.getsockname())
        assert await soon(read_datagram(method, here)) == (b"hello", there.getsockname())


@shows("SOCK-12")
async def sock_recvfrom_into_leaves_the_rest_of_the_buffer(datagrams: Pair) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    buffer = bytearray(b"........")
    await soon(asyncio.get_running_loop().sock_recvfrom_into(here, buffer))
    assert buffer == b"hello..."


@shows("SOCK-12", POSIX)
async def sock_recvfrom_takes_no_more_than_its_size(datagrams: Pair) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    there.sendto(b"world", here.getsockname())
    loop = asyncio.get_running_loop()
    assert [(await soon(loop.sock_recvfrom(here, size)))[0] for size in (3, 5)] == [b"hel", b"world"]


# POSIX cuts a datagram to the size asked for; on Windows one that does not fit is an error.
@shows("SOCK-12", POSIX)
async def sock_recvfrom_into_takes_no_more_than_nbytes(datagrams: Pair) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    buffer = bytearray(b"........")
    await soon(asyncio.get_running_loop().sock_recvfrom_into(here, buffer, 3))
    assert buffer == b"hel....."


@shows("SOCK-12")
async def sock_sendto_sends_to_an_address(datagrams: Pair) -> None:
    here, there = datagrams
    await soon(asyncio.get_running_loop().sock_sendto(here, b"hello", there.getsockname()))
    assert there.recvfrom(100) == (b"hello", here.getsockname())


@shows("SOCK-12")
async def sock_sendto_returns_the_number_of_bytes(datagrams: Pair) -> None:
    here, there = datagrams
    assert await soon(asyncio.get_running_loop().sock_sendto(here, b"hello", there.getsockname())) == 5


@shows("SOCK-12", IPV6)
async def sock_sendto_sends_to_an_ipv6_address() -> None:
    with (
        non_blocking(socket.AF_INET6, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as there,
    ):
        there.bind(("::1", 0))
        there.settimeout(PATIENCE)
        await soon(asyncio.get_running_loop().sock_sendto(here, b"hello", there.getsockname()))
        assert there.recv(100) == b"hello"


@shows("SOCK-13")
async def sock_recvfrom_into_refuses_more_than_the_buffer_holds(datagrams: Pair) -> None:
    here, there = datagrams
    there.sendto(b"hello", here.getsockname())
    with pytest.raises(ValueError):
        await soon(asyncio.get_running_loop().sock_recvfrom_into(here, bytearray(8), 9))


# Linux makes the sender of Unix datagrams wait for the reader; elsewhere having no room is an error.
@shows("SOCK-14", LINUX)
async def sock_sendto_waits_for_room(unix_path: str) -> None:
    with (
        non_blocking(AF_UNIX, socket.SOCK_DGRAM) as here,
        socket.socket(AF_UNIX, socket.SOCK_DGRAM) as there,
    ):
        there.bind(unix_path)
        there.settimeout(PATIENCE)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                here.sendto(bytes(1000), unix_path)
                sent += 1
        async with under_way(asyncio.get_running_loop().sock_sendto(here, b"hello", unix_path)) as sending:
            for _ in range(sent):
                there.recv(1000)
            await soon(sending)
        assert there.recv(1000) == b"hello"


@shows("SOCK-11", LINUX)
async def cancelled_sock_sendto_ends_at_once(unix_path: str) -> None:
    with (
        non_blocking(AF_UNIX, socket.SOCK_DGRAM) as here,
        socket.socket(AF_UNIX, socket.SOCK_DGRAM) as there,
    ):
        there.bind(unix_path)
        there.settimeout(PATIENCE)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                here.sendto(bytes(1000), unix_path)
                sent += 1
        loop = asyncio.get_running_loop()
        async with under_way(loop.sock_sendto(here, b"cancelled", unix_path)) as sending:
            sending.cancel()
            await asyncio.wait({sending}, timeout=PATIENCE)
            assert sending.cancelled()
        received = [there.recv(1000) for _ in range(sent)]
        await soon(loop.sock_sendto(here, b"next", unix_path))
        assert there.recv(1000) == b"next"
        assert set(received) == {bytes(1000)}


# --- addresses ----------------------------------------------------------------------------------------------


# Windows' proactor takes no names: https://github.com/python/cpython/issues/89696
@shows("SOCK-15", POSIX)
async def sock_connect_resolves_a_name_for_an_ipv4_socket(listener: socket.socket, client: socket.socket) -> None:
    port = listener.getsockname()[1]
    await soon(asyncio.get_running_loop().sock_connect(client, ("localhost", port)))
    assert client.getpeername() == ("127.0.0.1", port)


@shows("SOCK-15", POSIX, LOCALHOST_IPV6)
async def sock_connect_resolves_a_name_for_an_ipv6_socket() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        with non_blocking(socket.AF_INET6) as sock:
            await soon(asyncio.get_running_loop().sock_connect(sock, ("localhost", port)))
            assert sock.getpeername()[:2] == ("::1", port)


@shows("SOCK-15")
async def sock_connect_refuses_an_address_of_another_family(client: socket.socket) -> None:
    with pytest.raises(OSError):  # which one is up to the resolver
        await soon(asyncio.get_running_loop().sock_connect(client, ("::1", 1)))


async def connect_to_ipv6(fields: int) -> None:
    """Connect to an address of which so many fields are given: host, port, flow and scope."""
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        non_blocking(socket.AF_INET6) as sock,
    ):
        await soon(asyncio.get_running_loop().sock_connect(sock, server.getsockname()[:fields]))
        assert sock.getpeername() == server.getsockname()


@shows("SOCK-16", IPV6)
async def sock_connect_takes_a_whole_ipv6_address() -> None:
    await connect_to_ipv6(4)


# Windows' proactor takes two fields for IPv4.
@shows("SOCK-16", POSIX, IPV6)
@pytest.mark.parametrize("fields", [2, 3])
async def sock_connect_takes_a_short_ipv6_address(fields: int) -> None:
    await connect_to_ipv6(fields)


@shows("SOCK-20")
@pytest.mark.parametrize("turns", [-1, 1])
async def port_out_of_range_is_not_wrapped(listener: socket.socket, client: socket.socket, turns: int) -> None:
    """Somebody listens where the port would be if only its low 16 bits counted."""
    host, port = listener.getsockname()
    with pytest.raises((OverflowError, ValueError, OSError)):
        await soon(asyncio.get_running_loop().sock_connect(client, (host, port + turns * 65536)))


@shows("SOCK-20", IPV6)
async def ipv6_flow_out_of_range_is_not_wrapped() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        non_blocking(socket.AF_INET6) as sock,
    ):
        host, port, _, _ = server.getsockname()
        with pytest.raises((OverflowError, ValueError, OSError)):
            await soon(asyncio.get_running_loop().sock_connect(sock, (host, port, 1 << 20, 0)))


@shows("SOCK-20")
@pytest.mark.parametrize("turns", [-1, 1])
async def port_of_a_datagram_out_of_range_is_not_wrapped(datagrams: Pair, turns: int) -> None:
    here, there = datagrams
    host, port = there.getsockname()
    with pytest.raises((OverflowError, ValueError, OSError)):
        await soon(asyncio.get_running_loop().sock_sendto(here, b"hello", (host, port + turns * 65536)))


# --- closing ------------------------------------------------------------------------------------------------


@shows("SOCK-17")
@pytest.mark.parametrize("method", ["sock_recv", "sock_recv_into", "sock_sendall"])
def socket_is_closed_under_a_pending_operation(run: Run, observe: Observe, socket_pair: Pair, method: str) -> None:
    """Whether the loop keeps the socket open until the operation has ended, and how it ends if not.

    With select() a closed descriptor breaks the whole loop.
    """
    here, there = socket_pair
    filler = fill(here) if method == "sock_sendall" else 0

    async def main() -> None:
        if method == "sock_sendall":
            operation: asyncio.Future[object] = asyncio.ensure_future(
                asyncio.get_running_loop().sock_sendall(here, b"hello")
            )
        else:
            operation = asyncio.ensure_future(read(method, here))
        await settle()
        here.close()
        observe("the socket is closed at once" if here.fileno() == -1 else "the socket stays open")
        with contextlib.suppress(OSError):
            receive_exactly(there, filler)
            there.sendall(b"hello")
        await asyncio.wait({operation}, timeout=0.02)
        if not operation.done():
            observe("the operation waits on")
            operation.cancel()
            await asyncio.wait({operation}, timeout=PATIENCE)
        elif error := operation.exception():
            observe(f"the operation ends with {error!r}")
        else:
            observe("the operation ends well")

    try:
        run(main)
    except OSError as error:
        observe(f"the loop breaks with {error!r}")


@shows("SOCK-17")
async def socket_is_closed_under_a_pending_sock_connect(
    listener: socket.socket, client: socket.socket, observe: Observe
) -> None:
    loop = asyncio.get_running_loop()
    connecting = asyncio.ensure_future(loop.sock_connect(client, listener.getsockname()))
    loop.call_soon(client.close)
    await asyncio.wait({connecting}, timeout=0.02)
    if not connecting.done():
        observe("the operation waits on")
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=PATIENCE)
    else:
        observe(f"the operation ends with {connecting.exception()!r}")


@shows("SOCK-18")
@pytest.mark.parametrize("method", ["sock_recv", "sock_recv_into", "sock_sendall"])
async def socket_closes_after_a_cancelled_operation(stuck: Stuck, socket_pair: Pair) -> None:
    _, there = socket_pair
    async with under_way(stuck.start()):
        pass
    stuck.sock.close()
    assert stuck.sock.fileno() == -1, "the socket is kept open"
    receive_all(there)  # ends only when the kernel has closed it too


@shows("SOCK-18")
async def server_closes_after_a_cancelled_sock_accept(server: socket.socket) -> None:
    address = server.getsockname()
    async with under_way(asyncio.get_running_loop().sock_accept(server)):
        pass
    server.close()
    assert server.fileno() == -1, "the socket is kept open"
    with socket.socket() as there:
        there.settimeout(PATIENCE)
        with pytest.raises(ConnectionRefusedError):
            there.connect(address)


@shows("SOCK-18")
@STUCK
async def next_socket_is_not_taken_for_the_closed_one(stuck: Stuck) -> None:
    """A new socket gets the lowest free descriptor, the closed one's: the loop must have forgotten that."""
    async with under_way(stuck.start()):
        pass
    stuck.sock.close()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        async with under_way(read("sock_recv", here)) as receiving:
            there.sendall(b"hello")
            assert await soon(receiving) == b"hello"


@shows("SOCK-19")
@READS
@pytest.mark.parametrize("first", ["socket", "loop"])
def closing_the_loop_releases_the_socket_it_waits_on(
    loop: asyncio.AbstractEventLoop, socket_pair: Pair, method: str, first: str
) -> None:
    here, there = socket_pair
    loop.set_exception_handler(lambda _loop, _context: None)  # the task dies waiting, and rightly complains
    receiving = loop.create_task(read(method, here))
    turn(loop, 3)
    assert not receiving.done()
    for close in [here.close, loop.close] if first == "socket" else [loop.close, here.close]:
        close()
    assert here.fileno() == -1, "the socket is kept open"
    assert there.recv(1) == b""


# --- errors -------------------------------------------------------------------------------------------------


@shows("SOCK-21")
@READS
async def reset_reaches_a_waiting_read(tcp_pair: Pair, method: str) -> None:
    here, there = tcp_pair
    async with under_way(read(method, here)) as receiving:
        reset(there)
        with pytest.raises(ConnectionResetError):
            await soon(receiving)


@shows("SOCK-21")
async def end_of_the_peer_reaches_a_waiting_write(socket_pair: Pair) -> None:
    here, there = socket_pair
    fill(here)
    async with under_way(asyncio.get_running_loop().sock_sendall(here, b"hello")) as sending:
        there.close()
        with pytest.raises(ConnectionError):  # a broken pipe or a reset: kernels differ
            await soon(sending)


# Linux alone wakes up who waits on a listener that is shut down.
@shows("SOCK-21", LINUX)
async def shutdown_reaches_a_waiting_sock_accept(server: socket.socket) -> None:
    async with under_way(asyncio.get_running_loop().sock_accept(server)) as accepting:
        server.shutdown(socket.SHUT_RD)
        with pytest.raises(OSError) as caught:  # the errno is the claim
            await soon(accepting)
        assert caught.value.errno == errno.EINVAL


# Linux tells a connected UDP socket that its datagram was refused; others tell it on the next send, or never.
@shows("SOCK-21", LINUX)
@DATAGRAM_READS
async def refusal_reaches_a_waiting_datagram_read(datagrams: Pair, method: str) -> None:
    here, there = datagrams
    here.connect(there.getsockname())
    async with under_way(read_datagram(method, here)) as receiving:
        there.close()
        here.send(b"is anybody there?")
        with pytest.raises(ConnectionRefusedError):
            await soon(receiving)


@shows("SOCK-21")
@READS
async def read_of_an_unconnected_socket_raises(client: socket.socket, method: str) -> None:
    with pytest.raises(OSError):  # ENOTCONN, or its relatives
        await soon(read(method, client))


@shows("SOCK-21")
async def write_to_an_unconnected_socket_raises(client: socket.socket) -> None:
    with pytest.raises(OSError):  # ENOTCONN or EPIPE
        await soon(asyncio.get_running_loop().sock_sendall(client, b"hello"))


# --- and then a transport -----------------------------------------------------------------------------------


class Greeter(asyncio.Protocol):
    """Writes a greeting and keeps the answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"hello")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@shows("SOCK-22")
async def connection_is_made_of_a_connected_socket(listener: socket.socket, client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await soon(loop.sock_connect(client, listener.getsockname()))
    there, _ = listener.accept()
    with there:
        there.settimeout(PATIENCE)
        there.sendall(b"welcome")
        transport, greeter = await soon(loop.create_connection(Greeter, sock=client))
        assert await soon(greeter.answer) == b"welcome"
        assert receive_exactly(there, 5) == b"hello"
        transport.close()
        await soon(greeter.lost)
