"""Operations of every kind, executed on the loop under test and then on the control: their traces must be alike.

A trace has lanes, one for each connection, socket, watched descriptor and so on. Inside a lane the order is fixed,
between lanes it is free. So that a lane's order does not depend on speed, every step waits for its consequences: what a
peer sends has arrived, what was closed is lost, before the next step. In how many pieces data come is left out.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from .worlds import BrokenPromiseError, RunMain, pattern, runner, until

SMALL = 1000
"""Bytes that a connection takes although nobody reads."""
KERNEL = 65536
"""Bytes of a kernel's buffer: so small that there are writes that it does not take whole."""
SHORT = 0.002
"""Seconds between two timers."""
FAR = 3600.0
"""Seconds until a timer that is not meant to fire."""


class Connection(asyncio.Protocol):
    """A connection of the loop, its peer, and what is known to be under way."""

    def __init__(self, log: Callable[[str], None], keep_open: bool) -> None:
        self._log = log
        self._keep_open = keep_open
        self.transport: Any = None
        self.peer = socket.socket()
        self.sent = self.received = self.written = self.drained = 0
        self.lossy = False  # how much of it still arrives is free
        self.reading_paused = self.peer_ended = self.ended = self.closing = False
        self.writing_paused = self.lost = self.saw_end = self.told_end = False

    @property
    def waiting(self) -> int:
        """How many bytes the peer has not read."""
        return self.written - self.drained

    async def arrived(self) -> None:
        """Wait for what the peer has sent."""
        if self.closing or self.reading_paused:
            return
        await until(lambda: self.lost or self.received >= self.sent, "the data")
        if self.peer_ended:
            await until(lambda: self.lost or self.saw_end, "the end of the data")
            self.closing = not self._keep_open
        await self.gone()

    async def gone(self) -> None:
        """Wait for the end of a connection that is being closed, unless its peer has to read first."""
        if self.closing and (self.lossy or self.waiting <= SMALL):
            await until(lambda: self.lost, "connection_lost()")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._log("connection_made")

    def data_received(self, data: bytes) -> None:
        good = data == pattern(self.received, len(data))
        self.received += len(data)
        if not good:
            self._log("other data than were sent")

    def eof_received(self) -> bool:
        self.saw_end = True
        self._log(f"eof_received after {self.received} bytes")
        return self._keep_open

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._log(f"connection_lost({type(error).__name__ if error else None})")

    def pause_writing(self) -> None:
        self.writing_paused = True
        self._log("pause_writing")

    def resume_writing(self) -> None:
        self.writing_paused = False
        self._log("resume_writing")


class World:
    """A running loop and everything that a script has opened on it."""

    def __init__(self) -> None:
        self.trace: dict[str, list[str]] = collections.defaultdict(list)
        self.lacking: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._report)
        self._connections: dict[int, Connection] = {}
        self._pairs: dict[str, tuple[socket.socket, socket.socket]] = {}
        self._traffic: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
        self._watched: dict[int, str] = {}
        self._open = contextlib.AsyncExitStack()

    def _report(self, *arguments: Any) -> None:
        error = arguments[-1].get("exception")
        self.trace["exception handler"].append(type(error).__name__)

    @contextlib.contextmanager
    def _doing(self, lane: str, what: str) -> Iterator[Callable[[object], None]]:
        """Log an operation and what it returned or raised; what is not implemented is not compared."""
        result: list[object] = []
        outcome = ""
        try:
            yield result.append
        except BrokenPromiseError as broken:
            outcome = f" waited in vain: {broken}"
            raise
        except NotImplementedError:
            self.lacking.add(lane)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - that, too, is compared
            outcome = f" raised {type(error).__name__}"
        finally:
            outcome = outcome or (f" returned {result[0]!r}" if result else "")
            self.trace[lane].append(what + outcome)

    # Callbacks and timers.

    async def callbacks(self, kinds: Sequence[str]) -> None:
        """Schedule callbacks with several methods, in this order; every second one schedules another."""
        expected = 0
        called: list[str] = []

        def call(label: str, how: str = "") -> None:
            called.append(label)
            # Those from other threads have an order of their own.
            self.trace[f"callbacks{' from threads' * label.startswith('threadsafe')}{how}"].append(label)

        def nest(label: str) -> None:
            call(label)
            self._loop.call_soon(call, label, ", nested")

        for number, kind in enumerate(kinds):
            method = nest if number % 2 else call
            expected += 1 + number % 2
            if kind == "threadsafe":
                thread = threading.Thread(target=self._loop.call_soon_threadsafe, args=[method, f"{kind} {number}"])
                thread.start()
                thread.join()
            elif kind == "cancelled":
                self._loop.call_soon(method, f"{kind} {number}").cancel()
                expected -= 1 + number % 2
            else:
                self._loop.call_soon(method, f"{kind} {number}")
        await until(lambda: len(called) >= expected, "the callbacks")

    async def timers(self, order: Sequence[int], cancelled: int) -> None:
        """Start timers that are due in this order, and cancel one of them."""
        lane, now = "timers", self._loop.time()
        called: list[int] = []

        def call(number: int) -> None:
            called.append(number)
            self.trace[lane].append(f"timer {number}")

        handles = {number: self._loop.call_at(now + SHORT * (number + 1), call, number) for number in order}
        if cancelled in handles:
            handles[cancelled].cancel()
            self.trace[lane].append(f"cancelled() of {cancelled}: {handles[cancelled].cancelled()}")
        await until(lambda: len(called) >= len(handles) - (cancelled in handles), "the timers")

    # Connections.

    async def connect(self, number: int, kind: str, keep_open: bool) -> None:
        """Open a connection, unless there is one of this number: ``pair``, ``tcp`` or ``accepted``."""
        lane = f"connection {number}"
        if number in self._connections:
            return
        connection = Connection(self.trace[lane].append, keep_open)
        connection.peer.close()
        here, connection.peer = _pair(kind)
        self._open.callback(connection.peer.close)
        connection.peer.setblocking(False)
        with self._doing(lane, f"connect ({kind})"):
            if kind == "accepted":
                await self._loop.connect_accepted_socket(lambda: connection, here)
            elif kind == "pair":
                await self._loop.create_unix_connection(lambda: connection, sock=here)
            else:
                await self._loop.create_connection(lambda: connection, sock=here)
            await until(lambda: connection.transport is not None, "connection_made()")
            self._connections[number] = connection

    def _connection(self, number: int) -> Connection | None:
        return self._connections.get(number)

    async def peer_sends(self, number: int, size: int) -> None:
        """Let the peer send, if the loop still listens."""
        connection = self._connection(number)
        if connection is None or connection.closing or connection.peer_ended or connection.sent + size > 8 * SMALL:
            return
        connection.peer.send(pattern(connection.sent, size))
        connection.sent += size
        with self._doing(f"connection {number}", f"the peer sends {size}"):
            await connection.arrived()

    async def peer_ends(self, number: int) -> None:
        """Let the peer end its direction."""
        connection = self._connection(number)
        if connection is None or connection.closing or connection.peer_ended:
            return
        connection.peer.shutdown(socket.SHUT_WR)
        connection.peer_ended = True
        with self._doing(f"connection {number}", "the peer ends"):
            await connection.arrived()

    async def peer_reads(self, number: int) -> None:
        """Let the peer read everything that was written, and the end, if there is one."""
        connection = self._connection(number)
        if connection is None or connection.lossy:
            return
        end = connection.ended or connection.closing
        arrived = bytearray()

        def read() -> bool:
            with contextlib.suppress(BlockingIOError):
                while end or len(arrived) < connection.waiting:
                    data = connection.peer.recv(1 << 20)
                    arrived.extend(data)
                    if not data:
                        connection.told_end = True
                        break
            return connection.told_end or (len(arrived) >= connection.waiting and not end)

        with self._doing(f"connection {number}", "the peer reads") as returned:
            await until(read, "what was written")
            good = arrived == pattern(connection.drained, len(arrived))
            returned((len(arrived), "good" if good else "not what was written", connection.told_end))
            connection.drained += len(arrived)
            connection.lossy = connection.told_end
            await until(lambda: not connection.writing_paused or connection.lost, "resume_writing()")
            await connection.gone()

    async def write(self, number: int, sizes: Sequence[int]) -> None:
        """Write; several sizes are written at once."""
        connection = self._connection(number)
        if connection is None or connection.lossy or connection.lost:
            return  # nobody says what that does; writelines() raises TypeError (gh-136234)
        data = []
        start = connection.written
        for size in sizes:
            data.append(pattern(start, size))
            start += size
        with self._doing(f"connection {number}", f"write {sizes}"):
            if len(data) == 1:
                connection.transport.write(data[0])
            else:
                connection.transport.writelines(data)
            if not connection.closing:
                connection.written = start

    async def on_transport(self, number: int, method: str) -> None:
        """Call a method of a transport that takes nothing."""
        connection = self._connection(number)
        if connection is None or (method in {"pause_reading", "resume_reading"} and connection.saw_end):
            return  # when reading is resumed after the end, CPython's loops tell it again
        if (method == "write_eof" and connection.closing) or (method == "is_reading" and connection.saw_end):
            return  # nobody says what that does
        with self._doing(f"connection {number}", method) as returned:
            result = getattr(connection.transport, method)()
            if method in {"is_closing", "can_write_eof"} or (method == "is_reading" and not connection.closing):
                returned(result)
            if method == "pause_reading" and not connection.closing:
                connection.reading_paused = True
            elif method == "resume_reading":
                connection.reading_paused = False
                await connection.arrived()
            elif method == "write_eof":
                connection.ended = True
            elif method in {"close", "abort"}:
                # What the peer sent and nobody read turns the end into a reset, which may overtake what was written.
                unread = connection.received < connection.sent
                connection.lossy = connection.lossy or method == "abort" or unread
                connection.closing = True
                if method == "abort" or connection.waiting <= SMALL:
                    await connection.gone()

    async def limits(self, number: int, high: int, low: int) -> None:
        """Set the limits of a transport's buffer, and ask for them."""
        connection = self._connection(number)
        if connection is None or connection.closing:
            return
        with self._doing(f"connection {number}", f"limits {high}, {low}") as returned:
            connection.transport.set_write_buffer_limits(high=high, low=low)
            returned(connection.transport.get_write_buffer_limits())

    # Sockets and watched descriptors.

    def _pair(self, lane: str) -> tuple[socket.socket, socket.socket]:
        if lane not in self._pairs:
            pair = _pair("tcp")
            for sock in pair:
                sock.setblocking(False)
                self._open.callback(sock.close)
            self._pairs[lane] = pair
        return self._pairs[lane]

    async def sock_recv(self, number: int, size: int, sent: int, cancelled: bool) -> None:
        """Receive what the peer sends afterwards; cancelled, the data wait for the next call."""
        lane = f"socket {number}"
        here, there = self._pair(lane)
        traffic = self._traffic[lane]
        cancelled = cancelled and traffic[0] == traffic[1]  # else it may have its data before
        with self._doing(lane, f"sock_recv {size} of {sent}{', cancelled' * cancelled}") as returned:
            task = asyncio.ensure_future(self._loop.sock_recv(here, size))
            await asyncio.sleep(0)
            if cancelled:
                task.cancel()
                await asyncio.wait({task})
                task = asyncio.ensure_future(self._loop.sock_recv(here, size))
            if traffic[0] == traffic[1]:
                there.send(pattern(traffic[0], sent))
                traffic[0] += sent
            data = await asyncio.wait_for(task, 2)
            good = data == pattern(traffic[1], len(data))
            traffic[1] += len(data)
            returned((len(data), good))

    async def sock_recv_into(self, number: int, size: int, sent: int) -> None:
        """Receive into a buffer."""
        lane = f"socket {number}"
        here, there = self._pair(lane)
        traffic = self._traffic[lane]
        buffer = bytearray(size)
        with self._doing(lane, f"sock_recv_into {size} of {sent}") as returned:
            if traffic[0] == traffic[1]:
                there.send(pattern(traffic[0], sent))
                traffic[0] += sent
            count = await asyncio.wait_for(self._loop.sock_recv_into(here, buffer), 2)
            good = buffer[:count] == pattern(traffic[1], count)
            traffic[1] += count
            returned((count, good))

    async def sock_sendall(self, number: int, size: int) -> None:
        """Send all, while the peer reads."""
        lane = f"socket {number}"
        here, there = self._pair(lane)
        arrived = bytearray()

        def read() -> bool:
            with contextlib.suppress(BlockingIOError):
                while data := there.recv(1 << 20):
                    arrived.extend(data)
            return len(arrived) >= size

        with self._doing(lane, f"sock_sendall {size}") as returned:
            task = asyncio.ensure_future(self._loop.sock_sendall(here, pattern(0, size)))
            await until(read, "what was sent")
            await asyncio.wait_for(task, 2)
            returned("good" if arrived == pattern(0, size) else "not what was sent")

    async def sock_accept(self, number: int, cancelled: bool) -> None:
        """Accept a connection that comes from sock_connect()."""
        with (
            self._doing(f"socket {number}", f"sock_accept{', cancelled' * cancelled}") as returned,
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.socket() as client,
        ):
            server.setblocking(False)
            client.setblocking(False)
            task = asyncio.ensure_future(self._loop.sock_accept(server))
            await asyncio.sleep(0)
            if cancelled:
                task.cancel()
                await asyncio.wait({task})
                task = asyncio.ensure_future(self._loop.sock_accept(server))
            await asyncio.wait_for(self._loop.sock_connect(client, server.getsockname()), 2)
            accepted, where = await asyncio.wait_for(task, 2)
            with accepted:
                returned((where == client.getsockname(), accepted.getblocking()))

    async def watch(self, number: int, tag: str) -> None:
        """Watch a descriptor; a watcher that is there already is replaced."""
        lane = f"descriptor {number}"
        here, _ = self._pair(lane)

        def readable() -> None:
            data = here.recv(8 * SMALL)
            self._traffic[lane][1] += len(data)
            self.trace[lane].append(f"{tag}: {len(data)} bytes")

        with self._doing(lane, f"add_reader {tag}"):
            self._loop.add_reader(here.fileno(), readable)
            self._watched[number] = tag
            await until(lambda: self._traffic[lane][1] >= self._traffic[lane][0], "the call of a reader")

    async def unwatch(self, number: int) -> None:
        """Watch it no longer."""
        here, _ = self._pair(f"descriptor {number}")
        with self._doing(f"descriptor {number}", "remove_reader"):
            self._loop.remove_reader(here.fileno())
            self._watched.pop(number, None)

    async def make_readable(self, number: int, size: int) -> None:
        """Let the peer of a watched descriptor send."""
        lane = f"descriptor {number}"
        _, there = self._pair(lane)
        traffic = self._traffic[lane]
        if traffic[0] - traffic[1] + size > 4 * SMALL:
            return
        there.send(bytes(size))
        traffic[0] += size
        if number in self._watched:
            with self._doing(lane, f"{size} bytes come"):
                await until(lambda: traffic[1] >= traffic[0], "the call of a reader")

    async def watch_writable(self, number: int) -> None:
        """Watch a descriptor that can be written to, until it is told so."""
        lane = f"descriptor {number}"
        here, _ = self._pair(lane)
        called: list[bool] = []

        def writable() -> None:
            self._loop.remove_writer(here.fileno())
            called.append(True)

        with self._doing(lane, "add_writer") as returned:
            self._loop.add_writer(here.fileno(), writable)
            await until(lambda: bool(called), "the call of a writer")
            await asyncio.sleep(0)
            returned(called)

    # Tasks and executors.

    async def task(self, kind: str, cancels: int) -> None:
        """Wait for something in a task, which is cancelled so many times, long before that comes."""
        lane = "tasks"
        delay = FAR if cancels else SHORT
        here, _ = self._pair("tasks")
        waits: dict[str, Callable[[], Awaitable[object]]] = {
            "sleep": lambda: asyncio.sleep(delay, "slept"),
            "future": self._loop.create_future,
            "recv": lambda: self._loop.sock_recv(here, 1),
            "executor": lambda: self._loop.run_in_executor(None, lambda: "executed"),
            "wait_for": lambda: asyncio.wait_for(self._loop.create_future(), delay),
        }

        async def work() -> object:
            log = self.trace[lane].append
            log("begins")
            try:
                return await waits[kind]()
            except asyncio.CancelledError:
                log("is cancelled")
                if cancels > 1:
                    await asyncio.sleep(0)
                raise
            finally:
                log("ends")

        with self._doing(lane, f"task: {kind}") as returned:
            task = self._loop.create_task(work())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for _ in range(cancels or kind in {"future", "recv"}):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait({task}, timeout=2)
            returned((task.done(), task.cancelled()))
            task.cancel()
            returned(await task)

    async def executor(self, raises: bool) -> None:
        """Do something in a thread."""

        def job() -> str:
            if raises:
                raise LookupError("as it was meant")
            return "done"

        with self._doing("executor", "run_in_executor") as returned:
            returned(await self._loop.run_in_executor(None, job))

    async def close(self) -> None:
        """Leave nothing behind."""
        for number in list(self._watched):
            self._loop.remove_reader(self._pair(f"descriptor {number}")[0].fileno())
        for connection in self._connections.values():
            if not connection.lost:
                connection.transport.abort()
                with contextlib.suppress(BrokenPromiseError):
                    await until(lambda connection=connection: connection.lost, "connection_lost()")  # type: ignore[misc]
        await self._open.aclose()
        if "executor" in self.trace or "task: executor" in str(self.trace["tasks"]):
            await self._loop.shutdown_default_executor()


def _pair(kind: str) -> tuple[socket.socket, socket.socket]:
    if kind == "pair":
        here, there = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as server:
            here = socket.create_connection(server.getsockname())
            there, _ = server.accept()
    for sock in (here, there):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
    here.setblocking(False)
    return here, there


def trace(script: Callable[[World], Awaitable[None]], run: RunMain) -> tuple[dict[str, list[str]], set[str]]:
    """Execute a script; return its trace, and the lanes in which something is not implemented."""

    async def main() -> tuple[dict[str, list[str]], set[str]]:
        world = World()
        try:
            await script(world)
        except BrokenPromiseError:
            pass  # that stands in the trace
        finally:
            kept = {lane: list(events) for lane, events in world.trace.items()}
            await world.close()
        return kept, world.lacking

    found: tuple[dict[str, list[str]], set[str]] = run(main)
    return found


def execute(script: Callable[[World], Awaitable[None]], run: RunMain) -> str | None:
    """Execute a script on a loop and on the control; say what differs, if anything does."""
    ours, lacking = trace(script, run)
    theirs, lacking_there = trace(script, runner(asyncio.new_event_loop))
    for lane in sorted({*ours, *theirs} - lacking - lacking_there):
        here, there = ours.get(lane, []), theirs.get(lane, [])
        if here != there:
            same = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
            place = min(len(here), len(there)) if same is None else same
            return (
                f"{lane}: {here[place] if place < len(here) else 'nothing more'!r}, "
                f"where the standard library's loop has {there[place] if place < len(there) else 'nothing more'!r}"
            )
    return None
