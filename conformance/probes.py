"""The probes: those that are the same for every runtime, and those of asyncio loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from io import FileIO
from typing import Any, TypeVar, cast

from . import descriptors
from .capabilities import (
    A_THREAD_EACH,
    ALWAYS_READY,
    AT_ONCE,
    NEVER_READY,
    NO_THREAD,
    UP_TO_ITS_END,
    WHEN_THE_WAIT_ENDS,
    YES,
    AbsentError,
    Probe,
    Probes,
    Quantity,
    Runtime,
    Value,
    refusal,
)
from .descriptors import Watched
from .driving import settle
from .peers import PATIENCE
from .protocols import unhandled
from .subject import LoopFactory, Run

T = TypeVar("T")

MOMENT = 0.05
"""Seconds in which a descriptor that is always ready says so: what is ready needs one turn of a loop."""
MOST_SOCKETS = 900
"""As many as fit below select()'s 1024, with what a process has open besides."""
HIGHEST = 65535
SHORT = 0.0005
CHILD = (sys.executable, "-I", "-S", "-c")


def attempt(runtime: Runtime, main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Run a probe's function; an exception is a measurement, wherever it comes out."""
    try:
        return runtime.run(main)
    except Exception as error:  # noqa: BLE001 - which one is what is asked
        return refusal(error)


# What is the same everywhere.


def _watching(kind: Callable[[], contextlib.AbstractContextManager[Watched]]) -> Probe:
    def probe(runtime: Runtime) -> Value:
        with kind() as watched:

            async def main() -> Value:
                if await runtime.readable([watched.file], MOMENT):
                    return ALWAYS_READY
                watched.provoke()
                return YES if await runtime.readable([watched.file], PATIENCE) else NEVER_READY

            return attempt(runtime, main)

    return probe


def watch_file(runtime: Runtime) -> Value:
    """Watch a regular file, at its beginning and at its end."""
    with descriptors.file() as file:

        async def main() -> Value:
            before = await runtime.readable([file.fileno()], MOMENT)
            file.read()
            after = await runtime.readable([file.fileno()], MOMENT)
            return {(True, True): ALWAYS_READY, (True, False): UP_TO_ITS_END}.get((before, after), NEVER_READY)

        return attempt(runtime, main)


def sockets_at_once(runtime: Runtime) -> Value:
    """Find how many sockets can be watched at once."""

    def watched(count: int) -> Value:
        with descriptors.many_sockets(count) as (sockets, provoke):

            async def main() -> Value:
                provoke()
                return YES if await runtime.readable(sockets, PATIENCE) else NEVER_READY

            return attempt(runtime, main)

    return _highest(watched, 1, MOST_SOCKETS, "sockets")


def highest_descriptor(runtime: Runtime) -> Value:
    """Find the highest descriptor that can be watched."""

    def watched(number: int) -> Value:
        with descriptors.numbered(number) as high:

            async def main() -> Value:
                high.provoke()
                return YES if await runtime.readable([high.file], PATIENCE) else NEVER_READY

            return attempt(runtime, main)

    return _highest(watched, 256, _most_descriptors() - 1, "")


def _most_descriptors() -> int:
    if sys.platform == "win32":
        return HIGHEST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return HIGHEST if soft == resource.RLIM_INFINITY else min(HIGHEST, soft)


def _highest(works: Callable[[int], Value], low: int, high: int, unit: str) -> Value:
    """Find the highest number that works by halving; the refusal, if not even the lowest does."""
    if works(high) == YES:
        return Quantity(high, unit, at_least=True)
    if (value := works(low)) != YES:
        return value
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) == YES else (low, middle)
    return Quantity(low, unit)


def clock_step(runtime: Runtime) -> Value:
    """Find the smallest step of the clock."""

    async def main() -> Value:
        steps = []
        for _ in range(5):
            before = now = runtime.now()
            while now == before:
                now = runtime.now()
            steps.append(now - before)
        return Quantity(min(steps), "s")

    return attempt(runtime, main)


def shortest_sleep(runtime: Runtime) -> Value:
    """Sleep shortly, several times in a row; the first may end at a tick that was near."""

    async def main() -> Value:
        lengths = []
        for _ in range(8):
            before = time.perf_counter()
            await runtime.sleep(SHORT)
            lengths.append(time.perf_counter() - before)
        return Quantity(statistics.median_low(lengths[1:]), "s")

    return attempt(runtime, main)


def interrupt(runtime: Runtime) -> Value:
    """Send this process a signal while the loop waits for a second; the handler makes a socket ready, which ends it."""
    sent = noticed = 0.0

    def send() -> None:
        nonlocal sent
        sent = time.perf_counter()
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)  # os.kill() would end the process
        else:
            os.kill(os.getpid(), signal.SIGINT)

    with descriptors.sockets() as watched:

        def notice(*_: object) -> None:
            nonlocal noticed
            noticed = time.perf_counter()
            watched.provoke()

        async def main() -> Value:
            timer.start()
            try:
                await runtime.readable([watched.file], 1.0)
            except NotImplementedError:  # nothing can be watched
                await runtime.sleep(1.0)
            return YES

        timer = threading.Timer(2 * MOMENT, send)
        before = signal.signal(signal.SIGINT, notice)
        try:
            value = attempt(runtime, main)
        finally:
            timer.join()
            signal.signal(signal.SIGINT, before)
    if value != YES:
        return value
    if not noticed:
        return "no: never noticed"
    return AT_ONCE if noticed - sent < 0.5 else WHEN_THE_WAIT_ENDS


def in_a_moment(function: Callable[[], object]) -> Future[object]:
    """Call a function in another thread, when this one waits; the future has what comes of it."""
    future: Future[object] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except Exception as error:  # noqa: BLE001 - handed to whoever asks
            future.set_exception(error)

    threading.Timer(MOMENT, call).start()
    return future


COMMON: Probes = {
    "watch-socket": _watching(descriptors.sockets),
    "watch-pipe": _watching(descriptors.pipe),
    "watch-fifo": _watching(descriptors.fifo),
    "watch-pty": _watching(descriptors.pty),
    "watch-terminal": _watching(descriptors.terminal),
    "watch-null": _watching(descriptors.null),
    "watch-file": watch_file,
    "sockets-at-once": sockets_at_once,
    "highest-descriptor": highest_descriptor,
    "interrupt": interrupt,
    "clock-step": clock_step,
    "shortest-sleep": shortest_sleep,
}


# asyncio's.


class Loop:
    """An asyncio loop as a :class:`~everyloop.conformance.capabilities.Runtime`.

    Args:
        run: runs an async function on it.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @classmethod
    def made_by(cls, factory: LoopFactory) -> Loop:
        """Run everything on a loop of its own, which is closed afterwards."""

        def run(main: Callable[[], Coroutine[Any, Any, T]], /) -> T:
            loop = factory()
            try:
                return loop.run_until_complete(main())
            finally:
                loop.close()

        return cls(run)

    async def readable(self, files: Sequence[int], within: float, /) -> bool:
        """Watch with ``add_reader()``."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        added = []
        try:
            for file in files:
                loop.add_reader(file, ready.set)
                added.append(file)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await ready.wait()
        finally:
            for file in added:
                loop.remove_reader(file)
        return ready.is_set()

    async def sleep(self, seconds: float, /) -> None:
        """Sleep as asyncio does."""
        await asyncio.sleep(seconds)

    def now(self) -> float:
        """Return the loop's time."""
        return asyncio.get_running_loop().time()


class _Received(asyncio.Protocol, asyncio.SubprocessProtocol):
    """A protocol that keeps what it received, and tells when it ended.

    Attributes:
        first: the first data; the exception, or EOFError, if the connection is lost before.
    """

    def __init__(self) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.first.done():
            self.first.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.first.done():
            self.first.set_exception(exc or EOFError("the connection was closed"))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.first: asyncio.Future[tuple[bytes, Any]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.first.done():
            self.first.set_result((data, addr))

    def error_received(self, exc: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(exc)


class _Echo(asyncio.Protocol):
    """Sends back the first data, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)
        self._transport.close()


async def soon(operation: Awaitable[T]) -> T:
    """Await what happens by itself; TimeoutError, which is a measurement too, if it does not."""
    async with asyncio.timeout(PATIENCE):
        return await operation


async def _settled(main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Let what the function closed be closed before the loop ends."""
    try:
        return await main()
    finally:
        await settle()


def _on_the_loop(main: Callable[[], Coroutine[Any, Any, Value]]) -> Probe:
    return lambda runtime: attempt(runtime, lambda: _settled(main))


def same(received: bytes | bytearray, sent: bytes = b"x") -> Value:
    """Say yes if what came is what was sent."""
    return YES if received == sent else f"no: {received!r} instead of {sent!r}"


async def _read_first(file: FileIO) -> bytes:
    """Connect a file and return what comes first.

    CPython's proactor up to Python 3.13 does not tell the protocol that it cannot read from a pipe: its transport fails
    once more when it wants to, and the exception handler gets that error, with the first one as its context.
    """
    with unhandled() as reports:
        transport, protocol = await asyncio.get_running_loop().connect_read_pipe(_Received, file)
        try:
            return await soon(protocol.first)
        except TimeoutError:
            for error in (report["exception"] for report in reports if "exception" in report):
                raise (error.__context__ or error) from None
            raise
        finally:
            transport.close()


async def _read_pipe() -> Value:
    with descriptors.pipe_ends() as (reader, writer):
        writer.write(b"x")
        return same(await _read_first(reader))


async def _write_pipe() -> Value:
    loop = asyncio.get_running_loop()
    with descriptors.pipe_ends() as (reader, writer):
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, writer)
        try:
            transport.write(b"x")
            return same(await soon(asyncio.to_thread(reader.read, 1)))
        finally:
            transport.close()


async def _file_as_pipe() -> Value:
    with descriptors.file() as file:
        return same(await _read_first(file), b"x" * 64)


async def _sock_methods() -> Value:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.settimeout(PATIENCE)
        await soon(loop.sock_sendall(here, b"x"))
        there.sendall(there.recv(1))
        return same(await soon(loop.sock_recv(here, 1)))


async def _tcp() -> Value:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        transport, protocol = await soon(loop.create_connection(_Received, host, port))
        try:
            transport.write(b"x")
            return same(await soon(protocol.first))
        finally:
            transport.close()
    finally:
        server.close()


@contextlib.contextmanager
def tls_peer() -> Iterator[tuple[socket.socket, ssl.SSLContext]]:
    """A socket whose peer speaks TLS and sends back what it gets, and the context of a client for it.

    Neither side shows a certificate: there is nothing to make, to trust or to expire.
    """
    contexts = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in contexts:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # the last with ciphers that need no certificate
        try:
            context.set_ciphers("aNULL:@SECLEVEL=0")
        except ssl.SSLError as error:
            raise AbsentError("this OpenSSL has no ciphers without certificates") from error
    client, server = contexts
    here, there = socket.socketpair()

    def echo() -> None:
        there.settimeout(PATIENCE)
        # The probe says what came of it on its side.
        with contextlib.suppress(OSError), server.wrap_socket(there, server_side=True) as tls:
            tls.sendall(tls.recv(16))
            tls.recv(16)

    thread = threading.Thread(target=echo)
    thread.start()
    with here:
        here.setblocking(False)
        try:
            yield here, client
        finally:
            with contextlib.suppress(OSError):
                here.shutdown(socket.SHUT_RDWR)
            thread.join()
            there.close()


def _tls(runtime: Runtime) -> Value:
    with tls_peer() as (sock, context):

        async def main() -> Value:
            loop = asyncio.get_running_loop()
            connecting = loop.create_connection(_Received, ssl=context, sock=sock.dup(), server_hostname="")
            transport, protocol = await soon(connecting)
            try:
                transport.write(b"x")
                return same(await soon(protocol.first))
            finally:
                transport.abort()

        return attempt(runtime, lambda: _settled(main))


async def _datagrams() -> Value:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE)
        transport, protocol = await loop.create_datagram_endpoint(_Datagrams, local_addr=("127.0.0.1", 0))
        try:
            peer.sendto(b"x", transport.get_extra_info("sockname"))
            data, address = await soon(protocol.first)
            transport.sendto(data, address)
            return same(await soon(asyncio.to_thread(peer.recv, 16)))
        finally:
            transport.close()


async def _unix_client() -> Value:
    loop = asyncio.get_running_loop()
    with descriptors.unix_path() as path, contextlib.ExitStack() as stack:
        listener: socket.socket | None = None
        if sys.platform != "win32":
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen()
            listener.settimeout(PATIENCE)
        transport, protocol = await soon(loop.create_unix_connection(_Received, path))
        try:
            assert listener is not None
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"x")
                return same(await soon(protocol.first))
        finally:
            transport.close()


async def _unix_server() -> Value:
    loop = asyncio.get_running_loop()
    with descriptors.unix_path() as path:
        server = await loop.create_unix_server(_Echo, path)
        try:
            if sys.platform == "win32":
                return YES
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(PATIENCE)
                peer.connect(path)
                peer.sendall(b"x")
                return same(await soon(asyncio.to_thread(peer.recv, 16)))
        finally:
            server.close()


async def _reuse_port() -> Value:
    loop = asyncio.get_running_loop()
    first = await loop.create_server(_Echo, "127.0.0.1", 0, reuse_port=True)
    try:
        port = first.sockets[0].getsockname()[1]
        second = await loop.create_server(_Echo, "127.0.0.1", port, reuse_port=True)
        second.close()
    finally:
        first.close()
    return YES


async def _sendfile() -> Value:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    with here, there, descriptors.file() as file:
        here.setblocking(False)
        there.settimeout(PATIENCE)
        await soon(loop.sock_sendfile(here, file, fallback=False))
        return same(there.recv(1024), b"x" * 64)


async def _subprocess() -> Value:
    process = await asyncio.create_subprocess_exec(*CHILD, "print('x', end='')", stdout=asyncio.subprocess.PIPE)
    output, _ = await soon(process.communicate())
    return same(output)


async def _child_exit() -> Value:
    pipe = asyncio.subprocess.PIPE
    before = set(threading.enumerate())
    process = await asyncio.create_subprocess_exec(*CHILD, "input(); raise SystemExit(7)", stdin=pipe)
    threads = set(threading.enumerate()) - before
    assert process.stdin is not None
    process.stdin.write(b"\n")
    status = await soon(process.wait())
    if status != 7:
        return f"no: exit status {status} instead of 7"
    return A_THREAD_EACH if threads else NO_THREAD


async def _signal_handlers() -> Value:
    loop = asyncio.get_running_loop()
    number = getattr(signal, "SIGUSR1", signal.SIGTERM)
    called = asyncio.Event()
    loop.add_signal_handler(number, called.set)
    try:
        signal.raise_signal(number)
        await soon(called.wait())
    finally:
        loop.remove_signal_handler(number)
    return YES


async def _threads() -> Value:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    call = in_a_moment(lambda: loop.call_soon_threadsafe(called.set))
    try:
        await soon(called.wait())
    finally:
        call.result(PATIENCE)
    return YES


async def _name_resolution() -> Value:
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    return YES if found else "no: nothing found"


ASYNCIO: Probes = {
    **COMMON,
    "read-pipe": _on_the_loop(_read_pipe),
    "write-pipe": _on_the_loop(_write_pipe),
    "file-as-pipe": _on_the_loop(_file_as_pipe),
    "sock-methods": _on_the_loop(_sock_methods),
    "tcp": _on_the_loop(_tcp),
    "tls": _tls,
    "datagrams": _on_the_loop(_datagrams),
    "unix-client": _on_the_loop(_unix_client),
    "unix-server": _on_the_loop(_unix_server),
    "reuse-port": _on_the_loop(_reuse_port),
    "sendfile": _on_the_loop(_sendfile),
    "subprocess": _on_the_loop(_subprocess),
    "child-exit": _on_the_loop(_child_exit),
    "signal-handlers": _on_the_loop(_signal_handlers),
    "threads": _on_the_loop(_threads),
    "name-resolution": _on_the_loop(_name_resolution),
}
"""The probes of asyncio loops, by capability; each is given a :class:`Loop`."""
