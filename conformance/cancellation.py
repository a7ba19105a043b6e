"""CAN: cancelling what a task waits for, at every point where it can be waiting.

Everything that a loop does for a task can be called off: connecting, shaking hands, looking up a name, starting a
child. Whoever cancels is not kept waiting, whatever the peer does or does not do; what had been opened by then is
closed again, and the loop is none the worse for it.

The operations here have several points of waiting. Each is begun again and again, and cancelled one iteration of the
loop later every time. Operations on sockets, servers, streams and files that wait at one point are cancelled in their
own areas.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .contexts import client_context, server_context
from .declare import shows
from .descriptors import folder, is_open, open_descriptors
from .driving import settle, soon
from .gates import POSIX, WAITID, Gate
from .guests import LOOPBACK, Guests, address, closing, connect
from .peers import PATIENCE
from .protocols import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .peers import InThread

# A context takes longer to make than to use.
CLIENT = functools.cache(client_context)
SERVER = functools.cache(server_context)

# What not every system has, untyped: the cases that use it are gated.
_posix: Any = os

ITERATIONS = 12
"""How many iterations of the loop an operation is given at most before it is cancelled."""


def _localhost_is_loopback() -> bool:
    try:
        found = socket.getaddrinfo("localhost", 0, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return found[0][4][0] == LOOPBACK


LOCALHOST = Gate("localhost-ipv4", "needs a localhost that is 127.0.0.1", _localhost_is_loopback)
DEV_FD = Gate(
    "dev-fd", "needs /dev/fd, a directory of the open descriptors", Path("/dev/fd").is_dir, never_on=("win32",)
)


def has_children() -> bool:
    """Whether this process has a child, be it alive or a zombie."""
    try:
        _posix.waitid(_posix.P_ALL, 0, _posix.WEXITED | _posix.WNOHANG | _posix.WNOWAIT)
    except ChildProcessError:
        return False
    return True


CHILDLESS = Gate(
    "childless",
    "needs os.waitid() and a process without children of its own",
    lambda: WAITID.holds() and not has_children(),
    never_on=("win32",),
)


def do_nothing(*_: object) -> None: ...


@dataclass(frozen=True)
class Attempt:
    """One operation to cancel or to carry through.

    Attributes:
        begin: starts it.
        answer: what its peer does to carry it through, blocking; what it returns is closed at the end.
        undo: ends what came of it.
        kept: what stays open after it was cancelled: the peer's side.
    """

    begin: Callable[[], Awaitable[Any]]
    answer: Callable[[], Any] = do_nothing
    undo: Callable[[Any], object] = do_nothing
    kept: tuple[Any, ...] = ()


def abort(connected: Any) -> None:
    """End a connection or an endpoint, of which an operation returned the transport, perhaps beside a protocol."""
    (connected[0] if isinstance(connected, tuple) else connected).abort()


def close(connected: Any) -> None:
    connected[0].close()


def accept(listener: socket.socket) -> socket.socket:
    return listener.accept()[0]


def shake_hands(there: socket.socket, *, server_side: bool) -> socket.socket:
    """Be the peer of a handshake; it knows nobody's certificate who calls."""
    there.settimeout(PATIENCE)
    if server_side:
        return SERVER().wrap_socket(there, server_side=True)
    return CLIENT().wrap_socket(there, server_hostname="localhost")


def accept_and_shake_hands(listener: socket.socket) -> socket.socket:
    return shake_hands(accept(listener), server_side=True)


# --- the operations -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def connecting(host: str = LOOPBACK, **options: Any) -> AsyncIterator[Attempt]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        yield Attempt(
            lambda: loop.create_connection(Recorder, host, port, family=socket.AF_INET, **options),
            functools.partial(accept, listener),
            abort,
            (listener,),
        )


@contextlib.asynccontextmanager
async def connecting_over_tls() -> AsyncIterator[Attempt]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(PATIENCE)
        where = listener.getsockname()
        loop = asyncio.get_running_loop()
        yield Attempt(
            lambda: loop.create_connection(Recorder, *where, ssl=CLIENT()),
            functools.partial(accept_and_shake_hands, listener),
            abort,
            (listener,),
        )


@contextlib.asynccontextmanager
async def connecting_by_path(*, tls: bool = False) -> AsyncIterator[Attempt]:
    family: int = getattr(socket, "AF_UNIX", -1)
    with folder() as place, socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.settimeout(PATIENCE)
        path = str(place / "socket")
        listener.bind(path)
        listener.listen()
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"ssl": CLIENT(), "server_hostname": "localhost"} if tls else {}
        yield Attempt(
            lambda: loop.create_unix_connection(Recorder, path, **options),
            functools.partial(accept_and_shake_hands if tls else accept, listener),
            abort,
            (listener,),
        )


@contextlib.asynccontextmanager
async def taking_over_a_connection(*, tls: bool = False) -> AsyncIterator[Attempt]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        there = connect(listener.getsockname())
        here, _ = listener.accept()
        with here, there:
            loop = asyncio.get_running_loop()
            yield Attempt(
                lambda: loop.connect_accepted_socket(Recorder, here, ssl=SERVER() if tls else None),
                functools.partial(shake_hands, there, server_side=False) if tls else do_nothing,
                abort,
                (listener, there),
            )


@contextlib.asynccontextmanager
async def going_over_to_tls(*, server_side: bool) -> AsyncIterator[Attempt]:
    here, there = socket.socketpair()
    with here, there:
        loop = asyncio.get_running_loop()
        plain, recorder = await soon(loop.create_connection(Recorder, sock=here))
        plain.pause_reading()  # what the peer says from now on is TLS

        def begin() -> Awaitable[Any]:
            if server_side:
                return loop.start_tls(plain, recorder, SERVER(), server_side=True)
            return loop.start_tls(plain, recorder, CLIENT(), server_hostname="localhost")

        try:
            yield Attempt(begin, functools.partial(shake_hands, there, server_side=not server_side), abort, (there,))
        finally:
            plain.abort()
            await settle()


@contextlib.asynccontextmanager
async def opening_an_endpoint(host: str = LOOPBACK) -> AsyncIterator[Attempt]:
    loop = asyncio.get_running_loop()
    yield Attempt(
        lambda: loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(host, 0), remote_addr=(host, 9), family=socket.AF_INET
        ),
        undo=abort,
    )


@contextlib.asynccontextmanager
async def taking_over_a_pipe(method: str) -> AsyncIterator[Attempt]:
    loop = asyncio.get_running_loop()
    ends = os.pipe()
    reader, writer = FileIO(ends[0]), FileIO(ends[1], "w")
    try:
        if method == "connect_read_pipe":
            yield Attempt(lambda: loop.connect_read_pipe(asyncio.Protocol, reader), undo=close, kept=(writer,))
        else:
            yield Attempt(lambda: loop.connect_write_pipe(asyncio.BaseProtocol, writer), undo=close, kept=(reader,))
    finally:
        for end in reader, writer:
            with contextlib.suppress(OSError):  # a loop may have closed the descriptor and not the file: PIP-13
                end.close()


class Child(asyncio.SubprocessProtocol):
    """A protocol that knows when its child has gone."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@contextlib.asynccontextmanager
async def starting_a_child(method: str) -> AsyncIterator[Attempt]:
    loop = asyncio.get_running_loop()
    closed: list[Child] = []

    def begin() -> Awaitable[Any]:
        if method == "subprocess_exec":
            return loop.subprocess_exec(Child, "sleep", "30")
        return loop.subprocess_shell(Child, "exec sleep 30")

    def undo(started: tuple[asyncio.SubprocessTransport, Child]) -> None:
        transport, protocol = started
        transport.close()
        closed.append(protocol)

    yield Attempt(begin, undo=undo)
    for protocol in closed:
        await soon(protocol.lost)


@contextlib.asynccontextmanager
async def connecting_a_socket(host: str) -> AsyncIterator[Attempt]:
    with socket.create_server((LOOPBACK, 0)) as listener, socket.socket() as here:
        here.setblocking(False)
        where = host, listener.getsockname()[1]
        yield Attempt(lambda: asyncio.get_running_loop().sock_connect(here, where), kept=(listener, here))


@contextlib.asynccontextmanager
async def looking_up(method: str) -> AsyncIterator[Attempt]:
    loop = asyncio.get_running_loop()
    if method == "getaddrinfo":
        yield Attempt(lambda: loop.getaddrinfo("localhost", 80))
    else:
        yield Attempt(lambda: loop.getnameinfo((LOOPBACK, 80)))


@contextlib.asynccontextmanager
async def leaving_a_server() -> AsyncIterator[Attempt]:
    """Leave the block of a server that has a connection; it is left when the client has gone."""
    guests = Guests()
    server = await soon(asyncio.get_running_loop().create_server(guests, LOOPBACK, 0))
    with connect(address(server)) as there:
        async with closing(server, guests):
            await guests.come()
            yield Attempt(functools.partial(server.__aexit__, None, None, None), there.close)


Operation = Callable[[], contextlib.AbstractAsyncContextManager[Attempt]]

ENDPOINTS: dict[str, Operation] = {
    "create_datagram_endpoint": opening_an_endpoint,
    "create_datagram_endpoint, name": functools.partial(opening_an_endpoint, "localhost"),
}
PORTABLE: dict[str, Operation] = {
    "create_connection": connecting,
    "create_connection, name": functools.partial(connecting, "localhost"),
    "create_connection, happy eyeballs": functools.partial(connecting, "localhost", happy_eyeballs_delay=0.01),
    "create_connection, tls": connecting_over_tls,
    "connect_accepted_socket": taking_over_a_connection,
    "connect_accepted_socket, tls": functools.partial(taking_over_a_connection, tls=True),
    "start_tls, client": functools.partial(going_over_to_tls, server_side=False),
    "start_tls, server": functools.partial(going_over_to_tls, server_side=True),
    **ENDPOINTS,
    "Server.__aexit__": leaving_a_server,
    "getaddrinfo": functools.partial(looking_up, "getaddrinfo"),
    "getnameinfo": functools.partial(looking_up, "getnameinfo"),
}
# Windows has no Unix sockets, and what its loops do of the rest they do with limits.
OF_POSIX: dict[str, Operation] = {
    "create_unix_connection": connecting_by_path,
    "create_unix_connection, tls": functools.partial(connecting_by_path, tls=True),
    "connect_read_pipe": functools.partial(taking_over_a_pipe, "connect_read_pipe"),
    "connect_write_pipe": functools.partial(taking_over_a_pipe, "connect_write_pipe"),
    "subprocess_exec": functools.partial(starting_a_child, "subprocess_exec"),
    "subprocess_shell": functools.partial(starting_a_child, "subprocess_shell"),
    "sock_connect, name": functools.partial(connecting_a_socket, "localhost"),
}
EVERYTHING = {**PORTABLE, **OF_POSIX}
# An endpoint may take a varying number of iterations: a loop that keeps what is cancelled in a certain one would be
# found out now and then. UDP-01 cancels it where it is, not after so many.
# A server that is left goes on with the connections it has.
COUNTABLE = {name: operation for name, operation in EVERYTHING.items() if name not in {*ENDPOINTS, "Server.__aexit__"}}


# --- cancelling -------------------------------------------------------------------------------------------------


async def cancel(attempt: Attempt, iterations: int) -> tuple[bool, bool]:
    """Cancel an attempt after so many iterations of the loop; return whether it was over then, and is cancelled."""
    task = asyncio.ensure_future(attempt.begin())
    await settle(iterations)
    over = task.done()
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    assert task.done(), f"cancelled after {iterations} iterations of the loop, it still waits"
    if not task.cancelled():
        attempt.undo(task.result())
    await settle()
    return over, task.cancelled()


async def cancel_everywhere(operation: Operation, before: set[int] | None = None) -> None:
    """Cancel an operation at the first iteration of the loop, the second, and so on until it has ended by itself.

    Args:
        operation: makes the attempts.
        before: the descriptors that may be open after each of them, beside what it keeps; None: nobody looks.
    """
    for iterations in range(ITERATIONS):
        async with operation() as attempt:
            over, cancelled = await cancel(attempt, iterations)
            # What was given to an operation that was never begun is still open; and while its peer is there, nobody
            # but the loop ends what was begun.
            if before is not None and iterations and cancelled:
                await nothing_newis_open(before | {kept.fileno() for kept in attempt.kept})
        if over:
            return


async def carry_through(operation: Operation, in_thread: InThread) -> None:
    """Let an operation come to its end."""
    async with operation() as attempt:
        answer = in_thread(attempt.answer)
        result = await soon(attempt.begin())
        there = await soon(asyncio.wrap_future(answer))
        attempt.undo(result)
        if there is not None:
            there.close()
        await settle()


async def nothing_newis_open(before: set[int]) -> None:
    """Wait until no descriptors are open that were not before; what only waits to be collected is no leak."""
    deadline = time.monotonic() + PATIENCE
    while opened := open_descriptors() - before:
        gc.collect()
        assert time.monotonic() < deadline, f"{len(opened)} descriptors were left open"
        await asyncio.sleep(0.005)


@shows("CAN-01", LOCALHOST)
@pytest.mark.parametrize("operation", PORTABLE.values(), ids=PORTABLE)
async def cancelled_operation_ends_at_once(operation: Operation) -> None:
    """Nobody answers: what does not end now never does."""
    await cancel_everywhere(operation)


@shows("CAN-01", POSIX, LOCALHOST)
@pytest.mark.parametrize("operation", OF_POSIX.values(), ids=OF_POSIX)
async def cancelled_operation_of_posix_ends_at_once(operation: Operation) -> None:
    await cancel_everywhere(operation)


@shows("CAN-02", DEV_FD, LOCALHOST)
@pytest.mark.parametrize("operation", COUNTABLE.values(), ids=COUNTABLE)
async def cancelled_operation_leaves_no_descriptor(operation: Operation, in_thread: InThread) -> None:
    await carry_through(operation, in_thread)  # opens what a loop opens once and keeps
    before = open_descriptors()
    await cancel_everywhere(operation, before)


@shows("CAN-02", CHILDLESS)
@pytest.mark.parametrize("method", ["subprocess_exec", "subprocess_shell"])
async def cancelled_start_leaves_no_child(method: str) -> None:
    await cancel_everywhere(functools.partial(starting_a_child, method))
    deadline = time.monotonic() + PATIENCE
    while has_children():
        assert time.monotonic() < deadline, "there is a child, alive or a zombie"
        await asyncio.sleep(0.005)


@shows("CAN-03", LOCALHOST)
@pytest.mark.parametrize("operation", PORTABLE.values(), ids=PORTABLE)
async def operation_is_carried_through_after_it_was_cancelled(operation: Operation, in_thread: InThread) -> None:
    await cancel_everywhere(operation)
    await carry_through(operation, in_thread)


@shows("CAN-03", POSIX, LOCALHOST)
@pytest.mark.parametrize("operation", OF_POSIX.values(), ids=OF_POSIX)
async def operation_of_posix_is_carried_through_after_it_was_cancelled(
    operation: Operation, in_thread: InThread
) -> None:
    await cancel_everywhere(operation)
    await carry_through(operation, in_thread)


@shows("CAN-04", POSIX)
@pytest.mark.parametrize("method", ["create_connection", "create_unix_connection"])
async def cancelled_operation_does_not_close_a_socket_behind_its_back(method: str) -> None:
    create = getattr(asyncio.get_running_loop(), method)
    for iterations in range(ITERATIONS):
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            attempt = Attempt(functools.partial(create, Recorder, sock=here), do_nothing, abort, (there,))
            over, _ = await cancel(attempt, iterations)
            assert here.fileno() == -1 or is_open(here.fileno())
        if over:
            return
