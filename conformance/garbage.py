"""GC: garbage and leaks.

A loop keeps what it needs and no longer: a callback until it has run, a transport while it reads, itself while somebody
refers to it. What a loop opened is closed with it, and what failed leaves nothing.

Loops open some things only once in a process, and keep them: every measurement of leaks follows a round that is not
measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .descriptors import open_descriptors
from .driving import settle, soon, turn
from .gates import POSIX, Gate
from .lives import LIVES
from .peers import PATIENCE, InThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .subject import Exploring, LoopFactory

SocketPair = tuple[socket.socket, socket.socket]
REFERENCE_COUNTS = Gate(
    "reference-counts",
    "needs references that are counted at once: CPython with its global lock",
    lambda: sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)(),
)


class Mortal:
    """Something whose death is seen."""


def do_nothing(*_: object) -> None: ...


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Collect the garbage there is, and then none for the length of the block."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# GC-01: arguments of callbacks


SCHEDULES: dict[str, Callable[..., asyncio.Handle]] = {
    "call_soon": lambda loop, *rest: loop.call_soon(*rest),
    "call_soon_threadsafe": lambda loop, *rest: loop.call_soon_threadsafe(*rest),
    "call_later": lambda loop, *rest: loop.call_later(0.001, *rest),
    "call_at": lambda loop, *rest: loop.call_at(loop.time() + 0.001, *rest),
}
every_schedule = pytest.mark.parametrize("method", SCHEDULES)


@every_schedule
@shows("GC-01", REFERENCE_COUNTS)
async def argument_is_freed_when_the_callback_has_run(method: str) -> None:
    loop = asyncio.get_running_loop()
    mortal = Mortal()
    reference = weakref.ref(mortal)
    with no_collection():
        SCHEDULES[method](loop, do_nothing, mortal)
        del mortal
        assert reference() is not None
        await asyncio.sleep(0.002)
        await settle()
        assert reference() is None


@every_schedule
@shows("GC-01", REFERENCE_COUNTS)
async def argument_is_freed_when_the_callback_is_cancelled(method: str) -> None:
    loop = asyncio.get_running_loop()
    mortal = Mortal()
    reference = weakref.ref(mortal)
    with no_collection():
        handle = SCHEDULES[method](loop, do_nothing, mortal)
        del mortal
        handle.cancel()
        await settle()
        assert reference() is None


@pytest.mark.parametrize("method", ["reader", "writer"])
@shows("GC-01", REFERENCE_COUNTS)
async def argument_is_freed_when_a_watcher_is_removed(method: str, socket_pair: SocketPair) -> None:
    loop = asyncio.get_running_loop()
    mortal = Mortal()
    reference = weakref.ref(mortal)
    with no_collection():
        getattr(loop, f"add_{method}")(socket_pair[0].fileno(), do_nothing, mortal)
        del mortal
        await settle()
        assert reference() is not None
        getattr(loop, f"remove_{method}")(socket_pair[0].fileno())
        await settle()
        assert reference() is None


# GC-02, GC-03: who keeps whom


def _nothing(_: asyncio.AbstractEventLoop, __: socket.socket) -> None: ...


def _leave_a_callback(loop: asyncio.AbstractEventLoop, _: socket.socket) -> None:
    loop.call_soon(do_nothing, loop)
    loop.call_soon_threadsafe(do_nothing, loop)


def _leave_a_timer(loop: asyncio.AbstractEventLoop, _: socket.socket) -> None:
    loop.call_later(3600, do_nothing, loop)


def _leave_a_transport(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=sock))


def _leave_a_server(loop: asyncio.AbstractEventLoop, _: socket.socket) -> None:
    loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))


def _leave_a_datagram_transport(loop: asyncio.AbstractEventLoop, _: socket.socket) -> None:
    create = loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    loop.run_until_complete(create)


BELONGINGS = {
    "nothing": _nothing,
    "callback": _leave_a_callback,
    "timer": _leave_a_timer,
    "transport": _leave_a_transport,
    "server": _leave_a_server,
    "datagram transport": _leave_a_datagram_transport,
}


@pytest.mark.parametrize("belonging", BELONGINGS)
@shows("GC-02")
def abandoned_loop_is_collected(belonging: str, new_loop: LoopFactory, socket_pair: SocketPair) -> None:
    loop = new_loop()
    reference = weakref.ref(loop)
    turn(loop)
    BELONGINGS[belonging](loop, socket.socket(fileno=os.dup(socket_pair[0].fileno())) if os.name == "posix" else None)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del loop
        gc.collect()
        gc.collect()  # what finalizers let go of
    assert reference() is None


class Keeping(asyncio.Protocol):
    """Tells of the data it gets, and keeps its transport."""

    def __init__(self, received: asyncio.Future[bytes]) -> None:
        self._received = received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received.set_result(data)
        self._transport.close()


@shows("GC-03")
async def reading_transport_is_kept(tcp_pair: SocketPair) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    received = loop.create_future()
    await loop.create_connection(lambda: Keeping(received), sock=here.dup())
    here.close()
    await settle()
    gc.collect()
    there.sendall(b"data")
    assert await soon(received) == b"data"
    await settle()


@shows("GC-03")
async def serving_server_is_kept(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    received = loop.create_future()
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    servers = [await loop.create_server(lambda: Keeping(received), sock=listening)]
    reference = weakref.ref(servers[0])
    del listening
    servers.clear()
    await settle()
    gc.collect()

    def talk() -> None:
        with socket.create_connection(address, PATIENCE) as peer:
            peer.sendall(b"data")
            peer.recv(1)

    talked = asyncio.wrap_future(in_thread(talk))
    try:
        assert await soon(received) == b"data"
    finally:
        if (server := reference()) is not None:
            server.close()
    await talked


# GC-04: the end of an interpreter

OPEN = {
    "a loop": "",
    "callbacks and timers": "loop.call_soon(print); loop.call_later(3600, print)",
    "a transport": """
import socket
here, there = socket.socketpair()
here.setblocking(False)
transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=here))
transport.write(b"something")
""",
    "a server": "server = loop.run_until_complete(loop.create_server(asyncio.Protocol, '127.0.0.1', 0))",
    "a task": "task = loop.create_task(asyncio.sleep(3600)); loop.run_until_complete(asyncio.sleep(0))",
}


@pytest.mark.parametrize("left", OPEN)
@pytest.mark.usefixtures("new_loop")  # a guest's loop ends with its host
@shows("GC-04")
def interpreter_ends_with_something_open(left: str, exploring: Exploring) -> None:
    """It takes the start of an interpreter."""
    program = f"import asyncio, sys\nsys.path[:] = {sys.path!r}\n{exploring.factory}\nloop = new_loop()\n{OPEN[left]}"
    ended = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b""), ended.stderr.decode(errors="replace")


# GC-05, GC-06: one loop, and many


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
    transport.close()
    server.close()
    await asyncio.sleep(0.001)


LONGER_LIVES = {**LIVES, "served": _serve}


def live_and_close(new_loop: LoopFactory, life: str) -> None:
    loop = new_loop()
    loop.run_until_complete(LONGER_LIVES[life]())
    loop.close()


@pytest.mark.parametrize("life", LIVES)
@shows("GC-05", REFERENCE_COUNTS)
def closed_loop_is_freed_with_its_last_reference(life: str, new_loop: LoopFactory) -> None:
    loop = new_loop()
    loop.run_until_complete(LIVES[life]())
    with no_collection():
        loop.close()
        reference = weakref.ref(loop)
        del loop
        assert reference() is None


@pytest.mark.parametrize("life", LONGER_LIVES)
@shows("GC-06", POSIX)
def lives_leave_no_descriptor(life: str, new_loop: LoopFactory) -> None:
    live_and_close(new_loop, life)
    gc.collect()
    before = len(open_descriptors())
    for _ in range(10):
        live_and_close(new_loop, life)
    gc.collect()
    assert len(open_descriptors()) == before


# GC-07: what fails


class FailingError(Exception):
    """What the factories of protocols raise here."""


def fail_to_make() -> Any:
    raise FailingError


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


FAILURES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "connection refused": lambda loop: loop.create_connection(asyncio.Protocol, "127.0.0.1", closed_port()),
    "connection bound badly": lambda loop: loop.create_connection(
        asyncio.Protocol, "127.0.0.1", closed_port(), local_addr=("192.0.2.1", 0)
    ),
    "server bound badly": lambda loop: loop.create_server(asyncio.Protocol, "192.0.2.1", 0),
    "datagrams bound badly": lambda loop: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("192.0.2.1", 0)
    ),
    "datagram factory": lambda loop: loop.create_datagram_endpoint(fail_to_make, local_addr=("127.0.0.1", 0)),
    "no program": lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "/nonexistent/program"),
}


@pytest.mark.parametrize("failure", FAILURES)
@shows("GC-07", POSIX)
async def failure_leaves_no_descriptor(failure: str) -> None:
    loop = asyncio.get_running_loop()

    async def fail() -> None:
        with pytest.raises((OSError, FailingError)):
            await FAILURES[failure](loop)
        await settle()

    await fail()
    gc.collect()
    before = len(open_descriptors())
    for _ in range(3):
        await fail()
    gc.collect()
    assert len(open_descriptors()) == before


@shows("GC-07", POSIX)
async def failure_watches_nothing_that_it_was_given(tcp_pair: SocketPair) -> None:
    here, there = tcp_pair
    loop = asyncio.get_running_loop()
    with pytest.raises(FailingError):
        await loop.create_connection(fail_to_make, sock=here)
    await settle()
    if here.fileno() == -1:  # closed instead, as CPython does since gh-153133
        return
    called = loop.create_future()

    def note() -> None:
        loop.remove_reader(here.fileno())
        called.set_result(here.recv(10))

    loop.add_reader(here.fileno(), note)
    there.sendall(b"data")
    assert await soon(called) == b"data"


# GC-08: cycles


@every_schedule
@shows("GC-08", REFERENCE_COUNTS)
async def callbacks_leave_no_cycles(method: str) -> None:
    loop = asyncio.get_running_loop()
    count = 50
    with no_collection():
        for _ in range(count):
            SCHEDULES[method](loop, do_nothing, loop)
        await asyncio.sleep(0.002)
        await settle()
        assert gc.collect() < count


@every_schedule
@shows("GC-08", REFERENCE_COUNTS)
async def cancelled_callbacks_leave_no_cycles(method: str) -> None:
    loop = asyncio.get_running_loop()
    count = 50
    with no_collection():
        for _ in range(count):
            SCHEDULES[method](loop, do_nothing, loop).cancel()
        await asyncio.sleep(0.002)
        await settle()
        assert gc.collect() < count


# GC-09, GC-10: what a closed loop leaves


@shows("GC-09", POSIX)
def loop_closed_at_work_leaves_no_descriptor(new_loop: LoopFactory, socket_pair: SocketPair) -> None:
    here, there = socket_pair

    def close_at_work() -> None:
        loop = new_loop()
        loop.add_reader(here.fileno(), do_nothing)
        loop.add_writer(there.fileno(), do_nothing)
        loop.call_later(3600, do_nothing)
        turn(loop)
        loop.call_soon_threadsafe(do_nothing)
        loop.close()

    close_at_work()
    gc.collect()
    before = len(open_descriptors())
    for _ in range(3):
        close_at_work()
    gc.collect()
    assert len(open_descriptors()) == before
    os.fstat(here.fileno())
    os.fstat(there.fileno())


async def _use_the_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, do_nothing)


async def _resolve() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def _run_a_child() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "")
    assert await process.wait() == 0


WORK = {"executor": _use_the_executor, "name resolution": _resolve, "subprocess": _run_a_child, **LONGER_LIVES}


@pytest.mark.parametrize("work", WORK)
@shows("GC-10")
def closed_loop_leaves_no_thread(work: str, new_loop: LoopFactory) -> None:
    loop = new_loop()
    before = {*threading.enumerate()}
    loop.run_until_complete(WORK[work]())
    loop.close()
    left = {*threading.enumerate()} - before
    for thread in left:
        thread.join(1)  # they are on their way out: there is nothing left to do for them
    assert [thread.name for thread in left if thread.is_alive()] == []


@shows("GC-10", POSIX)
def closed_loop_leaves_no_zombie(new_loop: LoopFactory) -> None:
    posix: Any = os
    loop = new_loop()
    pids: list[int] = []

    async def run_children() -> None:
        for _ in range(2):
            process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 0")
            pids.append(process.pid)
            await process.wait()

    loop.run_until_complete(run_children())
    loop.close()
    for pid in pids:
        with pytest.raises(ChildProcessError):
            posix.waitpid(pid, posix.WNOHANG)


# GC-11, GC-12, GC-13: results, and callbacks that are discarded


@shows("GC-11")
def result_of_a_run_is_freed(loop: asyncio.AbstractEventLoop) -> None:
    async def work() -> Mortal:
        return Mortal()

    reference = weakref.ref(loop.run_until_complete(work()))
    gc.collect()
    assert reference() is None


@shows("GC-12")
async def result_of_an_executor_is_freed() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as executor:  # whose thread may keep its last result
        reference = weakref.ref(await soon(loop.run_in_executor(executor, Mortal)))
    await settle()
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
@shows("GC-13")
def argument_is_freed_when_the_loop_is_closed(loop: asyncio.AbstractEventLoop, method: str) -> None:
    turn(loop)
    mortal = Mortal()
    reference = weakref.ref(mortal)
    SCHEDULES[method](loop, do_nothing, mortal)
    del mortal
    assert reference() is not None
    loop.close()
    gc.collect()
    assert reference() is None
