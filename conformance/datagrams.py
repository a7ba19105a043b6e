"""UDP: create_datagram_endpoint() and the transports of datagrams.

A datagram is sent whole or not at all, and received whole, with the address it came from. An endpoint has no
connection that could end: what goes wrong with one datagram is told to the protocol by error_received(), and the
next one is sent and received as if nothing had happened. connection_lost() comes once, after close() or abort().
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon
from .gates import IPV6, LINUX, POSIX, Gate, descriptors
from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from .peers import InThread
    from .subject import Observe

AF_UNIX: int = getattr(socket, "AF_UNIX", -1)
SO_REUSEPORT: int = getattr(socket, "SO_REUSEPORT", -1)

LOCALHOST = ("127.0.0.1", 0)
EVERYBODY = "255.255.255.255"
TOO_LARGE = bytes(70_000)  # the length of a datagram has 16 bits, of which headers take a part
LARGE = (bytes(range(251)) * 36)[:9000]  # macOS lets none pass that has more than 9,216 bytes

ENDINGS = pytest.mark.parametrize("how", ["close", "abort"])

# A size that never came back to zero left protocols paused: gh-135444.
EXACT_SIZES = Gate("python-3.14", "needs Python 3.14 (gh-135444)", lambda: sys.version_info >= (3, 14))


def _localhost_has(family: int, address: str) -> bool:
    try:
        found = socket.getaddrinfo("localhost", 0, family=family, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return found[0][4][0] == address


LOCALHOST_IPV4 = Gate(
    "localhost-ipv4", "needs a localhost that is 127.0.0.1", lambda: _localhost_has(socket.AF_INET, "127.0.0.1")
)
LOCALHOST_IPV6 = Gate(
    "localhost-ipv6",
    "needs a localhost that is ::1 too",
    lambda: IPV6.holds() and _localhost_has(socket.AF_INET6, "::1"),
)


class Receiver(asyncio.DatagramProtocol):
    """Keeps what a transport tells its protocol, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.transport: Any = None
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self._news.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._called("connection_made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))
        self._called("datagram_received")

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self._called("error_received")

    def connection_lost(self, exc: Exception | None) -> None:
        self._called("connection_lost")
        if not self.lost.done():
            self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self._called("pause_writing")

    def resume_writing(self) -> None:
        self._called("resume_writing")

    @property
    def data(self) -> list[bytes]:
        """What was received, without the senders."""
        return [data for data, _ in self.received]

    async def is_told(self, call: str, times: int = 1) -> None:
        """Wait for a call, or for so many."""

        async def until() -> None:
            while self.calls.count(call) < times:
                self._news.clear()
                await self._news.wait()

        await soon(until())


@contextlib.asynccontextmanager
async def endpoint(factory: Callable[[], Receiver] = Receiver, **options: Any) -> AsyncIterator[tuple[Any, Receiver]]:
    """Make an endpoint; it is closed at the end, what it has not sent is dropped."""
    transport: Any
    transport, receiver = await soon(asyncio.get_running_loop().create_datagram_endpoint(factory, **options))
    try:
        yield transport, receiver
    finally:
        transport.close()
        await settle()
        if not receiver.lost.done():
            transport.abort()
        await asyncio.wait({receiver.lost}, timeout=PATIENCE)
        await settle(1)


def bound(family: int = socket.AF_INET, address: Any = LOCALHOST) -> socket.socket:
    """Return a socket for datagrams that blocks, with patience."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    sock.settimeout(PATIENCE)
    return sock


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """A UDP socket of the peer."""
    with bound() as sock:
        yield sock


@pytest.fixture
def peer6() -> Iterator[socket.socket]:
    """A UDP socket of the peer, over IPv6."""
    with bound(socket.AF_INET6, ("::1", 0)) as sock:
        yield sock


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A UDP socket that takes nothing from anybody: it is connected to itself.

    To whoever else sends there, the port is closed; and it cannot become somebody else's meanwhile.
    """
    with bound() as sock:
        sock.connect(sock.getsockname())
        yield sock


def address_of(transport: Any) -> Any:
    """Return where an endpoint can be sent to."""
    return transport.get_extra_info("sockname")


async def arrived(peer: socket.socket, in_thread: InThread) -> tuple[bytes, Any]:
    """Receive one datagram in a peer's thread, while the loop runs."""
    return await soon(asyncio.wrap_future(in_thread(peer.recvfrom, 65536)))


async def all_arrived(peer: socket.socket, in_thread: InThread, count: int) -> list[bytes]:
    """Receive so many datagrams in a peer's thread, while the loop runs."""
    return await soon(asyncio.wrap_future(in_thread(lambda: [peer.recv(65536) for _ in range(count)])))


# --- endpoints ----------------------------------------------------------------------------------------------


@shows("UDP-01")
async def endpoint_is_a_transport_and_its_protocol() -> None:
    made: list[Receiver] = []

    def factory() -> Receiver:
        made.append(Receiver())
        return made[-1]

    async with endpoint(factory, local_addr=LOCALHOST) as (transport, receiver):
        assert made == [receiver]
        assert receiver.transport is transport


@shows("UDP-01")
async def connection_is_made_before_the_endpoint_is_returned() -> None:
    async with endpoint(local_addr=LOCALHOST) as (_, receiver):
        assert receiver.calls == ["connection_made"]


@shows("UDP-01")
async def endpoint_can_send_while_its_connection_is_made(peer: socket.socket, in_thread: InThread) -> None:
    class Eager(Receiver):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.sendto(b"hello", peer.getsockname())

    async with endpoint(Eager, local_addr=LOCALHOST):
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-01")
async def endpoint_with_local_addr_is_bound_there() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        host, port = address_of(transport)
        assert host == "127.0.0.1"
        assert port != 0


@shows("UDP-01")
async def address_that_is_taken_is_refused(peer: socket.socket) -> None:
    with pytest.raises(OSError):
        async with endpoint(local_addr=peer.getsockname()):
            pass


@shows("UDP-01")
async def bound_endpoint_sends(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(b"hello", peer.getsockname())
        assert await arrived(peer, in_thread) == (b"hello", address_of(transport))


@shows("UDP-01")
async def address_can_be_named(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(data=b"hello", addr=peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-01")
async def bound_endpoint_receives(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        peer.sendto(b"hello", address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.received == [(b"hello", peer.getsockname())]


@shows("UDP-01")
async def received_datagram_is_bytes(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        peer.sendto(b"hello", address_of(transport))
        await receiver.is_told("datagram_received")
        assert type(receiver.data[0]) is bytes


@shows("UDP-01")
async def datagram_wakes_the_loop(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        in_thread(peer.sendto, b"hello", address_of(transport))
        await receiver.is_told("datagram_received")


@shows("UDP-01")
async def bound_endpoint_receives_from_several_peers() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(bound()) for _ in range(3)]
            for number, peer in enumerate(peers):
                peer.sendto(b"%d" % number, address_of(transport))
            await receiver.is_told("datagram_received", 3)
            assert receiver.received == [(b"%d" % number, peer.getsockname()) for number, peer in enumerate(peers)]


@shows("UDP-01")
async def connected_endpoint_sends(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, _):
        transport.sendto(b"hello")
        assert await arrived(peer, in_thread) == (b"hello", address_of(transport))


@shows("UDP-01")
async def connected_endpoint_receives(peer: socket.socket) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, receiver):
        peer.sendto(b"hello", address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.received == [(b"hello", peer.getsockname())]


@shows("UDP-01")
async def connected_endpoint_hears_nobody_else(peer: socket.socket) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, receiver):
        with bound() as stranger:
            stranger.sendto(b"psst", address_of(transport))
            peer.sendto(b"hello", address_of(transport))
            await receiver.is_told("datagram_received")
            assert receiver.data == [b"hello"]


@shows("UDP-01")
async def connected_endpoint_knows_its_peer(peer: socket.socket) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, _):
        assert transport.get_extra_info("peername") == peer.getsockname()


@shows("UDP-01")
async def bound_endpoint_has_no_peer() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        assert transport.get_extra_info("peername") is None


@shows("UDP-01")
async def endpoint_can_be_bound_and_connected(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST, remote_addr=peer.getsockname()) as (transport, receiver):
        transport.sendto(b"hello")
        _, sender = await arrived(peer, in_thread)
        peer.sendto(b"answer", sender)
        await receiver.is_told("datagram_received")
        assert (sender, receiver.data) == (address_of(transport), [b"answer"])


@shows("UDP-01")
async def large_datagram_is_received_whole(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        peer.sendto(LARGE, address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.data == [LARGE]


@shows("UDP-01")
async def large_datagram_is_sent_whole(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(LARGE, peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == LARGE


@shows("UDP-01")
async def datagrams_are_sent_in_order(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        for number in range(50):
            transport.sendto(b"%d" % number, peer.getsockname())
        assert await all_arrived(peer, in_thread, 50) == [b"%d" % number for number in range(50)]


@shows("UDP-01")
async def closed_endpoint_loses_its_connection_once() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.close()
        transport.close()
        assert await soon(receiver.lost) is None
        await settle()
        assert receiver.calls == ["connection_made", "connection_lost"]


@shows("UDP-01")
async def connection_is_not_lost_inside_close() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.close()
        assert receiver.calls == ["connection_made"]
        await soon(receiver.lost)


@shows("UDP-01")
async def closed_endpoint_is_closing() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        before = transport.is_closing()
        transport.close()
        at_once = transport.is_closing()
        await soon(receiver.lost)
        assert (before, at_once, transport.is_closing()) == (False, True, True)


@shows("UDP-01")
async def closed_endpoint_gives_its_port_back() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        address = address_of(transport)
        transport.close()
        await soon(receiver.lost)
        await settle()
        with bound(address=address):
            pass


@shows("UDP-01")
async def protocol_can_be_replaced(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        heir = Receiver()
        transport.set_protocol(heir)
        peer.sendto(b"hello", address_of(transport))
        await heir.is_told("datagram_received")
        assert (transport.get_protocol(), receiver.data, heir.data) == (heir, [], [b"hello"])
        transport.set_protocol(receiver)


@shows("UDP-01")
async def endpoints_of_one_loop_talk_to_each_other() -> None:
    class Echo(Receiver):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data.upper(), addr)

    async with (
        endpoint(Echo, local_addr=LOCALHOST) as (echo, _),
        endpoint(remote_addr=address_of(echo)) as (transport, receiver),
    ):
        for number in range(10):
            transport.sendto(b"hello %d" % number)
        await receiver.is_told("datagram_received", 10)
        assert receiver.data == [b"HELLO %d" % number for number in range(10)]


@shows("UDP-01", descriptors(64))
async def many_endpoints_receive_each_its_own(peer: socket.socket) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(endpoint(local_addr=LOCALHOST)) for _ in range(32)]
        for number, (transport, _) in reversed([*enumerate(ends)]):
            peer.sendto(b"%d" % number, address_of(transport))
        for _, receiver in ends:
            await receiver.is_told("datagram_received")
        assert [receiver.data for _, receiver in ends] == [[b"%d" % number] for number in range(32)]


@shows("UDP-01")
async def endpoint_works_in_debug_mode(peer: socket.socket, in_thread: InThread) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(b"hello", peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


# --- how addresses are resolved -----------------------------------------------------------------------------


@shows("UDP-01", LOCALHOST_IPV4)
async def local_host_name_is_resolved() -> None:
    async with endpoint(local_addr=("localhost", 0), family=socket.AF_INET) as (transport, _):
        assert address_of(transport)[0] == "127.0.0.1"


@shows("UDP-01", LOCALHOST_IPV4)
async def remote_host_name_is_resolved(peer: socket.socket, in_thread: InThread) -> None:
    port = peer.getsockname()[1]
    async with endpoint(remote_addr=("localhost", port), family=socket.AF_INET) as (transport, _):
        transport.sendto(b"hello")
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-01", LOCALHOST_IPV4, LOCALHOST_IPV6)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
async def family_chooses_among_the_addresses_of_a_name(family: socket.AddressFamily) -> None:
    async with endpoint(local_addr=("localhost", 0), family=family) as (transport, _):
        assert transport.get_extra_info("socket").family == family


@shows("UDP-01")
async def address_of_another_family_is_refused() -> None:
    with pytest.raises(OSError):
        async with endpoint(local_addr=LOCALHOST, family=socket.AF_INET6):
            pass


@shows("UDP-01")
async def flags_are_for_getaddrinfo() -> None:
    with pytest.raises(socket.gaierror):
        async with endpoint(local_addr=("localhost", 0), flags=socket.AI_NUMERICHOST):
            pass


@shows("UDP-01")
async def proto_is_for_getaddrinfo() -> None:
    """TCP carries no datagrams."""
    with pytest.raises(OSError):
        async with endpoint(local_addr=("localhost", 0), proto=socket.IPPROTO_TCP):
            pass


@shows("UDP-01")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("moment", ["before it begins", "while it begins", "in the factory", "in connection_made"])
async def cancelled_creation_leaves_no_endpoint(host: str, moment: str) -> None:
    """Wherever the cancellation hits, a connection that was made is lost, and no descriptor stays open.

    Not after so many turns of the loop: a thread may resolve the host, which takes as many as it takes.
    """
    made: list[Receiver] = []

    class Cancelling(Receiver):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)
            if moment == "in the factory":
                creating.cancel()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if moment == "in connection_made":
                creating.cancel()

    loop = asyncio.get_running_loop()
    creating = asyncio.ensure_future(loop.create_datagram_endpoint(Cancelling, local_addr=(host, 0)))
    await settle(1 if moment == "while it begins" else 0)
    if not moment.startswith("in "):
        creating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        transport, _ = await soon(creating)
        transport.close()  # it was finished before
    await settle()
    for receiver in made:
        if receiver.calls:
            await asyncio.wait({receiver.lost}, timeout=1)
            assert receiver.calls == ["connection_made", "connection_lost"]


# --- IPv6 ---------------------------------------------------------------------------------------------------


@shows("UDP-02", IPV6)
async def endpoint_is_bound_over_ipv6() -> None:
    async with endpoint(local_addr=("::1", 0)) as (transport, _):
        host, _, flow_info, scope_id = address_of(transport)
        assert (host, flow_info, scope_id) == ("::1", 0, 0)


@shows("UDP-02", IPV6)
async def datagram_is_received_over_ipv6(peer6: socket.socket) -> None:
    async with endpoint(local_addr=("::1", 0)) as (transport, receiver):
        peer6.sendto(b"hello", address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.received == [(b"hello", peer6.getsockname())]


@shows("UDP-02", IPV6)
async def datagram_is_sent_over_ipv6(peer6: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=("::1", 0)) as (transport, _):
        transport.sendto(b"hello", peer6.getsockname())
        assert await arrived(peer6, in_thread) == (b"hello", address_of(transport))


@shows("UDP-02", IPV6)
async def endpoint_is_connected_over_ipv6(peer6: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=peer6.getsockname()[:2]) as (transport, receiver):
        transport.sendto(b"hello")
        _, sender = await arrived(peer6, in_thread)
        peer6.sendto(b"answer", sender)
        await receiver.is_told("datagram_received")
        assert receiver.received == [(b"answer", peer6.getsockname())]


# --- a socket of the caller's -------------------------------------------------------------------------------


@shows("UDP-03")
async def given_socket_is_used(peer: socket.socket, in_thread: InThread) -> None:
    with bound() as sock:
        address = sock.getsockname()
        async with endpoint(sock=sock) as (transport, receiver):
            transport.sendto(b"hello", peer.getsockname())
            assert await arrived(peer, in_thread) == (b"hello", address)
            peer.sendto(b"answer", address)
            await receiver.is_told("datagram_received")
            assert receiver.received == [(b"answer", peer.getsockname())]


@shows("UDP-03")
async def data_in_the_given_socket_is_received(peer: socket.socket) -> None:
    with bound() as sock:
        peer.sendto(b"early", sock.getsockname())
        async with endpoint(sock=sock) as (_, receiver):
            await receiver.is_told("datagram_received")
            assert receiver.data == [b"early"]


@shows("UDP-03")
async def given_socket_is_made_non_blocking() -> None:
    """While nothing has come, the loop does something else."""
    with bound() as sock:
        sock.settimeout(None)
        async with endpoint(sock=sock):
            await soon(asyncio.sleep(0.001))


@shows("UDP-03")
async def given_socket_is_closed_with_the_transport(peer: socket.socket) -> None:
    with bound() as sock:
        address = sock.getsockname()
        sock.connect(peer.getsockname())
        async with endpoint(sock=sock) as (transport, receiver):
            transport.close()
            await soon(receiver.lost)
            await settle()
            with bound(address=address):
                pass


# Windows' proactor sends to an address or to nobody through a socket that was given.
@shows("UDP-03", POSIX)
async def given_socket_may_be_connected(peer: socket.socket, in_thread: InThread) -> None:
    with bound() as sock:
        sock.connect(peer.getsockname())
        async with endpoint(sock=sock) as (transport, _):
            transport.sendto(b"hello")
            assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-03")
async def stream_socket_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(ValueError):
        async with endpoint(sock=sock):
            pass


@shows("UDP-03")
@pytest.mark.parametrize(
    "option",
    [
        {"local_addr": LOCALHOST},
        {"remote_addr": ("127.0.0.1", 1)},
        {"family": socket.AF_INET},
        {"proto": socket.IPPROTO_UDP},
        {"flags": socket.AI_PASSIVE},
        {"reuse_port": True},
        {"allow_broadcast": True},
    ],
    ids=lambda option: next(iter(option)),
)
async def socket_with_an_option_is_refused(option: dict[str, Any]) -> None:
    with bound() as sock, pytest.raises(ValueError):
        async with endpoint(sock=sock, **option):
            pass


# --- neither address nor socket -----------------------------------------------------------------------------


@shows("UDP-04")
async def endpoint_without_address_family_and_socket_is_refused() -> None:
    with pytest.raises(ValueError):
        async with endpoint():
            pass


@shows("UDP-04")
async def endpoint_with_a_family_alone_sends(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(family=socket.AF_INET) as (transport, _):
        transport.sendto(b"hello", peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-04", IPV6)
async def endpoint_with_the_ipv6_family_alone_sends(peer6: socket.socket, in_thread: InThread) -> None:
    async with endpoint(family=socket.AF_INET6) as (transport, _):
        transport.sendto(b"hello", peer6.getsockname())
        assert (await arrived(peer6, in_thread))[0] == b"hello"


# Windows' sockets cannot receive before they are bound, and the first sendto() binds them: the proactor loop has
# tried by then, and tries no more.
@shows("UDP-04", POSIX)
async def endpoint_with_a_family_alone_receives_the_answer(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(family=socket.AF_INET) as (transport, receiver):
        transport.sendto(b"hello", peer.getsockname())
        _, sender = await arrived(peer, in_thread)
        peer.sendto(b"answer", ("127.0.0.1", sender[1]))
        await receiver.is_told("datagram_received")
        assert receiver.data == [b"answer"]


# --- options of the socket ----------------------------------------------------------------------------------


@shows("UDP-05")
@pytest.mark.parametrize("allowed", [None, False, True])
async def allow_broadcast_sets_its_option(allowed: bool | None) -> None:
    async with endpoint(local_addr=LOCALHOST, allow_broadcast=allowed) as (transport, _):
        option = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        assert bool(option) == bool(allowed)


# Linux sends what comes from 127.0.0.1 to everybody on the loopback interface only: nothing leaves this machine.
@shows("UDP-05", LINUX)
async def allow_broadcast_lets_datagrams_go_to_everybody(in_thread: InThread) -> None:
    with bound(address=("", 0)) as everybody:
        async with endpoint(local_addr=LOCALHOST, allow_broadcast=True) as (transport, _):
            transport.sendto(b"hello", (EVERYBODY, everybody.getsockname()[1]))
            assert (await arrived(everybody, in_thread))[0] == b"hello"


@shows("UDP-05")
@pytest.mark.parametrize("shared", [None, False, True])
async def reuse_port_sets_its_option(shared: bool | None) -> None:
    async with endpoint(local_addr=LOCALHOST, reuse_port=shared) as (transport, _):
        option = SO_REUSEPORT != -1 and transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, SO_REUSEPORT)
        assert bool(option) == bool(shared)


@shows("UDP-05")
async def reuse_port_lets_endpoints_share_a_port() -> None:
    async with endpoint(local_addr=LOCALHOST, reuse_port=True) as (first, _):
        address = address_of(first)
        async with endpoint(local_addr=address, reuse_port=True) as (second, _):
            assert address_of(second) == address


@shows("UDP-05")
async def reuse_address_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        async with endpoint(local_addr=LOCALHOST, reuse_address=True):
            pass


# --- where a connected endpoint sends -----------------------------------------------------------------------


@shows("UDP-06")
@pytest.mark.parametrize("given", [False, True], ids=["none", "same"])
async def connected_endpoint_sends_to_its_peer(peer: socket.socket, in_thread: InThread, given: bool) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, _):
        transport.sendto(b"hello", peer.getsockname() if given else None)
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-06", IPV6)
async def endpoint_connected_over_ipv6_sends_to_its_peer(peer6: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=peer6.getsockname()[:2]) as (transport, _):
        transport.sendto(b"hello", peer6.getsockname())
        assert (await arrived(peer6, in_thread))[0] == b"hello"


@shows("UDP-06")
@pytest.mark.parametrize("differing", ["host", "port"])
async def connected_endpoint_refuses_another_address(peer: socket.socket, differing: str) -> None:
    host, port = peer.getsockname()
    other = ("127.0.0.2", port) if differing == "host" else (host, port ^ 1)
    async with endpoint(remote_addr=(host, port)) as (transport, _):
        with pytest.raises(ValueError):
            transport.sendto(b"hello", other)


@shows("UDP-06")
async def refused_address_leaves_the_endpoint_open(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, _):
        with contextlib.suppress(ValueError):
            transport.sendto(b"wrong", ("127.0.0.2", 9))
        transport.sendto(b"right")
        assert (await arrived(peer, in_thread))[0] == b"right"


@shows("UDP-07", IPV6)
@pytest.mark.parametrize("differing", ["flow-info", "scope-id"])
async def connected_endpoint_compares_all_four_parts(peer6: socket.socket, differing: str) -> None:
    host, port, _, _ = peer6.getsockname()
    async with endpoint(remote_addr=(host, port)) as (transport, _):
        with pytest.raises(ValueError):
            transport.sendto(b"hello", (host, port, 7, 0) if differing == "flow-info" else (host, port, 0, 7))


# --- errors -------------------------------------------------------------------------------------------------

# Sending to everybody is refused to a socket that was not allowed to.
FORBIDDEN = (EVERYBODY, 9)


@shows("UDP-08")
async def error_of_sending_is_told_to_the_protocol() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(b"hello", FORBIDDEN)
        await receiver.is_told("error_received")
        assert [isinstance(error, OSError) for error in receiver.errors] == [True]


@shows("UDP-08")
async def each_error_of_sending_is_told() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        for _ in range(3):
            transport.sendto(b"hello", FORBIDDEN)
        await receiver.is_told("error_received", 3)


@shows("UDP-08")
async def error_of_sending_does_not_close_the_endpoint() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(b"hello", FORBIDDEN)
        await receiver.is_told("error_received")
        await settle()
        assert not transport.is_closing()
        assert not receiver.lost.done()


@shows("UDP-08")
async def endpoint_sends_after_an_error_of_sending(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(b"hello", FORBIDDEN)
        await receiver.is_told("error_received")
        transport.sendto(b"hello again", peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello again"


@shows("UDP-08")
async def endpoint_receives_after_an_error_of_sending(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(b"hello", FORBIDDEN)
        await receiver.is_told("error_received")
        peer.sendto(b"answer", address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.data == [b"answer"]


@shows("UDP-09")
async def closed_port_is_told_to_the_protocol(deaf: socket.socket) -> None:
    async with endpoint(remote_addr=deaf.getsockname()) as (transport, receiver):
        transport.sendto(b"hello")
        await receiver.is_told("error_received")
        assert [type(error) for error in receiver.errors] == [ConnectionRefusedError]


@shows("UDP-09")
async def endpoint_goes_on_after_a_closed_port(deaf: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=deaf.getsockname()) as (transport, receiver):
        transport.sendto(b"hello")
        await receiver.is_told("error_received")
        deaf.connect(address_of(transport))  # now the port is open
        transport.sendto(b"hello again")
        assert (await arrived(deaf, in_thread))[0] == b"hello again"
        deaf.send(b"answer")
        await receiver.is_told("datagram_received")
        assert receiver.data == [b"answer"]


@shows("UDP-10")
async def endpoint_receives_after_sending_where_nobody_listens(deaf: socket.socket, peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        for _ in range(3):
            transport.sendto(b"hello", deaf.getsockname())
            await settle()
        peer.sendto(b"answer", address_of(transport))
        await receiver.is_told("datagram_received")
        assert receiver.data == [b"answer"]


@shows("UDP-10")
async def endpoint_sends_after_sending_where_nobody_listens(
    deaf: socket.socket, peer: socket.socket, in_thread: InThread
) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        for _ in range(3):
            transport.sendto(b"hello", deaf.getsockname())
            await settle()
        transport.sendto(b"hello", peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-20")
async def datagram_that_is_too_large_is_told_to_the_protocol(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(TOO_LARGE, peer.getsockname())
        await receiver.is_told("error_received")
        assert [isinstance(error, OSError) and error.errno for error in receiver.errors] == [errno.EMSGSIZE]


@shows("UDP-20")
async def endpoint_sends_after_a_datagram_that_is_too_large(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.sendto(TOO_LARGE, peer.getsockname())
        await receiver.is_told("error_received")
        transport.sendto(b"hello", peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


# --- names of hosts -----------------------------------------------------------------------------------------


@shows("UDP-11", LOCALHOST_IPV4)
async def sendto_takes_the_name_of_a_host(peer: socket.socket, observe: Observe) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        try:
            transport.sendto(b"hello", ("localhost", peer.getsockname()[1]))
        except (OSError, TypeError, ValueError) as error:
            observe(f"sendto() raises {type(error).__name__}")
            return
        for _ in range(50):
            await asyncio.sleep(0.002)
            if receiver.errors or select.select([peer], [], [], 0)[0]:
                break
        if receiver.errors:
            observe(f"error_received() is told {type(receiver.errors[0]).__name__}")
        else:
            observe("sent" if select.select([peer], [], [], 0)[0] else "not sent within 0.1 s")


@shows("UDP-12", LINUX)
async def sendto_takes_the_broadcast_host(in_thread: InThread) -> None:
    with bound(address=("", 0)) as everybody:
        async with endpoint(local_addr=LOCALHOST, allow_broadcast=True) as (transport, _):
            transport.sendto(b"hello", ("<broadcast>", everybody.getsockname()[1]))
            assert (await arrived(everybody, in_thread))[0] == b"hello"


# --- closing ------------------------------------------------------------------------------------------------


@shows("UDP-13")
async def aborted_endpoint_loses_its_connection_once() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.abort()
        transport.abort()
        assert await soon(receiver.lost) is None
        await settle()
        assert receiver.calls == ["connection_made", "connection_lost"]


@shows("UDP-13")
async def endpoint_can_be_aborted_after_close() -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        transport.close()
        transport.abort()
        assert await soon(receiver.lost) is None


@shows("UDP-13")
@ENDINGS
async def closing_connected_endpoint_may_be_sent_through(peer: socket.socket, how: str) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, receiver):
        getattr(transport, how)()
        for _ in range(10):
            transport.sendto(b"late")
        assert await soon(receiver.lost) is None


# Windows' proactor has dropped its queue by then, and sendto() raises an AttributeError.
@shows("UDP-13", POSIX)
@ENDINGS
async def closing_endpoint_may_be_sent_through(peer: socket.socket, how: str) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        getattr(transport, how)()
        for _ in range(10):
            transport.sendto(b"late", peer.getsockname())
        assert await soon(receiver.lost) is None


@shows("UDP-21")
@ENDINGS
async def nothing_is_received_after_the_end(peer: socket.socket, how: str) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        for _ in range(3):
            peer.sendto(b"too late", address_of(transport))
        getattr(transport, how)()
        await soon(receiver.lost)
        await settle()
        assert receiver.calls == ["connection_made", "connection_lost"]


@shows("UDP-21")
@ENDINGS
async def nothing_is_received_after_the_last_datagram(peer: socket.socket, how: str) -> None:
    """The protocol ends the endpoint while it is told of one of the datagrams that wait."""

    class Last(Receiver):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            getattr(self.transport, how)()

    async with endpoint(Last, local_addr=LOCALHOST) as (transport, receiver):
        for number in range(3):
            peer.sendto(b"%d" % number, address_of(transport))
        await soon(receiver.lost)
        await settle()
        assert receiver.data == [b"0"]


# --- what a datagram is -------------------------------------------------------------------------------------


@shows("UDP-14")
async def empty_datagram_is_sent(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(b"", peer.getsockname())
        assert await arrived(peer, in_thread) == (b"", address_of(transport))


@shows("UDP-14")
async def empty_datagram_is_sent_by_a_connected_endpoint(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, _):
        transport.sendto(b"")
        assert await arrived(peer, in_thread) == (b"", address_of(transport))


# Windows' proactor drops what is empty (as of 3.13.0).
@shows("UDP-14", POSIX)
async def empty_datagram_is_received(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        peer.sendto(b"", address_of(transport))
        peer.sendto(b"next", address_of(transport))
        await receiver.is_told("datagram_received", 2)
        assert receiver.received == [(b"", peer.getsockname()), (b"next", peer.getsockname())]


@shows("UDP-15")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def anything_like_bytes_is_sent(peer: socket.socket, in_thread: InThread, kind: Callable[[bytes], Any]) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        transport.sendto(kind(b"hello"), peer.getsockname())
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-15")
async def bytearray_is_sent_as_it_was(peer: socket.socket, in_thread: InThread) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        data = bytearray(b"hello")
        transport.sendto(data, peer.getsockname())
        data[:] = b"other"
        assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-15")
async def bytearray_can_be_resized_after_sendto(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        data = bytearray(b"hello")
        transport.sendto(data, peer.getsockname())
        await settle()
        data.clear()  # BufferError, if somebody still looks at it


@shows("UDP-15")
async def sendto_refuses_text(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, _):
        with pytest.raises(TypeError):
            transport.sendto("hello", peer.getsockname())


@shows("UDP-24")
@ENDINGS
async def sendto_refuses_text_on_a_closing_endpoint(peer: socket.socket, how: str) -> None:
    async with endpoint(remote_addr=peer.getsockname()) as (transport, receiver):
        getattr(transport, how)()
        with pytest.raises(TypeError):
            transport.sendto("hello")
        await soon(receiver.lost)


@shows("UDP-17")
async def waiting_datagrams_are_received_one_by_one(peer: socket.socket) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        for number in range(50):
            peer.sendto(b"%d" % number, address_of(transport))
        await receiver.is_told("datagram_received", 50)
        await settle()
        assert receiver.data == [b"%d" % number for number in range(50)]


@shows("UDP-17")
async def waiting_datagrams_of_any_size_are_received_one_by_one(peer: socket.socket) -> None:
    """A buffer that serves for several datagrams must not show the end of a longer one before."""
    sizes = [1, 4000, 2, 1000, 3, 1]
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        for number, size in enumerate(sizes):
            peer.sendto(b"%d" % number * size, address_of(transport))
        await receiver.is_told("datagram_received", len(sizes))
        assert receiver.data == [b"%d" % number * size for number, size in enumerate(sizes)]


@shows("UDP-19")
async def datagrams_can_be_paused(peer: socket.socket, observe: Observe) -> None:
    async with endpoint(local_addr=LOCALHOST) as (transport, receiver):
        try:
            transport.pause_reading()
        except (AttributeError, NotImplementedError) as error:
            observe(f"no pause_reading(): {type(error).__name__}")
            return
        peer.sendto(b"hello", address_of(transport))
        await asyncio.sleep(0.01)
        paused = not receiver.received
        transport.resume_reading()
        await receiver.is_told("datagram_received")
        observe("paused" if paused else "pause_reading() does not pause")


@shows("UDP-22")
@pytest.mark.parametrize("how", ["local", "remote"])
async def transport_is_a_datagram_transport(peer: socket.socket, how: str) -> None:
    options: dict[str, Any] = {f"{how}_addr": LOCALHOST if how == "local" else peer.getsockname()}
    async with endpoint(**options) as (transport, _):
        assert isinstance(transport, asyncio.DatagramTransport)


# --- Unix sockets -------------------------------------------------------------------------------------------


@shows("UDP-16")
async def path_is_bound_and_receives(unix_path: str) -> None:
    async with endpoint(family=AF_UNIX, local_addr=unix_path) as (_, receiver):
        with bound(AF_UNIX, f"{unix_path}2") as named:
            named.sendto(b"hello", unix_path)
            await receiver.is_told("datagram_received")
            assert receiver.received == [(b"hello", f"{unix_path}2")]


@shows("UDP-23")
async def stale_path_is_bound_again(unix_path: str) -> None:
    bound(AF_UNIX, unix_path).close()
    async with endpoint(family=AF_UNIX, local_addr=unix_path) as (_, receiver):
        with bound(AF_UNIX, f"{unix_path}2") as named:
            named.sendto(b"hello", unix_path)
            await receiver.is_told("datagram_received")


@shows("UDP-16")
async def unnamed_sender_has_no_path(unix_path: str) -> None:
    async with endpoint(family=AF_UNIX, local_addr=unix_path) as (_, receiver):
        with socket.socket(AF_UNIX, socket.SOCK_DGRAM) as unnamed:
            unnamed.sendto(b"hello", unix_path)
            await receiver.is_told("datagram_received")
            assert receiver.data == [b"hello"]
            assert receiver.received[0][1] in {None, "", b""}


@shows("UDP-16")
async def datagram_is_sent_to_a_path(unix_path: str, in_thread: InThread) -> None:
    with bound(AF_UNIX, unix_path) as peer:
        async with endpoint(family=AF_UNIX, local_addr=f"{unix_path}2") as (transport, _):
            transport.sendto(b"hello", unix_path)
            assert await arrived(peer, in_thread) == (b"hello", f"{unix_path}2")


@shows("UDP-16")
async def endpoint_is_connected_to_a_path(unix_path: str, in_thread: InThread) -> None:
    with bound(AF_UNIX, unix_path) as peer:
        async with endpoint(family=AF_UNIX, remote_addr=unix_path) as (transport, _):
            transport.sendto(b"hello")
            assert (await arrived(peer, in_thread))[0] == b"hello"


@shows("UDP-16")
async def given_unix_socket_is_used(unix_path: str) -> None:
    with bound(AF_UNIX, unix_path) as sock:
        async with endpoint(sock=sock) as (_, receiver):
            with bound(AF_UNIX, f"{unix_path}2") as named:
                named.sendto(b"hello", unix_path)
                await receiver.is_told("datagram_received")
                assert receiver.received == [(b"hello", f"{unix_path}2")]


@shows("UDP-16", LINUX)
async def abstract_name_is_bound_and_receives(unix_path: str) -> None:
    async with endpoint(family=AF_UNIX, local_addr=f"\0{unix_path}") as (_, receiver):
        with bound(AF_UNIX, f"\0{unix_path}2") as named:
            named.sendto(b"hello", f"\0{unix_path}")
            await receiver.is_told("datagram_received")
            data, sender = receiver.received[0]
            assert (data, sender) == (b"hello", named.getsockname())


@shows("UDP-16", LINUX)
async def datagram_is_sent_to_an_abstract_name(unix_path: str, in_thread: InThread) -> None:
    with bound(AF_UNIX, f"\0{unix_path}") as peer:
        async with endpoint(family=AF_UNIX, local_addr=f"\0{unix_path}2") as (transport, _):
            transport.sendto(b"hello", f"\0{unix_path}")
            assert await arrived(peer, in_thread) == (b"hello", f"\0{unix_path}2".encode())


# --- more than the kernel takes -----------------------------------------------------------------------------

# The kernel drops UDP datagrams rather than refuse them. Linux refuses datagrams for a Unix socket whose receiver
# has not read the last ones (unix(7), net.unix.max_dgram_qlen), until it has.


class Stuffed:
    """An endpoint whose kernel takes no more, and its peer.

    Attributes:
        transport: of the endpoint.
        receiver: its protocol.
        sent: what was given to sendto().
    """

    def __init__(self, transport: Any, receiver: Receiver, peer: socket.socket) -> None:
        self.transport = transport
        self.receiver = receiver
        self.sent: list[bytes] = []
        self._peer = peer
        while not transport.get_write_buffer_size():
            assert len(self.sent) < 5000, "the kernel refuses nothing, or the transport counts nothing"
            self.send()

    def send(self) -> None:
        """Send one more datagram of 100 bytes."""
        self.sent.append(b"%0100d" % len(self.sent))
        self.transport.sendto(self.sent[-1])

    async def arrived(self, in_thread: InThread) -> list[bytes]:
        """Let the peer receive as many as were sent."""
        return await all_arrived(self._peer, in_thread, len(self.sent))

    def rest(self) -> list[bytes]:
        """Let the peer receive what is left, now that nothing comes any more."""
        self._peer.setblocking(False)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._peer.recv(65536))
        return found


@contextlib.asynccontextmanager
async def stuffed(path: str) -> AsyncIterator[Stuffed]:
    """Make an endpoint and fill the queue of its peer, until one datagram waits in the transport."""
    with bound(AF_UNIX, path) as peer, socket.socket(AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(path)
        async with endpoint(sock=sock) as (transport, receiver):
            yield Stuffed(transport, receiver, peer)


@shows("UDP-18")
async def refused_datagrams_are_counted(unix_path: str) -> None:
    async with stuffed(unix_path) as full:
        before = full.transport.get_write_buffer_size()
        full.send()
        assert before >= 100
        assert full.transport.get_write_buffer_size() >= before + 100


@shows("UDP-18")
async def refused_datagrams_are_sent_later_in_order(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        for _ in range(20):
            full.send()
        assert await full.arrived(in_thread) == full.sent


@shows("UDP-18")
async def datagrams_are_sent_at_once_after_the_queue(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        assert await full.arrived(in_thread) == full.sent
        full.sent.clear()
        full.send()
        assert await full.arrived(in_thread) == full.sent


@shows("UDP-18")
async def queued_bytearray_is_sent_as_it_was(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        data = bytearray(b"hello")
        full.transport.sendto(data)
        full.sent.append(b"hello")
        data[:] = b"other"
        assert await full.arrived(in_thread) == full.sent


@shows("UDP-18")
async def full_queue_pauses_the_protocol(unix_path: str) -> None:
    async with stuffed(unix_path) as full:
        full.transport.set_write_buffer_limits(high=1000)
        before = full.receiver.calls.count("pause_writing")
        for _ in range(10):
            full.send()
        assert (before, full.receiver.calls.count("pause_writing")) == (0, 1)


@shows("UDP-18")
async def queue_within_its_limits_does_not_pause_the_protocol(unix_path: str) -> None:
    async with stuffed(unix_path) as full:
        full.transport.set_write_buffer_limits(high=5000)
        for _ in range(20):
            full.send()
        assert "pause_writing" not in full.receiver.calls


@shows("UDP-18")
async def drained_queue_resumes_the_protocol(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        full.transport.set_write_buffer_limits(high=1500, low=1000)
        for _ in range(20):
            full.send()
        assert await full.arrived(in_thread) == full.sent
        await full.receiver.is_told("resume_writing")
        assert full.receiver.calls == ["connection_made", "pause_writing", "resume_writing"]


@shows("UDP-18", EXACT_SIZES)
async def drained_queue_is_empty(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        for _ in range(20):
            full.send()
        assert await full.arrived(in_thread) == full.sent
        await settle()
        assert full.transport.get_write_buffer_size() == 0


@shows("UDP-18")
async def queue_is_sent_before_the_endpoint_closes(unix_path: str, in_thread: InThread) -> None:
    async with stuffed(unix_path) as full:
        full.transport.close()
        await settle()
        before = [*full.receiver.calls]
        assert await full.arrived(in_thread) == full.sent
        assert (before, await soon(full.receiver.lost)) == (["connection_made"], None)


@shows("UDP-13", LINUX)
async def abort_discards_the_queue(unix_path: str) -> None:
    async with stuffed(unix_path) as full:
        full.transport.abort()
        assert await soon(full.receiver.lost) is None
        assert full.rest() == full.sent[:-1]


@shows("UDP-13", LINUX)
async def abort_discards_the_queue_of_a_closing_endpoint(unix_path: str) -> None:
    async with stuffed(unix_path) as full:
        full.transport.close()
        await settle()
        full.transport.abort()
        assert await soon(full.receiver.lost) is None
        assert full.rest() == full.sent[:-1]
