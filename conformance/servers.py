"""SRV: create_server() and the Server it returns.

A server listens where it was told to, or not at all; accepts everybody, in bursts and after trouble; and stops when
it is closed. Its listening sockets are then gone, its connections are not. Whoever waits for its end is told once
both are.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import itertools
import os
import select
import socket
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon, under_way
from .gates import IPV6, LINUX, POSIX, Gate
from .guests import LOOPBACK, Guests, address, closing, connect, is_refused, serving
from .peers import PATIENCE, receive_all, receive_exactly, reset
from .protocols import Recorder, ended, unhandled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .peers import InThread
    from .subject import Observe

AF_UNIX: int = getattr(socket, "AF_UNIX", -1)

# More than the buffers of a connection take, and 251 is prime: a chunk that changes places shows.
MEGABYTES = (bytes(range(251)) * 33420)[: 8 << 20]

REUSE_PORT = Gate("reuse-port", "needs SO_REUSEPORT", lambda: hasattr(socket, "SO_REUSEPORT"), never_on=("win32",))
# Of the systems that this suite knows, Windows alone; asked of the platform, because it may be an emulated one.
NO_REUSE_PORT = Gate("no-reuse-port", "needs a system without SO_REUSEPORT", lambda: True, never_on=("linux", "darwin"))


def names(server: asyncio.Server) -> list[str]:
    """The hosts that a server listens on, in order."""
    return sorted(sock.getsockname()[0] for sock in server.sockets)


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """A TCP socket that is bound and does not listen."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        yield sock


# --- where a server listens ---------------------------------------------------------------------------------


@shows("SRV-01")
async def create_server_returns_a_serving_server() -> None:
    async with serving() as (server, _):
        assert server.is_serving()


@shows("SRV-01")
@pytest.mark.parametrize("port", [0, None])
async def free_port_is_found(port: int | None) -> None:
    async with serving(port=port) as (server, _):
        assert [sock.getsockname()[0] for sock in server.sockets] == [LOOPBACK]
        assert server.sockets[0].getsockname()[1] > 0


@shows("SRV-01")
async def given_port_is_used(bound: socket.socket) -> None:
    where = bound.getsockname()
    bound.close()
    async with serving(*where) as (server, _):
        assert address(server) == where


@shows("SRV-01")
async def sockets_are_listening_sockets() -> None:
    async with serving() as (server, _):
        (sock,) = server.sockets
        assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
        assert sock.fileno() >= 0


@shows("SRV-01")
async def each_client_has_a_protocol_of_its_own() -> None:
    async with serving() as (server, guests):
        with connect(address(server)) as first, connect(address(server)) as second:
            await guests.come(2)
            peers = [guest.transport.get_extra_info("peername") for guest in guests.all]
            assert sorted(peers) == sorted([first.getsockname(), second.getsockname()])


@shows("SRV-01")
async def client_and_server_exchange_data(in_thread: InThread) -> None:
    async with serving() as (server, guests):
        with connect(address(server)) as client:
            client.sendall(b"question")
            guest = await guests.come()
            await guest.has(b"question")
            guest.transport.write(b"answer")
            assert await soon(asyncio.wrap_future(in_thread(receive_exactly, client, 6))) == b"answer"


@shows("SRV-01")
async def name_of_a_host_is_looked_up() -> None:
    async with serving("localhost", family=socket.AF_INET) as (server, _):
        assert names(server) == [LOOPBACK]


@shows("SRV-01")
async def flags_are_those_of_getaddrinfo() -> None:
    # With AI_NUMERICHOST nothing is looked up, so that a name is no host.
    with pytest.raises(socket.gaierror):
        async with serving("localhost", flags=socket.AI_NUMERICHOST):
            pass


@shows("SRV-01", IPV6)
async def server_listens_on_an_ipv6_address() -> None:
    async with serving("::1") as (server, guests):
        with socket.create_connection(server.sockets[0].getsockname()[:2], PATIENCE) as client:
            guest = await guests.come()
            assert guest.transport.get_extra_info("peername")[:2] == client.getsockname()[:2]


@shows("SRV-28")
@pytest.mark.parametrize("method", ["accept", "close", "detach"])
async def sockets_of_a_server_cannot_be_used(method: str) -> None:
    async with serving() as (server, guests):
        (sock,) = server.sockets
        with pytest.raises((AttributeError, TypeError)):
            getattr(sock, method)()
        with connect(address(server)):
            await guests.come()


@shows("SRV-02", IPV6)
@pytest.mark.parametrize("kind", [list, tuple])
async def server_listens_on_each_host(kind: type) -> None:
    async with serving(kind([LOOPBACK, "::1"])) as (server, guests):
        assert names(server) == [LOOPBACK, "::1"]
        for number, sock in enumerate(server.sockets, 1):
            with socket.create_connection(sock.getsockname()[:2], PATIENCE):
                await guests.come(number)


@shows("SRV-29")
async def server_listens_on_a_repeated_host_once() -> None:
    async with serving([LOOPBACK, LOOPBACK]) as (server, _):
        assert names(server) == [LOOPBACK]


@shows("SRV-03")
@pytest.mark.parametrize("host", [None, ""], ids=["None", "empty"])
async def no_host_is_every_interface(host: str | None) -> None:
    async with serving(host) as (server, guests):
        (ipv4,) = [sock for sock in server.sockets if sock.family == socket.AF_INET]
        assert ipv4.getsockname()[0] == "0.0.0.0"
        with connect((LOOPBACK, ipv4.getsockname()[1])):
            await guests.come()


@shows("SRV-03", IPV6)
@pytest.mark.parametrize("host", [None, ""], ids=["None", "empty"])
async def no_host_is_every_ipv6_interface(host: str | None) -> None:
    async with serving(host) as (server, guests):
        (ipv6,) = [sock for sock in server.sockets if sock.family == socket.AF_INET6]
        assert ipv6.getsockname()[0] == "::"
        with socket.create_connection(("::1", ipv6.getsockname()[1]), PATIENCE):
            await guests.come()


@shows("SRV-03")
async def family_restricts_the_interfaces() -> None:
    async with serving(None, family=socket.AF_INET) as (server, _):
        assert names(server) == ["0.0.0.0"]


@shows("SRV-03")
async def without_the_passive_flag_no_host_is_loopback() -> None:
    async with serving(None, flags=0, family=socket.AF_INET) as (server, _):
        assert names(server) == [LOOPBACK]


@shows("SRV-04", IPV6)
async def ipv6_listener_is_for_ipv6_only() -> None:
    async with serving("::") as (server, _):
        assert server.sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def port_of_both_families() -> int:
    """Find a port that nobody has, neither for IPv4 nor for IPv6."""
    for _ in range(100):
        with socket.socket() as ipv4, socket.socket(socket.AF_INET6) as ipv6:
            ipv4.bind((LOOPBACK, 0))
            port: int = ipv4.getsockname()[1]
            with contextlib.suppress(OSError):
                ipv6.bind(("::1", port))
                return port
    raise AssertionError("no port is free for both families")


@shows("SRV-04", IPV6)
async def ipv6_listener_leaves_ipv4_alone() -> None:
    port = port_of_both_families()
    with socket.socket() as ipv4:
        ipv4.bind(("0.0.0.0", port))
        async with serving("::", port) as (server, _):
            assert names(server) == ["::"]


@shows("SRV-04", IPV6)
async def server_has_one_port_for_both_families() -> None:
    port = port_of_both_families()
    async with serving(["0.0.0.0", "::"], port) as (server, _):
        assert [sock.getsockname()[1] for sock in server.sockets] == [port, port]


@shows("SRV-05")
async def address_in_use_is_refused(listener: socket.socket) -> None:
    with pytest.raises(OSError) as caught:
        async with serving(*listener.getsockname()):
            pass
    assert caught.value.errno == errno.EADDRINUSE


@shows("SRV-05")
async def address_in_use_is_named(listener: socket.socket) -> None:
    _, port = listener.getsockname()
    with pytest.raises(OSError, match=rf"127\.0\.0\.1.*{port}"):
        async with serving(LOOPBACK, port):
            pass


@shows("SRV-05", IPV6)
@pytest.mark.parametrize("busy", [LOOPBACK, "::1"])
async def address_in_use_frees_the_others(busy: str) -> None:
    """One of the two hosts is bound before the other: if not in one of these cases, then in the other."""
    for tries_left in reversed(range(5)):  # a client of another process may take the port meanwhile
        hosts = {LOOPBACK: socket.AF_INET, "::1": socket.AF_INET6}
        port = port_of_both_families()
        with socket.create_server((busy, port), family=hosts.pop(busy)):
            with pytest.raises(OSError) as caught:
                async with serving([LOOPBACK, "::1"], port):
                    pass
            await settle()
            ((host, family),) = hosts.items()
            with socket.socket(family) as other:
                try:
                    other.bind((host, port))
                except OSError:
                    if not tries_left:
                        raise
                else:
                    break
            del caught  # till now the exception kept what the loop may have forgotten


@shows("SRV-06")
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
async def given_socket_is_served(bound: socket.socket, blocking: bool) -> None:
    bound.setblocking(blocking)
    async with serving(None, None, sock=bound) as (server, guests):
        assert [sock.getsockname() for sock in server.sockets] == [bound.getsockname()]
        with connect(address(server)):
            await guests.come()


@shows("SRV-06")
async def given_socket_that_listens_is_served(listener: socket.socket) -> None:
    async with serving(None, None, sock=listener) as (server, guests):
        with connect(address(server)):
            await guests.come()


@shows("SRV-06")
async def datagram_socket_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        async with serving(None, None, sock=sock):
            pass


@shows("SRV-07")
async def server_needs_an_address() -> None:
    with pytest.raises(ValueError):
        async with serving(None, None):
            pass


@shows("SRV-07")
@pytest.mark.parametrize("other", [{"host": LOOPBACK}, {"port": 0}, {"host": LOOPBACK, "port": 0}], ids="+".join)
async def socket_excludes_host_and_port(bound: socket.socket, other: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        async with serving(**{"host": None, "port": None, **other}, sock=bound):
            pass


# --- options of its sockets ---------------------------------------------------------------------------------


@shows("SRV-08", REUSE_PORT)
async def two_servers_share_a_port() -> None:
    async with serving(reuse_port=True) as (first, _), serving(*address(first), reuse_port=True) as (second, _):
        assert address(first) == address(second)


@shows("SRV-08", REUSE_PORT)
async def servers_do_not_share_a_port_by_themselves() -> None:
    async with serving() as (first, _):
        with pytest.raises(OSError) as caught:
            async with serving(*address(first)):
                pass
        assert caught.value.errno == errno.EADDRINUSE


@shows("SRV-08", NO_REUSE_PORT)
async def port_cannot_be_shared_where_the_system_has_no_way() -> None:
    with pytest.raises(ValueError):
        async with serving(reuse_port=True):
            pass


@shows("SRV-08", POSIX)
@pytest.mark.parametrize(
    "options", [{}, {"reuse_address": None}, {"reuse_address": True}], ids=["by-default", "None", "True"]
)
async def address_is_reused(options: dict[str, Any]) -> None:
    async with serving(**options) as (server, _):
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@shows("SRV-08", POSIX)
async def address_is_not_reused_on_request() -> None:
    async with serving(reuse_address=False) as (server, _):
        assert not server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@shows("SRV-09")
@pytest.mark.parametrize("keep_alive", [True, False])
async def connections_are_kept_alive(keep_alive: bool) -> None:
    async with serving(keep_alive=keep_alive) as (server, guests):
        with connect(address(server)):
            sock = (await guests.come()).transport.get_extra_info("socket")
            assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == keep_alive


@shows("SRV-10")
async def backlog_is_an_integer(bound: socket.socket) -> None:
    with pytest.raises(TypeError):
        async with serving(None, None, sock=bound, backlog=1.5):
            pass


# --- starting -----------------------------------------------------------------------------------------------


@shows("SRV-11")
async def server_that_is_to_start_later_does_not_serve() -> None:
    async with serving(start_serving=False) as (server, _):
        assert not server.is_serving()


@shows("SRV-11")
async def server_that_is_to_start_later_does_not_listen() -> None:
    async with serving(start_serving=False) as (server, _):
        assert is_refused(address(server))


@shows("SRV-11")
async def server_that_is_to_start_later_accepts_nobody(listener: socket.socket) -> None:
    async with serving(None, None, sock=listener, start_serving=False) as (server, guests):
        with connect(address(server)):
            await settle(10)
            assert not guests.all


@shows("SRV-11")
@pytest.mark.parametrize("times", [1, 2])
async def server_serves_once_it_is_started(times: int) -> None:
    async with serving(start_serving=False) as (server, guests):
        for _ in range(times):
            await soon(server.start_serving())
        assert server.is_serving()
        with connect(address(server)):
            await guests.come()
            await settle(5)
            assert len(guests.all) == 1


@shows("SRV-11")
async def starting_a_serving_server_is_harmless() -> None:
    async with serving() as (server, guests):
        await soon(server.start_serving())
        with connect(address(server)):
            await guests.come()
            await settle(5)
            assert len(guests.all) == 1


@shows("SRV-11")
async def serving_forever_starts_the_server() -> None:
    async with serving(start_serving=False) as (server, guests), under_way(server.serve_forever()):
        assert server.is_serving()
        with connect(address(server)):
            await guests.come()


@shows("SRV-11")
async def cancelled_start_leaves_a_server_that_can_be_closed() -> None:
    async with serving(start_serving=False) as (server, _):
        where = address(server)
        starting = asyncio.ensure_future(server.start_serving())
        await settle(1)
        starting.cancel()
        await asyncio.wait({starting}, timeout=PATIENCE)
        server.close()
        await settle()
        assert not server.is_serving()
        assert is_refused(where)


@shows("SRV-12")
async def serving_forever_ends_with_its_cancellation() -> None:
    async with serving() as (server, _), under_way(server.serve_forever()) as forever:
        forever.cancel()
        await asyncio.wait({forever}, timeout=PATIENCE)
        assert forever.cancelled()


@shows("SRV-12")
async def cancelled_serving_forever_closes_the_server() -> None:
    async with serving() as (server, _), under_way(server.serve_forever()) as forever:
        where = address(server)
        forever.cancel()
        await asyncio.wait({forever}, timeout=PATIENCE)
        await settle()
        assert not server.is_serving()
        assert is_refused(where)


@shows("SRV-12")
async def closed_server_cannot_serve_forever() -> None:
    async with serving() as (server, _):
        server.close()
        with pytest.raises(RuntimeError):
            await soon(server.serve_forever())


@shows("SRV-12")
async def server_cannot_serve_forever_twice() -> None:
    async with serving() as (server, _), under_way(server.serve_forever()) as forever:
        with pytest.raises(RuntimeError):
            await soon(server.serve_forever())
        assert not forever.done()


@shows("SRV-12")
async def refused_second_serving_forever_leaves_the_server_serving() -> None:
    async with serving() as (server, guests), under_way(server.serve_forever()):
        with contextlib.suppress(RuntimeError):
            await soon(server.serve_forever())
        with connect(address(server)):
            await guests.come()


@shows("SRV-13")
async def cancelled_serving_forever_closes_the_connections(in_thread: InThread) -> None:
    async with serving() as (server, guests), under_way(server.serve_forever()) as forever:
        with connect(address(server)) as client:
            guest = await guests.come()
            forever.cancel()
            await asyncio.wait({forever}, timeout=PATIENCE)
            assert await soon(guest.lost) is None
            assert await soon(asyncio.wrap_future(in_thread(client.recv, 1))) == b""


# --- closing ------------------------------------------------------------------------------------------------


@shows("SRV-14")
async def server_is_an_async_context_manager() -> None:
    async with serving() as (server, _):
        async with server as entered:
            assert entered is server
            assert server.is_serving()
        assert not server.is_serving()


@shows("SRV-14")
async def server_is_closed_after_an_exception_in_its_block() -> None:
    async with serving() as (server, _):
        with pytest.raises(ZeroDivisionError):
            async with server:
                raise ZeroDivisionError
        assert not server.is_serving()


@shows("SRV-14")
async def closed_server_refuses_clients() -> None:
    async with serving() as (server, _):
        where = address(server)
        async with server:
            pass
        await settle()
        assert is_refused(where)


@shows("SRV-14")
async def closing_twice_is_closing_once() -> None:
    async with serving() as (server, _):
        server.close()
        server.close()
        await settle()
        server.close()
        assert not server.is_serving()


@shows("SRV-14")
async def closed_server_has_no_sockets() -> None:
    async with serving() as (server, _):
        server.close()
        assert not server.sockets


@shows("SRV-14")
async def former_sockets_of_a_closed_server_are_closed() -> None:
    async with serving() as (server, _):
        (sock,) = server.sockets
        async with server:
            pass
        await settle()
        assert sock.fileno() == -1


@shows("SRV-14")
async def closed_server_closes_the_socket_it_was_given(bound: socket.socket) -> None:
    async with serving(None, None, sock=bound) as (server, _):
        async with server:
            pass
        await settle()
        assert bound.fileno() == -1


@shows("SRV-15")
async def wait_closed_waits_for_close() -> None:
    async with serving() as (server, _), under_way(server.wait_closed()) as waiting:
        server.close()
        await soon(waiting)


@shows("SRV-15")
async def wait_closed_waits_for_the_last_connection() -> None:
    async with serving() as (server, guests):
        with connect(address(server)) as first, connect(address(server)) as second:
            await guests.come(2)
            server.close()
            async with under_way(server.wait_closed()) as waiting:
                first.close()
                await asyncio.wait({guest.lost for guest in guests.all}, return_when=asyncio.FIRST_COMPLETED)
                await settle(5)
                assert not waiting.done()
                second.close()
                await soon(waiting)


@shows("SRV-15")
async def wait_closed_waits_for_close_after_the_last_connection() -> None:
    async with serving() as (server, guests), under_way(server.wait_closed()) as waiting:
        with connect(address(server)):
            guest = await guests.come()
        await soon(guest.lost)
        await settle(5)
        assert not waiting.done()
        server.close()
        await soon(waiting)


@shows("SRV-15")
async def wait_closed_returns_when_all_is_over() -> None:
    async with serving() as (server, guests):
        with connect(address(server)):
            guest = await guests.come()
        await soon(guest.lost)
        server.close()
        await soon(server.wait_closed())
        await soon(server.wait_closed())


@shows("SRV-15")
async def wait_closed_returns_after_the_last_connection_was_reset() -> None:
    async with serving() as (server, guests):
        client = connect(address(server))
        guest = await guests.come()
        server.close()
        reset(client)
        await soon(guest.lost)
        await soon(server.wait_closed())


@shows("SRV-15")
async def leaving_the_block_waits_for_the_last_connection() -> None:
    async def serve() -> None:
        async with server:
            pass

    async with serving() as (server, guests):
        with connect(address(server)):
            guest = await guests.come()
            async with under_way(serve()) as leaving:
                guest.transport.close()
                await soon(leaving)
                assert guest.lost.done()


@shows("SRV-16")
async def cancelled_wait_closed_leaves_other_waiters_alone() -> None:
    async with (
        serving() as (server, _),
        under_way(server.wait_closed()) as first,
        under_way(server.wait_closed()) as second,
        under_way(server.wait_closed()) as third,
    ):
        second.cancel()
        await asyncio.wait({second}, timeout=PATIENCE)
        assert second.cancelled()
        server.close()
        await soon(asyncio.gather(first, third))


@shows("SRV-16")
async def cancelled_wait_closed_leaves_the_server_serving() -> None:
    async with serving() as (server, guests), under_way(server.wait_closed()) as waiting:
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=PATIENCE)
        assert server.is_serving()
        with connect(address(server)):
            await guests.come()


@shows("SRV-17")
@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
async def all_connections_are_ended(method: str) -> None:
    async with serving() as (server, guests):
        with connect(address(server)), connect(address(server)):
            await guests.come(2)
            getattr(server, method)()
            assert [await soon(guest.lost) for guest in guests.all] == [None, None]


@shows("SRV-17")
@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
async def ending_the_connections_does_not_close_the_server(method: str) -> None:
    async with serving() as (server, guests):
        with connect(address(server)):
            await guests.come()
            getattr(server, method)()
        assert server.is_serving()
        with connect(address(server)):
            assert not (await guests.come(2)).lost.done()


@shows("SRV-17")
async def closed_clients_receive_what_was_written(in_thread: InThread) -> None:
    async with serving() as (server, guests):
        with connect(address(server)) as client:
            guest = await guests.come()
            guest.transport.write(MEGABYTES)
            server.close_clients()
            received = await soon(asyncio.wrap_future(in_thread(receive_all, client)))
            assert received == MEGABYTES, f"{len(received)} of {len(MEGABYTES)} bytes arrived"


@shows("SRV-17")
async def clients_that_never_read_are_aborted() -> None:
    async with serving() as (server, guests):
        with connect(address(server)):
            guest = await guests.come()
            guest.transport.write(MEGABYTES)
            await settle(5)
            assert not guest.lost.done()
            server.abort_clients()
            assert await soon(guest.lost) is None


@shows("SRV-18")
async def forgotten_server_accepts() -> None:
    """The server ends with its loop: there is nobody left to close it."""
    guests = Guests()
    where = address(await soon(asyncio.get_running_loop().create_server(guests, LOOPBACK, 0)))
    gc.collect()
    with connect(where):
        async with ended(await guests.come()):
            pass


class Factory:
    """A factory that can be looked for."""

    def __call__(self) -> asyncio.Protocol:
        return asyncio.Protocol()


@shows("SRV-18")
async def closed_server_forgets_its_factory() -> None:
    factory = Factory()
    remembered = weakref.ref(factory)
    server = await soon(asyncio.get_running_loop().create_server(factory, LOOPBACK, 0))
    async with server:
        del factory
    del server
    await settle()
    gc.collect()
    assert remembered() is None


@shows("SRV-19")
async def server_knows_its_loop() -> None:
    async with serving() as (server, _):
        assert server.get_loop() is asyncio.get_running_loop()
        server.close()
        assert server.get_loop() is asyncio.get_running_loop()


# --- accepting ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Forbid this process to open anything (EMFILE)."""
    if sys.platform == "win32":
        raise AssertionError("not promised there")
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest number that is free
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@shows("SRV-20")
async def lack_of_descriptors_is_reported() -> None:
    with unhandled() as reports:
        async with serving() as (server, _):
            with connect(address(server)):
                with no_more_descriptors():
                    await settle(100)  # the client is there: more than enough to look once
                assert reports, "the exception handler is told nothing"
                error = reports[0]["exception"]
                assert isinstance(error, OSError)
                assert error.errno == errno.EMFILE


@shows("SRV-20")
async def clients_wait_while_there_are_no_descriptors() -> None:
    """Takes a second, as the server's rest does."""
    with unhandled() as reports:
        async with serving() as (server, guests):
            with connect(address(server)), connect(address(server)):
                with no_more_descriptors():
                    await settle(100)
                    told = len(reports)
                    await asyncio.sleep(0.05)
                    again = len(reports) - told
                assert not again, f"within 50 ms the server tried {again} times more"
                await guests.come(2)


async def somebody_has(guests: Guests, data: bytes) -> None:
    """Wait for data, whichever connection brings them: how many the kernel lets through before is its choice."""
    for count in itertools.count(1):
        guest = await guests.come(count)
        await guest.until(lambda guest=guest: guest.lost.done() or len(guest.received) >= len(data))
        if guest.received:
            assert guest.received == data
            return


class OwnError(Exception):
    """Raised by a factory."""


# Windows' proactor accepts nobody after a factory that raised.
@shows("SRV-27", POSIX)
async def factory_that_raises_costs_one_connection() -> None:
    def make() -> Recorder:
        if len(called) == 1:
            raise OwnError
        return Recorder()

    called: list[None] = []
    guests = Guests(make)

    def factory() -> Any:
        called.append(None)
        return guests()

    loop = asyncio.get_running_loop()
    with unhandled() as contexts, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the garbage collector may be who closes it
        server = await soon(loop.create_server(factory, LOOPBACK, 0))
        async with closing(server, guests):
            with connect(address(server)), connect(address(server)):
                await guests.come()
            contexts.clear()  # they refer to the exception, and so to the connection
            gc.collect()


# On Windows the proactor loop of CPython gives up its listening socket: gh-93821.
@shows("SRV-21", POSIX)
@pytest.mark.parametrize("aborted", [1, 3])
async def aborted_clients_do_not_stand_in_the_way(aborted: int) -> None:
    async with serving() as (server, guests):
        for client in [connect(address(server)) for _ in range(aborted)]:
            reset(client)
        with connect(address(server)) as client:
            client.sendall(b"hello")
            await somebody_has(guests, b"hello")


@shows("SRV-21", POSIX)
async def aborted_client_is_no_unhandled_error() -> None:
    with unhandled() as reports:
        async with serving() as (server, guests):
            reset(connect(address(server)))
            with connect(address(server)) as client:
                client.sendall(b"hello")
                await somebody_has(guests, b"hello")
        assert not reports


@shows("SRV-22", LINUX)
@pytest.mark.parametrize("backlog", [2, 20])
async def backlog_is_how_many_clients_may_wait(backlog: int) -> None:
    """While the loop does not look; the connections of the others are dropped, to be tried again in a second."""
    async with serving(backlog=backlog) as (server, _):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.socket()) for _ in range(10)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(address(server))
            _, connected, _ = select.select([], clients, [], 0)
            assert (len(connected) == len(clients)) == (backlog > len(clients))


@shows("SRV-22")
@pytest.mark.parametrize("backlog", [1, 4])
async def as_many_clients_come_as_the_backlog_takes(backlog: int) -> None:
    """All have come before the loop looks."""
    async with serving(backlog=backlog) as (server, guests):
        with contextlib.ExitStack() as clients:
            for _ in range(backlog):
                clients.enter_context(connect(address(server)))
            await guests.come(backlog)


@shows("SRV-22")
@pytest.mark.parametrize("backlog", [1, 4])
async def more_clients_come_than_the_backlog_takes(backlog: int, in_thread: InThread) -> None:
    """One after the other, while the loop runs: a full backlog would have the kernel drop connections."""
    async with serving(backlog=backlog) as (server, guests):
        where = address(server)
        with contextlib.ExitStack() as clients:
            for count in range(1, 21):
                clients.enter_context(await soon(asyncio.wrap_future(in_thread(connect, where))))
                if count % (backlog + 1) == 0:
                    await guests.come(count)
            await guests.come(20)


# Elsewhere they do not wait: macOS refuses them.
@shows("SRV-22", LINUX)
@pytest.mark.parametrize("backlog", [1, 4])
async def burst_is_longer_than_the_backlog(backlog: int, unix_path: str, in_thread: InThread) -> None:
    """Of Unix sockets: where the backlog is full, their clients wait."""

    def come() -> socket.socket:
        client = socket.socket(AF_UNIX)
        client.connect(unix_path)
        return client

    guests = Guests()
    server = await soon(asyncio.get_running_loop().create_unix_server(guests, unix_path, backlog=backlog))
    async with closing(server, guests):
        burst = [asyncio.wrap_future(in_thread(come)) for _ in range(16)]
        for client in await soon(asyncio.gather(*burst)):
            client.close()
        await guests.come(16)


async def served_by_a_host() -> tuple[asyncio.Server, Guests]:
    """Make a server that is closed as soon as somebody is connected."""
    guests = Guests(lambda: Recorder(connection_made=lambda _: server.close()))
    server = await soon(asyncio.get_running_loop().create_server(guests, LOOPBACK, 0))
    return server, guests


async def greet(server: asyncio.Server, guests: Guests) -> None:
    """Connect to a server, close it, and exchange data."""
    with connect(address(server)) as client:
        guest = await guests.come()
        server.close()
        await settle(5)
        client.sendall(b"hello")
        await guest.has(b"hello")
        guest.transport.write(b"hello yourself")
        assert client.recv(100) == b"hello yourself"


@shows("SRV-23")
async def connections_outlive_their_server() -> None:
    async with serving() as (server, guests):
        await greet(server, guests)


@shows("SRV-23")
async def connection_outlives_the_server_that_it_closed() -> None:
    server, guests = await served_by_a_host()
    async with closing(server, guests):
        await greet(server, guests)


@shows("SRV-23")
async def server_closed_by_its_first_connection_is_closed() -> None:
    server, guests = await served_by_a_host()
    async with closing(server, guests):
        where = address(server)
        with connect(where):
            await guests.come()
            await settle()
            assert not server.is_serving()
            assert is_refused(where)


@shows("SRV-24")
@pytest.mark.parametrize("served", [False, True], ids=["unused", "used"])
async def port_of_a_closed_server_is_free(served: bool) -> None:
    """After connections, too, that the server ended first: they linger (TIME_WAIT)."""
    async with serving() as (first, guests):
        where = address(first)
        if served:
            with connect(address(first)) as client:
                guest = await guests.come()
                guest.transport.close()
                await soon(guest.lost)
                assert client.recv(1) == b""
        first.close()
        async with serving(*where) as (second, _):
            assert address(second) == where


@shows("SRV-25")
async def listening_socket_is_closed_behind_the_servers_back(bound: socket.socket, observe: Observe) -> None:
    async with serving(None, None, sock=bound) as (server, _):
        number = bound.fileno()
        bound.close()
        try:
            server.close()
        except (OSError, ValueError) as error:
            observe(f"close() raises {type(error).__name__}")
            # Nor may the loop wait for it any longer.
            with contextlib.suppress(OSError, ValueError, RuntimeError, NotImplementedError):
                asyncio.get_running_loop().remove_reader(number)
        else:
            observe("close() returns")


async def cancel_while_listening(bound: socket.socket, host: str) -> tuple[asyncio.Future[Any], tuple[str, int]]:
    """Start a server, and cancel that at its first opportunity."""
    where = bound.getsockname()
    bound.close()
    loop = asyncio.get_running_loop()
    making = asyncio.ensure_future(loop.create_server(asyncio.Protocol, host, where[1], family=socket.AF_INET))
    await settle(1)
    making.cancel()
    await asyncio.wait({making}, timeout=PATIENCE)
    await settle()
    return making, where


@shows("SRV-26")
async def cancelled_server_is_closed(bound: socket.socket, observe: Observe) -> None:
    making, where = await cancel_while_listening(bound, LOOPBACK)
    if not making.cancelled():
        making.result().close()
        observe("create_server() returns: there was nothing to cancel")
    else:
        observe("nobody listens" if is_refused(where) else "somebody listens")


@shows("SRV-26")
async def server_cancelled_during_the_lookup_is_closed(bound: socket.socket, observe: Observe) -> None:
    making, where = await cancel_while_listening(bound, "localhost")
    if not making.cancelled():
        making.result().close()
        observe("create_server() returns: there was nothing to cancel")
    else:
        observe("nobody listens" if is_refused(where) else "somebody listens")
