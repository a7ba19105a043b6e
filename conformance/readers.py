"""FD: add_reader(), add_writer() and the selectors below them.

A callback is called in every iteration in which its descriptor is ready. A descriptor has at most one reader
and one writer, independent of each other. Adding again replaces, and removing takes effect at once, even
between the moment the kernel reports a descriptor and the moment its callback would be called. A loop watches
descriptors and leaves everything else about them alone.

Cases name descriptors by their numbers and ignore what the methods return, except where that is the claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import queue
import select
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

from .declare import shows
from .driving import run_until, soon, turn
from .gates import LINUX, POSIX, PTY, Gate, descriptors
from .peers import PATIENCE, InThread, fill, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .subject import LoopFactory, Observe

Pair: TypeAlias = tuple[socket.socket, socket.socket]
Pipe: TypeAlias = tuple[io.FileIO, io.FileIO]
Way: TypeAlias = Literal["reader", "writer"]

IDLE = 0.2  # of the time: what waiting takes at the most, and spinning at the least
WAYS: tuple[Way, Way] = ("reader", "writer")
both_ways = pytest.mark.parametrize("way", WAYS)
every_method = pytest.mark.parametrize("method", ["add_reader", "add_writer", "remove_reader", "remove_writer"])


def watch(loop: asyncio.AbstractEventLoop, way: Way, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
    (loop.add_reader if way == "reader" else loop.add_writer)(fd, callback, *args)


def unwatch(loop: asyncio.AbstractEventLoop, way: Way, fd: Any) -> bool:
    return (loop.remove_reader if way == "reader" else loop.remove_writer)(fd)


@contextlib.contextmanager
def unwatched(*watched: int) -> Iterator[None]:
    """Leave no watcher behind, however the case ends."""
    loop = asyncio.get_running_loop()
    try:
        yield
    finally:
        for fd in watched:
            with contextlib.suppress(Exception):
                loop.remove_reader(fd)
            with contextlib.suppress(Exception):
                loop.remove_writer(fd)


def wait_until_ready(way: Way, sock: socket.socket) -> None:
    """Wait in this thread, with a selector of its own."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ if way == "reader" else selectors.EVENT_WRITE)
        assert selector.select(PATIENCE), f"the {way}'s socket was not ready within {PATIENCE} s"


def fill_up(sock: socket.socket) -> int:
    """Write until there is no room, and will be none; return the number of bytes.

    Windows' socket pairs are TCP connections, which make room again as they move data to the other side.
    """
    written = fill(sock)
    while sys.platform == "win32" and select.select([], [sock], [], 0.1)[1]:
        written += fill(sock)
    return written


class Callback:
    """A callback that remembers the arguments of its calls, does what it is told, and can be waited for."""

    def __init__(self, action: Callable[[], object] = lambda: None) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._action = action
        self._called = asyncio.Event()

    def __call__(self, *arguments: object) -> None:
        self.calls.append(arguments)
        self._called.set()
        self._action()

    async def wait(self, calls: int = 1) -> None:
        """Wait for the first call, or for so many."""
        while len(self.calls) < calls:
            self._called.clear()
            await soon(self._called.wait())


async def polled(times: int = 3) -> None:
    """Return when the loop has asked the kernel again: what was ready before has had its callbacks called."""
    loop = asyncio.get_running_loop()
    for _ in range(times):
        here, there = socket.socketpair()
        with here, there:
            there.send(b"x")
            fired = Callback()
            loop.add_reader(here.fileno(), fired)
            await fired.wait()
            loop.remove_reader(here.fileno())


async def busy_share() -> float:
    """Measure how much of the time the process computes while the loop waits for a timer.

    A loop that spins does so every time, a busy machine or a garbage collection only now and then.
    """
    shares = []
    for _ in range(5):
        wall, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(0.03)
        shares.append((time.process_time() - cpu) / (time.monotonic() - wall))
        if shares[-1] < IDLE:
            break
    return min(shares)


@pytest.fixture
def new_pipe() -> Iterator[Callable[[], Pipe]]:
    """Make pipes: an unbuffered file to read from and one to write to."""
    with contextlib.ExitStack() as stack:

        def make() -> Pipe:
            reading, writing = os.pipe()
            return (
                stack.enter_context(io.FileIO(reading, "rb")),
                stack.enter_context(io.FileIO(writing, "wb")),
            )

        yield make


@pytest.fixture
def pipe(new_pipe: Callable[[], Pipe]) -> Pipe:
    return new_pipe()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Open a pseudo-terminal in raw mode: the controlling side and the terminal itself."""
    if sys.platform == "win32":
        pytest.skip(PTY.reason)
    import tty

    master, slave = os.openpty()
    with io.FileIO(master, "r+"), io.FileIO(slave, "r+"):
        tty.setraw(slave)
        yield master, slave


@shows("FD-01")
async def a_reader_is_called_with_its_arguments(socket_pair: Pair) -> None:
    here, there = socket_pair
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired, 1, "two", None)
        there.send(b"x")
        await fired.wait()
        assert fired.calls[0] == (1, "two", None)


@shows("FD-01")
async def a_reader_is_not_called_before_there_is_data(socket_pair: Pair) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        called = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), called)
        await polled()
        assert not called.calls


@shows("FD-01")
async def a_reader_wakes_the_loop(socket_pair: Pair, in_thread: InThread) -> None:
    here, there = socket_pair
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        in_thread(there.send, b"x")
        await fired.wait()


@shows("FD-01")
async def a_removed_reader_is_not_called(socket_pair: Pair) -> None:
    here, there = socket_pair
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        called = Callback()
        loop.add_reader(here.fileno(), called)
        there.send(b"x")
        loop.remove_reader(here.fileno())
        await polled()
        assert not called.calls


@shows("FD-01")
async def a_reader_added_after_the_data_came_is_called(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"x")
    await polled(1)
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        await fired.wait()


@shows("FD-01")
async def a_reader_can_be_added_again(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"x")
    loop = asyncio.get_running_loop()
    with unwatched(here.fileno()):
        for _ in range(10):
            fired = Callback()
            loop.add_reader(here.fileno(), fired)
            await fired.wait()
            loop.remove_reader(here.fileno())


@shows("FD-01")
async def a_reader_can_remove_itself(socket_pair: Pair) -> None:
    here, there = socket_pair
    await _removes_itself("reader", here.fileno(), lambda: there.send(b"x"))


@shows("FD-01")
async def a_listening_socket_is_readable_when_somebody_connects(listener: socket.socket) -> None:
    listener.setblocking(False)
    with unwatched(listener.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(listener.fileno(), fired)
        with socket.create_connection(listener.getsockname(), PATIENCE):
            await fired.wait()
            listener.accept()[0].close()


@shows("FD-01")
async def a_datagram_socket_is_readable_when_a_datagram_arrives() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        here.bind(("127.0.0.1", 0))
        with unwatched(here.fileno()):
            fired = Callback()
            asyncio.get_running_loop().add_reader(here.fileno(), fired)
            there.sendto(b"datagram", here.getsockname())
            await fired.wait()
            assert here.recv(100) == b"datagram"


@shows("FD-01", POSIX)
async def a_pipe_is_readable_when_something_was_written(pipe: Pipe) -> None:
    reading, writing = pipe
    with unwatched(reading.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(reading.fileno(), fired)
        writing.write(b"x")
        await fired.wait()


@shows("FD-02")
async def a_writer_is_called_with_its_arguments(socket_pair: Pair) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_writer(here.fileno(), fired, 1, "two", None)
        await fired.wait()
        assert fired.calls[0] == (1, "two", None)


@shows("FD-02")
async def a_writer_is_called_when_the_other_side_makes_room(socket_pair: Pair, in_thread: InThread) -> None:
    here, there = socket_pair
    written = fill_up(here)
    with unwatched(here.fileno()):
        fired = Callback()
        loop = asyncio.get_running_loop()
        loop.add_writer(here.fileno(), fired)
        await polled()
        assert not fired.calls, "called although there was no room"
        in_thread(receive_exactly, there, written)
        await fired.wait()


@shows("FD-02")
async def a_removed_writer_is_not_called(socket_pair: Pair) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        called = Callback()
        loop.add_writer(here.fileno(), called)
        loop.remove_writer(here.fileno())
        await polled()
        assert not called.calls


@shows("FD-02")
async def a_writer_can_remove_itself(socket_pair: Pair) -> None:
    here, _ = socket_pair
    await _removes_itself("writer", here.fileno(), lambda: None)


@shows("FD-02")
async def a_socket_is_writable_when_it_is_connected(listener: socket.socket) -> None:
    with socket.socket() as here:
        here.setblocking(False)
        here.connect_ex(listener.getsockname())
        with unwatched(here.fileno()):
            fired = Callback()
            asyncio.get_running_loop().add_writer(here.fileno(), fired)
            await fired.wait()
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        here.getpeername()


@shows("FD-02", POSIX)
async def a_pipe_is_writable_while_it_has_room(pipe: Pipe) -> None:
    _, writing = pipe
    with unwatched(writing.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_writer(writing.fileno(), fired)
        await fired.wait()


async def _removes_itself(way: Way, fd: int, make_ready: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    fired = Callback(lambda: unwatch(loop, way, fd))
    with unwatched(fd):
        watch(loop, way, fd, fired)
        make_ready()
        await fired.wait()
        await polled()
        assert len(fired.calls) == 1


@shows("FD-03")
@both_ways
async def removing_a_watcher_returns_true(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        watch(loop, way, here.fileno(), lambda: None)
        assert unwatch(loop, way, here.fileno()) is True


@shows("FD-03")
@both_ways
async def removing_a_watcher_twice_returns_false(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        watch(loop, way, here.fileno(), lambda: None)
        unwatch(loop, way, here.fileno())
        assert unwatch(loop, way, here.fileno()) is False


@shows("FD-03")
@both_ways
async def removing_the_watcher_of_the_other_way_returns_false(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        watch(loop, "writer" if way == "reader" else "reader", here.fileno(), lambda: None)
        assert unwatch(loop, way, here.fileno()) is False


@shows("FD-04")
@pytest.mark.parametrize("first", WAYS)
async def a_descriptor_has_a_reader_and_a_writer(socket_pair: Pair, first: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        fired = {way: Callback() for way in WAYS}
        for way in sorted(WAYS, key=lambda way: way != first):
            watch(loop, way, here.fileno(), fired[way])
        await fired["reader"].wait()
        await fired["writer"].wait()


@shows("FD-04")
@both_ways
async def removing_one_watcher_leaves_the_other(socket_pair: Pair, way: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        fired = {each: Callback() for each in WAYS}
        for each in WAYS:
            watch(loop, each, here.fileno(), fired[each])
        unwatch(loop, way, here.fileno())
        await fired["writer" if way == "reader" else "reader"].wait()
        await polled()
        assert not fired[way].calls


@shows("FD-04")
async def data_does_not_call_the_writer(socket_pair: Pair) -> None:
    here, there = socket_pair
    fill_up(here)
    there.send(b"x")
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        fired = Callback()
        not_ready = Callback()
        loop.add_writer(here.fileno(), not_ready)
        loop.add_reader(here.fileno(), fired)
        await fired.wait()
        await polled()
        assert not not_ready.calls


@shows("FD-05")
async def add_reader_replaces_callback(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"x")
    await _replaces_callback("reader", here.fileno())


@shows("FD-05")
async def add_writer_replaces_callback(socket_pair: Pair) -> None:
    here, _ = socket_pair
    await _replaces_callback("writer", here.fileno())


async def _replaces_callback(way: Way, fd: int) -> None:
    loop = asyncio.get_running_loop()
    with unwatched(fd):
        first, second = Callback(), Callback()
        watch(loop, way, fd, first)
        watch(loop, way, fd, second)
        await second.wait()
        await polled()
        assert not first.calls


@shows("FD-05")
@both_ways
async def a_replaced_watcher_is_removed_once_for_all(socket_pair: Pair, way: Way) -> None:
    # One watcher is there after two were added; the first does not come back.
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        fired = Callback()
        watch(loop, way, here.fileno(), fired, "first")
        watch(loop, way, here.fileno(), fired, "second")
        unwatch(loop, way, here.fileno())
        await polled()
        assert not fired.calls


@shows("FD-05")
@both_ways
async def replacing_one_watcher_leaves_the_other(socket_pair: Pair, way: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        fired = {name: Callback() for name in ("reader", "writer", "replacement")}
        for each in WAYS:
            watch(loop, each, here.fileno(), fired[each])
        watch(loop, way, here.fileno(), fired["replacement"])
        await fired["replacement"].wait()
        await fired["writer" if way == "reader" else "reader"].wait()
        assert not fired[way].calls


class _HasFileno:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd


@shows("FD-06")
@both_ways
async def a_socket_object_can_be_watched(socket_pair: Pair, way: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        fired = Callback()
        watch(asyncio.get_running_loop(), way, here, fired)
        await fired.wait()


@shows("FD-06")
@both_ways
async def any_object_with_fileno_can_be_watched(socket_pair: Pair, way: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        fired = Callback()
        watch(asyncio.get_running_loop(), way, _HasFileno(here.fileno()), fired)
        await fired.wait()


@shows("FD-06")
@both_ways
@pytest.mark.parametrize("added_as", ["number", "object"])
async def number_and_object_mean_the_same_descriptor(socket_pair: Pair, way: Way, added_as: str) -> None:
    here, there = socket_pair
    there.send(b"x")
    added, removed = (here.fileno(), here) if added_as == "number" else (here, here.fileno())
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        called = Callback()
        watch(loop, way, added, called)
        unwatch(loop, way, removed)
        await polled()
        assert not called.calls


@shows("FD-06")
@every_method
async def what_is_no_descriptor_is_refused(method: str) -> None:
    # The standard library answers ValueError; a TypeError says the same.
    callback = [lambda: None] if method.startswith("add") else []
    with pytest.raises((ValueError, TypeError)):
        getattr(asyncio.get_running_loop(), method)(object(), *callback)


@shows("FD-07")
@every_method
async def the_descriptor_of_a_transport_is_off_limits(tcp_pair: Pair, method: str) -> None:
    here, _ = tcp_pair
    lost = Callback()

    class Watchful(asyncio.Protocol):
        def connection_lost(self, _: Exception | None) -> None:
            lost()

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(Watchful, sock=here)
    fd = transport.get_extra_info("socket").fileno()
    callback = [lambda: None] if method.startswith("add") else []
    try:
        with pytest.raises(RuntimeError):
            getattr(loop, method)(fd, *callback)
    finally:
        transport.close()
        await lost.wait()


@shows("FD-08")
@both_ways
async def removing_what_was_never_added_does_nothing(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    assert not unwatch(asyncio.get_running_loop(), way, here.fileno())


@shows("FD-08")
@both_ways
async def removing_twice_does_nothing(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    loop = asyncio.get_running_loop()
    watch(loop, way, here.fileno(), lambda: None)
    unwatch(loop, way, here.fileno())
    assert not unwatch(loop, way, here.fileno())


@shows("FD-09")
@both_ways
def a_closed_loop_refuses_watchers(loop: asyncio.AbstractEventLoop, socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    loop.close()
    with pytest.raises(RuntimeError):
        watch(loop, way, here.fileno(), lambda: None)


@shows("FD-09")
@both_ways
def a_closed_loop_has_no_watchers_to_remove(loop: asyncio.AbstractEventLoop, socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    watch(loop, way, here.fileno(), lambda: None)
    loop.close()
    assert not unwatch(loop, way, here.fileno())


@shows("FD-10")
@both_ways
async def sockets_are_closed_as_soon_as_they_are_unwatched(way: Way) -> None:
    # The kernel gives out the lowest free number: each of these sockets tends to get its predecessor's.
    loop = asyncio.get_running_loop()
    for _ in range(20):
        here, there = socket.socketpair()
        with here, there, unwatched(here.fileno()):
            there.send(b"x")
            fired = Callback()
            watch(loop, way, here.fileno(), fired)
            await fired.wait()
            unwatch(loop, way, here.fileno())


@shows("FD-10")
async def a_callback_closes_the_socket_it_unwatched(socket_pair: Pair) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    fd = here.fileno()

    def close() -> None:
        loop.remove_reader(fd)
        here.close()

    closed = Callback(close)
    with unwatched(fd):
        loop.add_reader(fd, closed)
        there.send(b"x")
        await closed.wait()
    await polled()
    # The byte was not read: a socket that was closed like that is reset, one without unread data has ended.
    with contextlib.suppress(ConnectionResetError):
        assert there.recv(1) == b""


# epoll watches open files, not descriptors. While a duplicate keeps the file open, an entry that was not
# deleted before its descriptor was closed goes on reporting events, under a number that may mean another file
# by then, and nobody can delete it any more.


@shows("FD-11", POSIX)
async def a_removed_reader_leaves_no_events_to_its_successor(new_pipe: Callable[[], Pipe]) -> None:
    (reading, writing), (quiet, _) = new_pipe(), new_pipe()
    fd = reading.fileno()
    loop = asyncio.get_running_loop()
    called = Callback()
    with unwatched(fd), io.FileIO(os.dup(fd)):
        loop.add_reader(fd, lambda: None)
        await polled(1)
        writing.write(b"x")
        loop.remove_reader(fd)
        os.dup2(quiet.fileno(), fd, inheritable=False)
        loop.add_reader(fd, called)
        await polled()
        assert not called.calls


@shows("FD-11", POSIX)
async def a_removed_reader_keeps_no_processor_busy(new_pipe: Callable[[], Pipe]) -> None:
    reading, writing = new_pipe()
    loop = asyncio.get_running_loop()
    with io.FileIO(os.dup(reading.fileno())), unwatched(reading.fileno()):
        loop.add_reader(reading.fileno(), lambda: None)
        await polled(1)
        loop.remove_reader(reading.fileno())
        reading.close()
        writing.write(b"x")
        assert await busy_share() < IDLE


@shows("FD-12", POSIX)
def a_watched_descriptor_is_closed(loop: asyncio.AbstractEventLoop, pipe: Pipe, observe: Observe) -> None:
    reading, _ = pipe
    fd = reading.fileno()
    calls: list[str] = []
    loop.add_reader(fd, calls.append, "called")
    try:
        turn(loop)
        reading.close()
        turn(loop, 5)
        observe(f"the loop runs on; callback called {len(calls)} times in 5 iterations")
    except OSError as error:
        observe(f"run_forever() raises {error!r}")
    finally:
        loop.remove_reader(fd)


@shows("FD-12", POSIX)
def the_number_of_a_watched_descriptor_comes_back(
    loop: asyncio.AbstractEventLoop, new_pipe: Callable[[], Pipe], observe: Observe
) -> None:
    (reading, _), (readable, writing) = new_pipe(), new_pipe()
    fd = reading.fileno()
    calls: Counter[str] = Counter()
    loop.add_reader(fd, calls.update, ["old"])
    try:
        turn(loop, 2)
        writing.write(b"x")
        os.dup2(readable.fileno(), fd, inheritable=False)  # closes what fd was before
        turn(loop, 5)
        observe("the old callback is called" if calls["old"] else "the old callback is not called")
        loop.add_reader(fd, calls.update, ["new"])
        turn(loop, 5)
        observe("a new one is called" if calls["new"] else "a new one is never called")
    except OSError as error:
        observe(f"then {error!r}")
    finally:
        loop.remove_reader(fd)


# Some loops keep a socket object open until its watcher is removed. That is theirs to decide, but the socket
# must not stay open any longer. A number has no such hold on anything.
by_number_or_object = pytest.mark.parametrize(
    ("way", "named_by"), [("reader", "number"), ("writer", "number"), ("reader", "object")]
)


@shows("FD-13")
@by_number_or_object
async def a_socket_watched_several_times_is_released(socket_pair: Pair, way: Way, named_by: str) -> None:
    here, there = socket_pair
    name = here.fileno() if named_by == "number" else here
    with unwatched(here.fileno()):
        loop = asyncio.get_running_loop()
        for _ in range(3):
            watch(loop, way, name, lambda: None)
        unwatch(loop, way, name)
        here.close()
        assert there.recv(1) == b""


@shows("FD-13")
@by_number_or_object
async def a_socket_closed_before_it_is_unwatched_is_released(socket_pair: Pair, way: Way, named_by: str) -> None:
    here, there = socket_pair
    fd = here.fileno()
    loop = asyncio.get_running_loop()
    watch(loop, way, fd if named_by == "number" else here, lambda: None)
    here.close()
    unwatch(loop, way, fd)
    assert there.recv(1) == b""


@shows("FD-14")
async def a_reader_is_called_until_all_is_read(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"abc")
    received: list[bytes] = []
    read_one_byte = Callback(lambda: received.append(here.recv(1)))
    with unwatched(here.fileno()):
        asyncio.get_running_loop().add_reader(here.fileno(), read_one_byte)
        await read_one_byte.wait(3)
        await polled()
        assert received == [b"a", b"b", b"c"]
        assert len(read_one_byte.calls) == 3


@shows("FD-14")
@both_ways
async def a_watcher_is_called_again_while_nothing_changes(socket_pair: Pair, way: Way) -> None:
    here, there = socket_pair
    there.send(b"x")
    with unwatched(here.fileno()):
        fired = Callback()
        watch(asyncio.get_running_loop(), way, here.fileno(), fired)
        await fired.wait(5)


@shows("FD-15")
async def the_first_callback_of_a_descriptor_removes_the_other(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"x")
    await _first_removes_the_other(("reader", here.fileno()), ("writer", here.fileno()))


@shows("FD-16")
@both_ways
async def the_first_callback_of_two_descriptors_removes_the_other(socket_pair: Pair, tcp_pair: Pair, way: Way) -> None:
    for here, there in (socket_pair, tcp_pair):
        there.send(b"x")
        wait_until_ready("reader", here)
    await _first_removes_the_other((way, socket_pair[0].fileno()), (way, tcp_pair[0].fileno()))


async def _first_removes_the_other(one: tuple[Way, int], other: tuple[Way, int]) -> None:
    loop = asyncio.get_running_loop()
    fired = {one: Callback(lambda: unwatch(loop, *other)), other: Callback(lambda: unwatch(loop, *one))}
    with unwatched(one[1], other[1]):
        for watcher, callback in fired.items():
            watch(loop, *watcher, callback)
        await polled()
    called = [watcher for watcher, callback in fired.items() if callback.calls]
    assert len(called) == 1, f"called: {called}"


@shows("FD-17")
@both_ways
async def a_callback_replaced_after_its_descriptor_was_found_ready_is_not_called(
    socket_pair: Pair, tcp_pair: Pair, way: Way
) -> None:
    for here, there in (socket_pair, tcp_pair):
        there.send(b"x")
        wait_until_ready("reader", here)
    loop = asyncio.get_running_loop()
    one, other = socket_pair[0].fileno(), tcp_pair[0].fileno()
    new = Callback()

    def replace(own: int, others: int) -> None:
        unwatch(loop, way, own)
        watch(loop, way, others, new)

    with unwatched(one, other):
        fired = {one: Callback(lambda: replace(one, other)), other: Callback(lambda: replace(other, one))}
        for fd, callback in fired.items():
            watch(loop, way, fd, callback)
        await new.wait()
        await polled()
    called = [fd for fd, callback in fired.items() if callback.calls]
    assert len(called) == 1, "both callbacks were called, although the first replaced the second"


class _OnRelease:
    """An argument of a callback that does something when the callback is forgotten."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


@shows("FD-17")
@both_ways
@pytest.mark.parametrize("reaction", ["adds", "removes"])
async def releasing_a_replaced_callback_uses_the_descriptor(socket_pair: Pair, way: Way, reaction: str) -> None:
    here, there = socket_pair
    fd = here.fileno()
    there.send(b"x")
    loop = asyncio.get_running_loop()
    armed = True

    def react() -> None:
        if not armed:
            return
        if reaction == "adds":
            watch(loop, way, fd, lambda: None)
        else:
            unwatch(loop, way, fd)

    with unwatched(fd):
        watch(loop, way, fd, lambda _: None, _OnRelease(react))
        watch(loop, way, fd, lambda: None)
        await polled(1)
        armed = False
        fired = Callback()
        watch(loop, way, fd, fired)
        await fired.wait()


@shows("FD-18")
@pytest.mark.parametrize("ending", ["close", "shutdown"])
async def the_end_of_a_socket_is_readable(socket_pair: Pair, ending: str) -> None:
    here, there = socket_pair
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        await polled(1)
        if ending == "close":
            there.close()
        else:
            there.shutdown(socket.SHUT_WR)
        await fired.wait()
        assert here.recv(1) == b""


@shows("FD-18")
async def the_reset_of_a_connection_is_readable(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        await polled(1)
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        there.close()
        await fired.wait()
        with pytest.raises(ConnectionResetError):
            here.recv(1)


# close() of a socket that lingers for zero seconds resets the connection.
_NO_LINGER = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)


@shows("FD-18", POSIX)
@pytest.mark.parametrize("unread", [b"", b"x"], ids=["empty", "with-unread-data"])
async def the_end_of_a_pipe_is_readable(pipe: Pipe, unread: bytes) -> None:
    reading, writing = pipe
    loop = asyncio.get_running_loop()
    fired = Callback()
    with unwatched(reading.fileno()):
        loop.add_reader(reading.fileno(), fired)
        await polled(1)
        writing.write(unread)
        writing.close()
        await fired.wait()
        assert reading.read(10) == unread
        loop.add_reader(reading.fileno(), ended := Callback())
        await ended.wait()
        assert reading.read(10) == b""


@shows("FD-18", POSIX)
async def a_full_pipe_that_lost_its_reader_is_writable(pipe: Pipe) -> None:
    if sys.platform == "win32":
        pytest.skip(POSIX.reason)
    reading, writing = pipe
    os.set_blocking(writing.fileno(), False)
    while writing.write(bytes(65536)):
        pass
    with unwatched(writing.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_writer(writing.fileno(), fired)
        await polled(1)
        reading.close()
        await fired.wait()
        with pytest.raises(BrokenPipeError):
            writing.write(b"x")


@shows("FD-19")
async def a_refused_connection_is_writable() -> None:
    with socket.socket() as deaf, socket.socket() as here:
        deaf.bind(("127.0.0.1", 0))  # and does not listen: nobody else gets the port either
        here.setblocking(False)
        error = here.connect_ex(deaf.getsockname())
        with unwatched(here.fileno()):
            fired = Callback()
            asyncio.get_running_loop().add_writer(here.fileno(), fired)
            await fired.wait()
        assert errno.ECONNREFUSED in {error, here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)}


@shows("FD-20")
async def urgent_data_in_line_is_readable(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    here.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    with unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        there.send(b"!", socket.MSG_OOB)
        await fired.wait()
        assert here.recv(1) == b"!"


@shows("FD-20")
async def urgent_data_does_not_hide_the_bytes_around_it(tcp_pair: Pair) -> None:
    here, there = tcp_pair
    received = bytearray()

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            received.extend(here.recv(100))

    async def both_bytes() -> None:
        while len(received) < 2:
            await polled(1)

    with unwatched(here.fileno()):
        asyncio.get_running_loop().add_reader(here.fileno(), read)
        there.send(b"a")
        there.send(b"!", socket.MSG_OOB)
        there.send(b"b")
        await soon(both_bytes())
        assert received == b"ab"


@shows("FD-21", POSIX)
async def a_datagram_error_leaves_the_reader_in_place() -> None:
    # That a port cannot be reached is an error on the sender's socket until somebody fetches it.
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        for sock in (here, there):
            sock.bind(("127.0.0.1", 0))
        here.setblocking(False)
        here.connect(there.getsockname())
        there.connect(there.getsockname())  # connected to itself, it is no port for anybody else
        outcomes: list[bytes | OSError] = []

        def read() -> None:
            try:
                outcomes.append(here.recv(100))
            except BlockingIOError:
                pass
            except OSError as error:
                outcomes.append(error)

        with unwatched(here.fileno()):
            asyncio.get_running_loop().add_reader(here.fileno(), read)
            here.send(b"to nobody")
            wait_until_ready("reader", here)
            await polled()
            assert [type(outcome) for outcome in outcomes] == [ConnectionRefusedError]
            there.connect(here.getsockname())
            there.send(b"still there?")
            wait_until_ready("reader", here)
            await polled()
            assert outcomes[1:] == [b"still there?"]


@shows("FD-22")
@both_ways
@pytest.mark.parametrize("kind", ["regular-file", "directory", "null-device"])
async def watching_what_is_no_stream(tmp_path: Path, observe: Observe, way: Way, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"content")
    place = {"regular-file": tmp_path / "file", "directory": tmp_path, "null-device": Path(os.devnull)}[kind]
    fd = os.open(place, os.O_RDONLY if way == "reader" or kind == "directory" else os.O_RDWR)
    calls: list[str] = []
    try:
        with unwatched(fd):
            watch(asyncio.get_running_loop(), way, fd, calls.append, "called")
            await polled()
        observe("ready" if calls else "watched, but not ready")
    except OSError as error:
        observe(f"refused with {type(error).__name__}: {error.strerror}")
    finally:
        os.close(fd)


@shows("FD-23", PTY)
@pytest.mark.parametrize("side", ["master", "slave"])
async def a_terminal_is_readable_when_something_was_written(terminal: tuple[int, int], side: str) -> None:
    here, there = terminal if side == "master" else reversed(terminal)
    with unwatched(here):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here, fired)
        await polled(1)
        assert not fired.calls, "called before anything was written"
        os.write(there, b"x")
        await fired.wait()
        assert os.read(here, 10) == b"x"


@shows("FD-23", PTY)
@pytest.mark.parametrize("side", ["master", "slave"])
async def a_terminal_is_writable(terminal: tuple[int, int], side: str) -> None:
    here, _ = terminal if side == "master" else reversed(terminal)
    with unwatched(here):
        fired = Callback()
        asyncio.get_running_loop().add_writer(here, fired)
        await fired.wait()


@shows("FD-24", POSIX)
@both_ways
async def a_watched_descriptor_stays_blocking(pipe: Pipe, way: Way) -> None:
    # The flag belongs to the open file, which other processes may share: a terminal, above all.
    if sys.platform == "win32":
        pytest.skip(POSIX.reason)
    reading, writing = pipe
    file = reading if way == "reader" else writing
    with unwatched(file.fileno()):
        watch(asyncio.get_running_loop(), way, file.fileno(), lambda: None)
        await polled(1)
        assert os.get_blocking(file.fileno())
    assert os.get_blocking(file.fileno())


@shows("FD-25", POSIX)
@pytest.mark.parametrize("fd", [0, 1, 2], ids=["stdin", "stdout", "stderr"])
def standard_streams_stay_inheritable(new_loop: LoopFactory, fd: int) -> None:
    before = os.get_inheritable(fd)
    os.set_inheritable(fd, True)
    try:
        turn(new_loop(), 2)
        assert os.get_inheritable(fd)
    finally:
        os.set_inheritable(fd, before)


KERNEL_QUEUE = Gate(
    "kernel-queue",
    "needs epoll or kqueue",
    lambda: hasattr(selectors.DefaultSelector, "fileno"),
    never_on=("win32",),
)


@shows("FD-26", KERNEL_QUEUE)
async def a_kernel_queue_can_be_watched(socket_pair: Pair) -> None:
    here, there = socket_pair
    inner: Any = selectors.DefaultSelector()  # some have no fileno(), says the gate
    with inner:
        inner.register(here, selectors.EVENT_READ)
        fd = inner.fileno()
        with unwatched(fd):
            fired = Callback()
            asyncio.get_running_loop().add_reader(fd, fired)
            await polled(1)
            assert not fired.calls, "called before the inner queue had anything"
            there.send(b"x")
            await fired.wait()
            assert inner.select(0)


@shows("FD-26", LINUX)
async def an_eventfd_can_be_watched() -> None:
    if sys.platform != "linux":
        pytest.skip(LINUX.reason)
    fd = os.eventfd(0)
    try:
        with unwatched(fd):
            fired = Callback()
            asyncio.get_running_loop().add_reader(fd, fired)
            await polled(1)
            assert not fired.calls, "called before the counter was raised"
            os.eventfd_write(fd, 1)
            await fired.wait()
    finally:
        os.close(fd)


@shows("FD-27", POSIX, descriptors(1200))
def a_number_above_fd_setsize_is_watched(loop: asyncio.AbstractEventLoop, socket_pair: Pair, observe: Observe) -> None:
    if sys.platform == "win32":
        pytest.skip(POSIX.reason)
    import fcntl

    here, there = socket_pair
    there.send(b"x")
    with io.FileIO(fcntl.fcntl(here.fileno(), fcntl.F_DUPFD_CLOEXEC, 1100)) as high:
        _observe_many(loop, [high.fileno()], observe)


@shows("FD-27", descriptors(1200))
def more_than_fd_setsize_are_watched(loop: asyncio.AbstractEventLoop, socket_pair: Pair, observe: Observe) -> None:
    with _duplicates(socket_pair, 1100) as fds:
        _observe_many(loop, fds, observe)


@shows("FD-28", descriptors(600))
def six_hundred_sockets_are_watched(loop: asyncio.AbstractEventLoop, socket_pair: Pair, observe: Observe) -> None:
    with _duplicates(socket_pair, 600) as fds:
        _observe_many(loop, fds, observe)


@contextlib.contextmanager
def _duplicates(pair: Pair, count: int) -> Iterator[list[int]]:
    """Make so many duplicates of the first socket, which is readable, and give their numbers."""
    here, there = pair
    there.send(b"x")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(here.dup()).fileno() for _ in range(count)]


def _observe_many(loop: asyncio.AbstractEventLoop, fds: list[int], observe: Observe) -> None:
    fired: set[int] = set()
    try:
        for fd in fds:
            loop.add_reader(fd, fired.add, fd)
        run_until(loop, lambda: len(fired) == len(fds), turns=100)
        observe(f"all {len(fds)} watched")
    except (OSError, ValueError) as error:
        observe(f"{len(fds)} watched: {error!r}")
    finally:
        for fd in fds:
            loop.remove_reader(fd)


@shows("FD-29")
async def a_loop_with_only_a_timer_does_not_spin() -> None:
    assert await busy_share() < IDLE


@shows("FD-29")
async def a_loop_that_lost_its_last_watcher_does_not_spin(socket_pair: Pair) -> None:
    here, there = socket_pair
    there.send(b"x")
    loop = asyncio.get_running_loop()
    with unwatched(here.fileno()):
        fired = Callback()
        loop.add_reader(here.fileno(), fired)
        loop.add_writer(here.fileno(), lambda: None)
        await fired.wait()
    assert await busy_share() < IDLE


@shows("FD-29")
async def a_loop_with_quiet_watchers_does_not_spin(socket_pair: Pair) -> None:
    here, _ = socket_pair
    fill_up(here)
    loop = asyncio.get_running_loop()
    with unwatched(here.fileno()):
        loop.add_reader(here.fileno(), lambda: None)
        loop.add_writer(here.fileno(), lambda: None)
        assert await busy_share() < IDLE


@shows("FD-30")
async def descriptors_ready_both_ways_are_reported_both_ways() -> None:
    # kqueue reports the two ways as two events: who asks for one a descriptor gets half of them.
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        fired: dict[tuple[Way, int], Callback] = {}
        for here, there in [socket.socketpair() for _ in range(10)]:
            stack.enter_context(here)
            stack.enter_context(there).send(b"x")
            stack.enter_context(unwatched(here.fileno()))
            for way in WAYS:
                fired[way, here.fileno()] = Callback()
                watch(loop, way, here.fileno(), fired[way, here.fileno()])
        for callback in fired.values():
            await callback.wait(10)
    calls = {watcher: len(callback.calls) for watcher, callback in fired.items()}
    assert min(calls.values()) >= max(calls.values()) / 2, f"calls by way and descriptor: {calls}"


@contextlib.contextmanager
def _handling(handler: Callable[..., Any]) -> Iterator[int]:
    """Handle a signal in Python."""
    if sys.platform == "win32":
        pytest.skip(POSIX.reason)
    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        yield signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, previous)


def _interrupt(thread: int, number: int, handled: queue.SimpleQueue[object], times: int = 1) -> None:
    """Send a signal to a thread until its Python handler has run, so many times.

    A signal may arrive when the thread is on its way into the system call: too late for Python to look, too
    early to interrupt. Then the next one does.
    """
    if sys.platform == "win32":
        pytest.skip(POSIX.reason)
    patient_until = time.monotonic() + PATIENCE
    while time.monotonic() < patient_until:
        signal.pthread_kill(thread, number)
        with contextlib.suppress(queue.Empty):
            handled.get(timeout=0.05)
            times -= 1
            if not times:
                return
    raise TimeoutError(f"the Python handler of the signal did not run within {PATIENCE} s")


@shows("FD-31", POSIX)
async def a_signal_handler_runs_while_the_loop_waits(socket_pair: Pair, in_thread: InThread) -> None:
    here, there = socket_pair
    waiting = threading.get_ident()
    handled: queue.SimpleQueue[object] = queue.SimpleQueue()

    def interrupt(number: int) -> None:
        try:
            _interrupt(waiting, number, handled, times=5)
        finally:
            there.send(b"x")

    with _handling(lambda *_: handled.put("handled")) as number, unwatched(here.fileno()):
        fired = Callback()
        asyncio.get_running_loop().add_reader(here.fileno(), fired)
        interrupted = in_thread(interrupt, number)
        try:
            await fired.wait()
        finally:  # a signal without a handler would end the process
            await asyncio.wrap_future(interrupted)


@shows("FD-31", POSIX)
async def a_signal_does_not_cut_a_timer_short(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    handled: queue.SimpleQueue[object] = queue.SimpleQueue()
    with _handling(lambda *_: handled.put("handled")) as number:
        fired: asyncio.Future[float] = loop.create_future()
        due = loop.time() + 0.03
        loop.call_at(due, lambda: fired.set_result(loop.time()))
        interrupted = in_thread(_interrupt, threading.get_ident(), number, handled)
        when = await fired
        await asyncio.wrap_future(interrupted)
    assert when >= due - time.get_clock_info("monotonic").resolution


@shows("FD-31", POSIX)
def a_loop_runs_on_after_a_signal_handler_raised(
    loop: asyncio.AbstractEventLoop, socket_pair: Pair, in_thread: InThread
) -> None:
    here, there = socket_pair
    waiting = threading.get_ident()
    running = threading.Event()
    handled: queue.SimpleQueue[object] = queue.SimpleQueue()
    raised: list[str] = []
    fired: list[str] = []

    def interrupt(number: int) -> None:
        assert running.wait(PATIENCE)
        _interrupt(waiting, number, handled)

    def handler(*_: object) -> None:
        handled.put("handled")
        if not raised:
            raised.append("once")
            raise KeyboardInterrupt

    loop.add_reader(here.fileno(), fired.append, "fired")
    try:
        with _handling(handler) as number:
            loop.call_soon(running.set)
            interrupted = in_thread(interrupt, number)
            try:
                with pytest.raises(KeyboardInterrupt):
                    loop.run_forever()
            finally:
                interrupted.result(2 * PATIENCE)
        there.send(b"x")
        run_until(loop, lambda: bool(fired))
    finally:
        loop.remove_reader(here.fileno())


@shows("FD-32", descriptors(600))
async def all_of_many_ready_descriptors_get_their_turn(socket_pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    calls: Counter[int] = Counter()
    with _duplicates(socket_pair, 600) as fds, unwatched(*fds):
        for fd in fds:
            loop.add_reader(fd, calls.update, [fd])
        while len(calls) < len(fds) and max(calls.values(), default=0) < 20:
            await polled(1)
        assert len(calls) == len(fds), f"only {len(calls)} of {len(fds)} were called, one of them 20 times"


@shows("FD-33")
@both_ways
async def a_loop_watches_descriptors_or_says_that_it_cannot(socket_pair: Pair, way: Way) -> None:
    here, _ = socket_pair
    with unwatched(here.fileno()), contextlib.suppress(NotImplementedError):
        watch(asyncio.get_running_loop(), way, here.fileno(), lambda: None)


@shows("FD-34")
@both_ways
async def a_thread_with_a_selector_stands_in_for_a_watcher(socket_pair: Pair, in_thread: InThread, way: Way) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    ready = Callback()

    def wait() -> None:
        wait_until_ready(way, here)
        loop.call_soon_threadsafe(ready)

    waited = in_thread(wait)
    there.send(b"x")
    await ready.wait()
    await asyncio.wrap_future(waited)


# FD-35: callbacks that raise


@both_ways
@shows("FD-35")
async def a_callback_that_raises_is_called_again(way: Way, socket_pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    near, far = socket_pair
    far.send(b"x")
    calls: list[int] = []
    twice = loop.create_future()

    def fail() -> None:
        calls.append(len(calls))
        if len(calls) == 2:
            twice.set_result(None)
            unwatch(loop, way, near.fileno())
        raise LookupError("as it should")

    with unwatched(near.fileno()):
        watch(loop, way, near.fileno(), fail)
        await soon(twice)
