"""UNX: create_unix_connection() and create_unix_server(), streams between processes of one machine.

An address is a path in the file system or, on Linux, a name in the abstract namespace. A server makes the file,
replaces a socket that an earlier one left there but nothing else, and from Python 3.13 on removes it when it is
closed, if it is still its own. What then goes through the socket is a stream like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import ssl
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .contexts import client_context, server_context
from .declare import shows
from .driving import settle, soon
from .gates import LINUX, UNIX_SOCKETS
from .guests import Guests, closing
from .peers import PATIENCE, receive_all, receive_exactly
from .protocols import Recorder, ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from .peers import InThread
    from .subject import Observe

AF_UNIX: int = getattr(socket, "AF_UNIX", -1)

# 251 is prime: a chunk that goes missing, comes twice or changes places shows.
MEGABYTE = (bytes(range(251)) * 4178)[: 1 << 20]

PATHS = pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "Path"])
METHODS = pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])


def bound(path: Any) -> socket.socket:
    """Return a blocking socket that listens at a path."""
    sock = socket.socket(AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.bind(path)
    sock.listen()
    return sock


def client(path: Any) -> socket.socket:
    """Return a blocking socket that is connected to a path."""
    sock = socket.socket(AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def put(path: str, kind: str) -> None:
    """Put something at a path: a file, a folder, or the socket of somebody who has gone."""
    if kind == "socket":
        bound(path).close()
    elif kind == "folder":
        Path(path).mkdir()
    else:
        Path(path).write_bytes(b"mine")


def kind_of(path: str) -> str | None:
    """Say what is at a path, in the words of :func:`put`; None: nothing."""
    place = Path(path)
    if not place.exists():
        return None
    return "socket" if place.is_socket() else "folder" if place.is_dir() else "file"


@pytest.fixture
def unix_listener(unix_path: str) -> Iterator[socket.socket]:
    """A blocking socket that listens at the path of the case: the peer's server."""
    with bound(unix_path) as sock:
        yield sock


@contextlib.asynccontextmanager
async def connected(
    listener: socket.socket, path: Any = None, **options: Any
) -> AsyncIterator[tuple[asyncio.Transport, Recorder, socket.socket]]:
    """Connect to the peer's server: transport, recorder, and the peer's socket."""
    loop = asyncio.get_running_loop()
    path = listener.getsockname() if path is None else path
    transport, recorder = await soon(loop.create_unix_connection(Recorder, path, **options))
    async with ended(recorder):
        there, _ = listener.accept()
        with there:
            there.settimeout(PATIENCE)
            yield transport, recorder, there


@contextlib.asynccontextmanager
async def serving(path: Any = None, **options: Any) -> AsyncIterator[tuple[asyncio.Server, Guests]]:
    """Let the loop serve a path."""
    guests = Guests()
    server: Any = await soon(asyncio.get_running_loop().create_unix_server(guests, path, **options))
    async with closing(server, guests):
        yield server, guests


async def of_peer(in_thread: InThread, function: Callable[..., bytes], *arguments: Any) -> bytes:
    """Return what a peer's blocking function returns; the loop runs meanwhile."""
    return await soon(asyncio.wrap_future(in_thread(function, *arguments)))


# --- paths --------------------------------------------------------------------------------------------------


@shows("UNX-01", UNIX_SOCKETS)
@PATHS
async def connection_takes_any_path(
    unix_listener: socket.socket, in_thread: InThread, kind: Callable[[str], Any]
) -> None:
    async with connected(unix_listener, kind(unix_listener.getsockname())) as (transport, recorder, there):
        transport.write(b"question")
        assert await of_peer(in_thread, receive_exactly, there, 8) == b"question"
        there.sendall(b"answer")
        await recorder.has(b"answer")


@shows("UNX-01", UNIX_SOCKETS)
@PATHS
async def server_takes_any_path(unix_path: str, in_thread: InThread, kind: Callable[[str], Any]) -> None:
    async with serving(kind(unix_path)) as (_, guests):
        with client(unix_path) as there:
            guest = await guests.come()
            there.sendall(b"question")
            await guest.has(b"question")
            guest.transport.write(b"answer")
            assert await of_peer(in_thread, receive_exactly, there, 6) == b"answer"


@shows("UNX-15", UNIX_SOCKETS)
async def server_tells_where_it_listens(unix_path: str) -> None:
    async with serving(unix_path) as (server, _):
        assert [sock.getsockname() for sock in server.sockets] == [unix_path]


@shows("UNX-01", UNIX_SOCKETS)
async def create_unix_connection_returns_transport_and_protocol(unix_listener: socket.socket) -> None:
    async with connected(unix_listener) as (transport, recorder, _):
        assert recorder.transport is transport
        assert recorder.calls == ["connection_made"]


@shows("UNX-01", UNIX_SOCKETS)
async def addresses_are_paths(unix_listener: socket.socket) -> None:
    async with connected(unix_listener) as (transport, _, _):
        assert transport.get_extra_info("peername") == unix_listener.getsockname()


@shows("UNX-01", UNIX_SOCKETS)
async def loop_talks_to_itself(unix_path: str) -> None:
    async with serving(unix_path) as (_, guests):
        transport, recorder = await soon(asyncio.get_running_loop().create_unix_connection(Recorder, unix_path))
        async with ended(recorder):
            guest = await guests.come()
            transport.write(b"question")
            await guest.has(b"question")
            guest.transport.write(b"answer")
            await recorder.has(b"answer")


@shows("UNX-02", UNIX_SOCKETS)
@pytest.mark.parametrize("alive", [False, True], ids=["stale", "alive"])
async def socket_in_the_way_is_replaced(unix_path: str, alive: bool) -> None:
    with bound(unix_path) as former:
        if not alive:
            former.close()
        async with serving(unix_path) as (_, guests):
            with client(unix_path) as there:
                guest = await guests.come()
                there.sendall(b"data")
                await guest.has(b"data")


@shows("UNX-02", UNIX_SOCKETS)
@pytest.mark.parametrize("kind", ["file", "folder"])
async def anything_else_in_the_way_is_an_address_in_use(unix_path: str, kind: str) -> None:
    put(unix_path, kind)
    with pytest.raises(OSError) as caught:  # the errno is the claim
        await soon(asyncio.get_running_loop().create_unix_server(Recorder, unix_path))
    assert caught.value.errno == errno.EADDRINUSE


@shows("UNX-02", UNIX_SOCKETS)
async def file_in_the_way_is_kept(unix_path: str) -> None:
    put(unix_path, "file")
    with contextlib.suppress(OSError):
        await soon(asyncio.get_running_loop().create_unix_server(Recorder, unix_path))
    assert kind_of(unix_path) == "file"


# --- wrong arguments ----------------------------------------------------------------------------------------


@shows("UNX-03", UNIX_SOCKETS)
@METHODS
async def path_beside_a_socket_is_refused(unix_path: str, method: str) -> None:
    with socket.socket(AF_UNIX, socket.SOCK_STREAM) as sock, pytest.raises(ValueError):
        await soon(getattr(asyncio.get_running_loop(), method)(Recorder, unix_path, sock=sock))


@shows("UNX-03", UNIX_SOCKETS)
@METHODS
async def neither_path_nor_socket_is_refused(method: str) -> None:
    with pytest.raises(ValueError):
        await soon(getattr(asyncio.get_running_loop(), method)(Recorder))


@shows("UNX-03", UNIX_SOCKETS)
@METHODS
async def socket_of_another_family_is_refused(method: str) -> None:
    with socket.socket() as sock, pytest.raises(ValueError):
        await soon(getattr(asyncio.get_running_loop(), method)(Recorder, sock=sock))


@shows("UNX-03", UNIX_SOCKETS)
@METHODS
async def datagram_socket_is_refused(method: str) -> None:
    with socket.socket(AF_UNIX, socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        await soon(getattr(asyncio.get_running_loop(), method)(Recorder, sock=sock))


@shows("UNX-04", UNIX_SOCKETS)
async def server_name_without_ssl_is_refused(unix_listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_unix_connection(Recorder, unix_listener.getsockname(), server_hostname="localhost"))


@shows("UNX-04", UNIX_SOCKETS)
async def ssl_without_a_server_name_is_refused(unix_listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ValueError):
        await soon(loop.create_unix_connection(Recorder, unix_listener.getsockname(), ssl=True))


@shows("UNX-04", UNIX_SOCKETS)
@METHODS
@pytest.mark.parametrize("keyword", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
async def timeout_without_ssl_is_refused(unix_path: str, method: str, keyword: str) -> None:
    with pytest.raises(ValueError):
        await soon(getattr(asyncio.get_running_loop(), method)(Recorder, unix_path, **{keyword: 1.0}))


# --- the file -----------------------------------------------------------------------------------------------


@shows("UNX-05", UNIX_SOCKETS)
@PATHS
async def closed_server_removes_its_file(unix_path: str, kind: Callable[[str], Any]) -> None:
    async with serving(kind(unix_path)) as (server, _):
        before = kind_of(unix_path)
        server.close()
        assert (before, kind_of(unix_path)) == ("socket", None)


@shows("UNX-05", UNIX_SOCKETS)
async def closed_server_removes_the_file_of_its_socket(unix_path: str) -> None:
    with bound(unix_path) as sock:
        async with serving(sock=sock) as (server, _):
            server.close()
            assert kind_of(unix_path) is None


@shows("UNX-05", UNIX_SOCKETS)
async def file_is_kept_without_cleanup_socket(unix_path: str) -> None:
    async with serving(unix_path, cleanup_socket=False) as (server, _):
        server.close()
        await settle()
        assert kind_of(unix_path) == "socket"


@shows("UNX-05", UNIX_SOCKETS)
@pytest.mark.parametrize("kind", ["file", "socket"])
async def file_of_somebody_else_is_kept(unix_path: str, kind: str) -> None:
    async with serving(unix_path) as (server, _):
        # Renamed, so that nothing else gets the number of its inode.
        os.rename(unix_path, f"{unix_path}-former")  # noqa: PTH104
        put(unix_path, kind)
        server.close()
        await settle()
        assert kind_of(unix_path) == kind


@shows("UNX-05", UNIX_SOCKETS)
async def missing_file_is_no_error(unix_path: str) -> None:
    async with serving(unix_path) as (server, _):
        os.unlink(unix_path)  # noqa: PTH108
        server.close()
        await soon(server.wait_closed())


@shows("UNX-06", UNIX_SOCKETS)
async def wait_closed_returns_where_the_file_cannot_be_removed(unix_path: str) -> None:
    """The file's folder has become a file: not even root can look inside."""
    folder = f"{unix_path}-folder"
    put(folder, "folder")
    async with serving(f"{folder}/socket") as (server, _):
        shutil.rmtree(folder)
        put(folder, "file")
        with contextlib.suppress(OSError):  # whether it complains is another question
            server.close()
        await soon(server.wait_closed())


@pytest.fixture
def abstract_name() -> str:
    """A name in Linux' abstract namespace that nobody else has."""
    return f"\0everyloop-{uuid.uuid4()}"


@shows("UNX-07", LINUX)
@pytest.mark.parametrize("kind", [str, os.fsencode], ids=["str", "bytes"])
async def connection_takes_an_abstract_name(abstract_name: str, kind: Callable[[str], Any]) -> None:
    with bound(abstract_name) as listener:
        async with connected(listener, kind(abstract_name)) as (_, recorder, there):
            there.sendall(b"data")
            await recorder.has(b"data")


@shows("UNX-07", LINUX)
@pytest.mark.parametrize("kind", [str, os.fsencode], ids=["str", "bytes"])
async def server_takes_an_abstract_name(abstract_name: str, kind: Callable[[str], Any]) -> None:
    async with serving(kind(abstract_name)) as (_, guests):
        with client(abstract_name) as there:
            guest = await guests.come()
            there.sendall(b"data")
            await guest.has(b"data")


@shows("UNX-07", LINUX)
async def closed_server_gives_its_abstract_name_back(abstract_name: str) -> None:
    async with serving(abstract_name) as (server, _):
        server.close()
        await soon(server.wait_closed())
        await settle()
        with bound(abstract_name):
            pass


# --- failures -----------------------------------------------------------------------------------------------


def lowest_descriptor() -> int:
    """Return the lowest number that no open file has."""
    with socket.socket() as sock:
        return sock.fileno()


async def fails_without_a_trace(kind: type[OSError], method: str, path: str) -> None:
    """Fail twice: what a loop opens once, the first failure has opened."""
    descriptors = []
    for _ in range(2):
        with pytest.raises(kind):
            await soon(getattr(asyncio.get_running_loop(), method)(Recorder, path))
        await settle()
        descriptors.append(lowest_descriptor())
    assert descriptors[0] == descriptors[1], "a descriptor is left open"


@shows("UNX-08", UNIX_SOCKETS)
async def path_without_anything_is_not_found(unix_path: str) -> None:
    await fails_without_a_trace(FileNotFoundError, "create_unix_connection", unix_path)


@shows("UNX-08", UNIX_SOCKETS)
async def path_without_a_listener_refuses(unix_path: str) -> None:
    bound(unix_path).close()
    await fails_without_a_trace(ConnectionRefusedError, "create_unix_connection", unix_path)


@shows("UNX-08", UNIX_SOCKETS)
async def path_in_a_folder_that_is_not_there_is_not_found(unix_path: str) -> None:
    await fails_without_a_trace(FileNotFoundError, "create_unix_server", f"{unix_path}/socket")


@shows("UNX-08", UNIX_SOCKETS)
@METHODS
async def path_that_is_too_long_is_refused(unix_path: str, method: str) -> None:
    await fails_without_a_trace(OSError, method, unix_path + "x" * 200)


# --- the stream ---------------------------------------------------------------------------------------------


@shows("UNX-09", UNIX_SOCKETS)
@pytest.mark.parametrize("size", [1, 1000, len(MEGABYTE)])
async def last_data_of_a_server_come_before_the_end(
    unix_listener: socket.socket, in_thread: InThread, size: int
) -> None:
    def send(there: socket.socket) -> None:
        there.sendall(MEGABYTE[:size])
        there.close()

    async with connected(unix_listener) as (_, recorder, there):
        in_thread(send, there)
        assert await soon(recorder.lost) is None
        assert recorder.received == MEGABYTE[:size], "the bytes have changed on their way"
        assert recorder.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


@shows("UNX-09", UNIX_SOCKETS)
async def last_data_of_a_client_come_before_the_end(unix_path: str) -> None:
    """The client is gone before the loop has accepted it."""
    async with serving(unix_path) as (_, guests):
        with client(unix_path) as there:
            there.sendall(b"last words")
        guest = await guests.come()
        assert await soon(guest.lost) is None
        assert guest.received == b"last words"


@shows("UNX-09", UNIX_SOCKETS)
async def data_come_before_the_end_although_reading_was_paused(unix_listener: socket.socket) -> None:
    async with connected(unix_listener) as (transport, recorder, there):
        transport.pause_reading()
        there.sendall(b"last words")
        there.close()
        await settle(10)
        transport.resume_reading()
        await soon(recorder.lost)
        assert recorder.received == b"last words"


@shows("UNX-09", UNIX_SOCKETS)
async def close_sends_what_was_written(unix_listener: socket.socket, in_thread: InThread) -> None:
    async with connected(unix_listener) as (transport, recorder, there):
        transport.write(MEGABYTE)
        transport.close()
        received = await of_peer(in_thread, receive_all, there)
        assert received == MEGABYTE, "the bytes have changed on their way"
        assert await soon(recorder.lost) is None


@shows("UNX-10")
@METHODS
async def windows_has_no_unix_sockets(observe: Observe, method: str) -> None:
    try:
        await getattr(asyncio.get_running_loop(), method)(Recorder, "socket")
    except NotImplementedError:
        observe("NotImplementedError")
    except (AttributeError, OSError) as error:
        observe(repr(error))
    else:
        observe("works")


@shows("UNX-11", UNIX_SOCKETS)
async def name_of_a_socket_without_one(unix_listener: socket.socket, observe: Observe) -> None:
    async with connected(unix_listener) as (transport, _, _):
        observe(f"sockname is {transport.get_extra_info('sockname')!r}")


@shows("UNX-12", UNIX_SOCKETS)
async def server_serves_tls(unix_path: str, in_thread: InThread) -> None:
    def talk() -> bytes:
        with (
            client(unix_path) as sock,
            client_context().wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"question")
            return receive_exactly(tls, 6)

    async with serving(unix_path, ssl=server_context()) as (_, guests):
        answer = in_thread(talk)
        guest = await guests.come()
        await guest.has(b"question")
        guest.transport.write(b"answer")
        assert await soon(asyncio.wrap_future(answer)) == b"answer"


@shows("UNX-12", UNIX_SOCKETS)
async def loop_talks_tls_to_itself(unix_path: str) -> None:
    loop = asyncio.get_running_loop()
    async with serving(unix_path, ssl=server_context()) as (_, guests):
        transport, recorder = await soon(
            loop.create_unix_connection(Recorder, unix_path, ssl=client_context(), server_hostname="localhost")
        )
        async with ended(recorder):
            guest = await guests.come()
            transport.write(b"question")
            await guest.has(b"question")
            guest.transport.write(b"answer")
            await recorder.has(b"answer")


@shows("UNX-12", UNIX_SOCKETS)
async def server_with_another_name_is_not_trusted(unix_path: str) -> None:
    """The name that is checked is server_hostname."""
    loop = asyncio.get_running_loop()
    async with serving(unix_path, ssl=server_context()):
        with pytest.raises(ssl.SSLCertVerificationError):
            await soon(
                loop.create_unix_connection(Recorder, unix_path, ssl=client_context(), server_hostname="example.org")
            )


# --- cancelling ---------------------------------------------------------------------------------------------


@shows("UNX-13", UNIX_SOCKETS)
@pytest.mark.parametrize("turns", range(5))
async def cancelled_connection_is_closed(unix_listener: socket.socket, turns: int) -> None:
    """It ends with a connection or with CancelledError; then the peer sees the end, if it saw anything."""
    connecting = asyncio.ensure_future(
        asyncio.get_running_loop().create_unix_connection(Recorder, unix_listener.getsockname())
    )
    await settle(turns)
    connecting.cancel()
    await asyncio.wait({connecting}, timeout=PATIENCE)
    if not connecting.cancelled():
        connecting.result()[0].abort()
    await settle(5)
    unix_listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        there, _ = unix_listener.accept()
        with there:
            there.settimeout(PATIENCE)
            assert there.recv(1) == b""


@shows("UNX-13", UNIX_SOCKETS)
async def given_socket_of_a_cancelled_connection_is_closed() -> None:
    here, there = socket.socketpair(AF_UNIX)
    with here, there:
        there.settimeout(PATIENCE)
        connecting = asyncio.ensure_future(asyncio.get_running_loop().create_unix_connection(Recorder, sock=here))
        await settle(1)
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=PATIENCE)
        if not connecting.cancelled():
            connecting.result()[0].abort()
        await settle(5)
        assert here.fileno() == -1, "the socket object believes to be open"
        assert there.recv(1) == b""


# --- the other keywords -------------------------------------------------------------------------------------


@shows("UNX-14", UNIX_SOCKETS)
async def connection_drives_a_given_socket() -> None:
    here, there = socket.socketpair(AF_UNIX)
    with here, there:
        transport, recorder = await soon(asyncio.get_running_loop().create_unix_connection(Recorder, sock=here))
        async with ended(recorder):
            there.sendall(b"data")
            await recorder.has(b"data")
            assert recorder.transport is transport


@shows("UNX-14", UNIX_SOCKETS)
async def server_serves_a_given_socket(unix_path: str) -> None:
    with socket.socket(AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(unix_path)
        async with serving(sock=sock) as (_, guests):
            with client(unix_path) as there:
                there.sendall(b"data")
                await (await guests.come()).has(b"data")


@shows("UNX-14", UNIX_SOCKETS)
async def server_waits_for_start_serving(unix_path: str) -> None:
    async with serving(unix_path, start_serving=False) as (server, guests):
        with pytest.raises(ConnectionRefusedError):
            client(unix_path)
        await soon(server.start_serving())
        with client(unix_path):
            await guests.come()


async def admitted(path: str, backlog: int) -> int:
    """Return how many clients get into the queue of a server while its loop is busy."""
    async with serving(path, backlog=backlog):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            count = 0
            while count < 60:
                sock = stack.enter_context(socket.socket(AF_UNIX, socket.SOCK_STREAM))
                sock.setblocking(False)
                sock.connect(path)
                count += 1
        return count


@shows("UNX-14", UNIX_SOCKETS)
async def backlog_is_how_many_may_wait(unix_path: str) -> None:
    short = await admitted(unix_path, 2)
    long = await admitted(unix_path, 30)
    assert 2 <= short < long < 60


# --- timeouts of TLS ----------------------------------------------------------------------------------------


@shows("UNX-16", UNIX_SOCKETS)
async def handshake_takes_too_long(unix_listener: socket.socket, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ConnectionAbortedError):
        await soon(
            loop.create_unix_connection(
                Recorder,
                unix_listener.getsockname(),
                ssl=client_context(),
                server_hostname="localhost",
                ssl_handshake_timeout=0.02,
            )
        )
    there, _ = unix_listener.accept()
    with there:
        there.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            await of_peer(in_thread, receive_all, there)


@shows("UNX-16", UNIX_SOCKETS)
async def server_closes_a_connection_whose_handshake_takes_too_long(unix_path: str, in_thread: InThread) -> None:
    async with serving(unix_path, ssl=server_context(), ssl_handshake_timeout=0.02):
        with client(unix_path) as there, contextlib.suppress(ConnectionResetError):
            assert await of_peer(in_thread, receive_all, there) == b""


def _serve_tls(listener: socket.socket) -> ssl.SSLSocket:
    there, _ = listener.accept()
    there.settimeout(PATIENCE)
    return server_context().wrap_socket(there, server_side=True)


@shows("UNX-16", UNIX_SOCKETS)
async def unanswered_close_of_a_client_is_cut_short(unix_listener: socket.socket, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    shaken = in_thread(_serve_tls, unix_listener)
    path = unix_listener.getsockname()
    options: dict[str, Any] = {"server_hostname": "localhost", "ssl_shutdown_timeout": 0.02}
    transport, recorder = await soon(loop.create_unix_connection(Recorder, path, ssl=client_context(), **options))
    async with ended(recorder):
        with await soon(asyncio.wrap_future(shaken)):
            transport.close()
            await soon(recorder.lost)


@shows("UNX-16", UNIX_SOCKETS)
async def unanswered_close_of_a_server_is_cut_short(unix_path: str, in_thread: InThread) -> None:
    def call() -> ssl.SSLSocket:
        return client_context().wrap_socket(client(unix_path), server_hostname="localhost")

    async with serving(unix_path, ssl=server_context(), ssl_shutdown_timeout=0.02) as (_, guests):
        with await soon(asyncio.wrap_future(in_thread(call))):
            guest = await guests.come()
            guest.transport.close()
            await soon(guest.lost)
