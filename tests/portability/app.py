"""Somebody's program: what failed in the wild, each as ``<id>``, and what works everywhere, as ``<id>_portable``.

Each function is a minimal rewriting of what the issues say that `FAILURES` names in ``test_failures.py``. The module is
copied beside a test suite, which is run on every platform and sees it: ``sys.platform``, ``os``, ``signal``,
``subprocess`` and ``socket`` are the platform's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

TRUE = (sys.executable, "-c", "")
SLEEPS = (sys.executable, "-c", "import time; print(flush=True); time.sleep(60)")
SOON = 5.0
"""Seconds after which something hangs."""


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def reader_proactor() -> None:
    a, b = socket.socketpair()
    with a, b:
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(a, arrived.set)
        try:
            b.send(b"x")
            await arrived.wait()
        finally:
            loop.remove_reader(a)


async def reader_proactor_portable() -> None:
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        b.send(b"x")
        assert await asyncio.get_running_loop().sock_recv(a, 1) == b"x"


async def subprocess_selector() -> None:
    process = await asyncio.create_subprocess_exec(*TRUE)
    assert await process.wait() == 0


async def subprocess_selector_portable() -> None:
    assert (await asyncio.to_thread(subprocess.run, TRUE, check=False)).returncode == 0


async def signal_handler() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    try:
        signal.raise_signal(signal.SIGTERM)
        await told.wait()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def signal_handler_portable() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handler(*_: object) -> None:
        loop.call_soon_threadsafe(told.set)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(told.wait(), SOON)
    finally:
        signal.signal(signal.SIGTERM, before)


async def reader_and_subprocess() -> None:
    await reader_proactor()
    await subprocess_selector()


async def reader_and_subprocess_portable() -> None:
    def in_loop(kind: Callable[[], asyncio.AbstractEventLoop], main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=kind) as runner:
            runner.run(main())

    spawning: Any = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)
    await asyncio.to_thread(in_loop, asyncio.SelectorEventLoop, reader_proactor)
    await asyncio.to_thread(in_loop, spawning, subprocess_selector)


def many_sockets(at_once: int = 300) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limit = asyncio.Semaphore(at_once)

        async def exchange(a: socket.socket, b: socket.socket) -> None:
            async with limit:
                received = asyncio.gather(loop.sock_recv(a, 1), loop.sock_recv(b, 1))
                await asyncio.sleep(0.01)
                await asyncio.gather(loop.sock_sendall(a, b"x"), loop.sock_sendall(b, b"x"))
                assert list(await received) == [b"x", b"x"]

        async with asyncio.TaskGroup() as group:
            for a, b in pairs:
                group.create_task(exchange(a, b))

    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(300)]
        for sock in (one for pair in pairs for one in pair):
            stack.enter_context(sock)
            sock.setblocking(False)
        asyncio.run(main())


def many_sockets_portable() -> None:
    many_sockets(at_once=20)


async def reset_by_peer(handler: Callable[..., object]) -> None:
    """Let the peer reset a connection just before it is closed here."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handler)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        peer, _ = await asyncio.to_thread(listener.accept)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def reset_on_shutdown() -> None:
    noticed: list[BaseException] = []
    await reset_by_peer(lambda _, context: noticed.append(context["exception"]))
    for error in noticed:
        raise error


async def reset_on_shutdown_portable() -> None:
    noticed: list[BaseException] = []

    def handler(_: object, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), ConnectionResetError):
            noticed.append(context["exception"])

    await reset_by_peer(handler)
    assert noticed == []


async def timers() -> None:
    async def busy() -> None:
        while not done.is_set():  # noqa: ASYNC110 - it has something to do, again and again
            await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    task = asyncio.create_task(busy())
    try:
        for _ in range(10):  # a machine with much to do may be late all the same
            started = loop.time()
            await asyncio.sleep(0.05)
            assert loop.time() - started >= 0.05, "too early"
    finally:
        done.set()
        await task


async def timers_portable() -> None:
    order: list[str] = []

    async def later(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    await asyncio.gather(later(0.1, "second"), later(0.0, "first"))
    assert order == ["first", "second"]


async def stdin_pipe() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"line\n")
    os.close(writing)
    reader = asyncio.StreamReader()
    with open(reading, "rb", 0) as stdin:  # noqa: ASYNC230, PTH123 - what standard input is
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
        try:
            assert await asyncio.wait_for(reader.readline(), 1) == b"line\n"
        finally:
            transport.close()
            await asyncio.sleep(0.05)


async def stdin_pipe_portable() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"line\n")
    os.close(writing)
    with open(reading, "rb") as stdin:  # noqa: ASYNC230, PTH123
        assert await asyncio.to_thread(stdin.readline) == b"line\n"


async def redirected_stdin() -> None:
    with open(__file__, "rb") as stdin:  # noqa: ASYNC230, PTH123
        loop = asyncio.get_running_loop()
        loop.add_reader(stdin, lambda: None)
        loop.remove_reader(stdin)


async def redirected_stdin_portable() -> None:
    with open(__file__, "rb") as stdin:  # noqa: ASYNC230, PTH123
        assert await asyncio.to_thread(stdin.readline)


def policy() -> None:
    asyncio.run(asyncio.sleep(0))
    asyncio.get_event_loop()


def policy_portable() -> None:
    with asyncio.Runner() as runner:
        runner.run(asyncio.sleep(0))


async def reuse_port() -> None:
    loop = asyncio.get_running_loop()
    (await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, reuse_port=True)).close()


async def reuse_port_portable() -> None:
    loop = asyncio.get_running_loop()
    possible = hasattr(socket, "SO_REUSEPORT") or None
    (await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, reuse_port=possible)).close()


def pressed_during(main: Callable[[], Coroutine[Any, Any, None]], press: Callable[[], None]) -> float:
    """Return how many seconds a program runs on in which Ctrl-C is pressed after 0.1."""
    timer = threading.Timer(0.1, press)
    timer.start()
    started = time.monotonic()
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        return time.monotonic() - started
    finally:
        timer.join()
    raise AssertionError("nobody was interrupted")


def ctrl_c(press: Callable[[], None]) -> None:
    async def main() -> None:
        await asyncio.sleep(1)

    assert pressed_during(main, press) < 0.9, "interrupted late"


def ctrl_c_portable(press: Callable[[], None]) -> None:
    async def main() -> None:
        async def wake_up() -> None:
            while True:  # noqa: ASYNC110 - to wake the loop up is what it is for
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up())
            await asyncio.sleep(1)

    assert pressed_during(main, press) < 0.9


@contextlib.contextmanager
def npm() -> Iterator[None]:
    """Install a command that is a script: on Windows it would be ``npm.cmd``."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "npm")
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
        try:
            yield
        finally:
            os.environ["PATH"] = before


async def command() -> None:
    with npm():
        process = await asyncio.create_subprocess_exec("npm", "--version")
        assert await process.wait() == 0


async def command_portable() -> None:
    with npm():
        found = shutil.which("npm")
        assert found is not None
        assert (await asyncio.to_thread(subprocess.run, [found, "--version"], check=False)).returncode == 0


async def thread_signal() -> None:
    def worker() -> None:
        async def main() -> None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)

        asyncio.run(main())

    await asyncio.to_thread(worker)


async def thread_signal_portable() -> None:
    def worker() -> None:
        async def main() -> None:
            if threading.current_thread() is threading.main_thread():
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)

        asyncio.run(main())

    await asyncio.to_thread(worker)


async def wait_closed() -> None:
    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    started = await asyncio.start_server(hold, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*started.sockets[0].getsockname())
    try:
        started.close()
        await asyncio.wait_for(started.wait_closed(), 0.2)
    finally:
        writer.close()
        await reader.read(1 if held else 0)
        for one in held:
            one.close()


async def wait_closed_portable() -> None:
    started = await asyncio.start_server(closing, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*started.sockets[0].getsockname())
    writer.write_eof()
    await reader.read()
    writer.close()
    started.close()
    await asyncio.wait_for(started.wait_closed(), SOON)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


async def errno_class() -> None:
    try:
        await asyncio.open_connection("127.0.0.1", unused_port())
    except OSError as error:
        if error.errno != errno.ECONNREFUSED:
            raise


async def errno_class_portable() -> None:
    with contextlib.suppress(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", unused_port())


class Datagrams(asyncio.DatagramProtocol):
    """Keeps what comes, or the first error."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.received = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        self.received += len(data)
        if self.received >= self.expected:
            self.done.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(exc)


async def udp_size(sizes: tuple[int, ...] = (9217,)) -> None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Datagrams(sum(sizes)), local_addr=("127.0.0.1", 0)
    )
    try:
        for size in sizes:
            transport.sendto(b"x" * size, transport.get_extra_info("sockname"))
        await asyncio.wait_for(protocol.done, SOON)
    finally:
        transport.close()
        await asyncio.sleep(0.05)


async def udp_size_portable() -> None:
    await udp_size((1217, *[1000] * 8))


async def unix_datagrams() -> None:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        path: Any = str(Path(folder, "socket"))
        receiving, received = await loop.create_datagram_endpoint(
            lambda: Datagrams(1_000_000), local_addr=path, family=socket.AF_UNIX
        )
        sending, sent = await loop.create_datagram_endpoint(
            lambda: Datagrams(1), remote_addr=path, family=socket.AF_UNIX
        )
        try:
            for _ in range(1000):
                sending.sendto(b"x" * 1000)
            done, _ = await asyncio.wait([sent.done, received.done], return_when="FIRST_COMPLETED", timeout=SOON)
            for one in done:
                one.result()
            assert received.done in done
        finally:
            sending.abort()
            receiving.abort()
            await asyncio.sleep(0)


async def unix_datagrams_portable() -> None:
    here, there = socket.socketpair()
    reader, answering = await asyncio.open_connection(sock=there)
    _, writer = await asyncio.open_connection(sock=here)
    for _ in range(1000):
        writer.write(b"x" * 1000)
    writer.close()
    assert len(await asyncio.wait_for(reader.read(), SOON)) == 1_000_000
    answering.close()


async def nodelay(explicit: bool = False) -> None:
    told = asyncio.get_running_loop().create_future()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        if explicit:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        told.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(look, "127.0.0.1", 0) as started:
        _, writer = await asyncio.open_connection(*started.sockets[0].getsockname())
        assert await told, "delayed"
        writer.close()


async def nodelay_portable() -> None:
    await nodelay(explicit=True)


async def accept_late() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    (await loop.run_in_executor(None, socket.create_connection, server.sockets[0].getsockname())).close()
    server.close()


async def send_signal() -> None:
    process = await asyncio.create_subprocess_exec(*SLEEPS, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        process.send_signal(signal.SIGINT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def send_signal_portable() -> None:
    process = await asyncio.to_thread(subprocess.Popen, SLEEPS)
    process.terminate()
    assert await asyncio.to_thread(process.wait) != 0


async def popen_arguments() -> None:
    process = await asyncio.create_subprocess_exec(*TRUE, preexec_fn=lambda: None)
    assert await process.wait() == 0


async def popen_arguments_portable() -> None:
    assert (await asyncio.to_thread(subprocess.run, TRUE, check=False)).returncode == 0


async def not_a_socket() -> None:
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(reading, arrived.set)
    try:
        os.write(writing, b"x")
        await arrived.wait()
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


async def not_a_socket_portable() -> None:
    await reader_proactor_portable()


def forked() -> None:
    loop = asyncio.new_event_loop()
    reading, writing = os.pipe()
    try:
        loop.run_until_complete(asyncio.sleep(0))
        if not (child := os.fork()):
            try:
                loop.run_until_complete(asyncio.sleep(0.01))
            except Exception as error:  # noqa: BLE001 - whatever it is, this process must end here
                os.write(writing, repr(error).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        if failure := os.read(reading, 1000):
            raise RuntimeError(f"the child met {failure.decode()}")
    finally:
        os.close(reading)
        loop.close()


async def forked_portable() -> None:
    code = "import asyncio; asyncio.run(asyncio.sleep(0))"
    done = await asyncio.to_thread(subprocess.run, (sys.executable, "-c", code), check=False)
    assert done.returncode == 0


async def endless_sleep() -> None:
    try:
        await asyncio.wait_for(asyncio.sleep(float("inf")), 0.1)
    except TimeoutError:
        return
    raise AssertionError("slept for ever, and is awake")


async def endless_sleep_portable() -> None:
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.1)
    except TimeoutError:
        return
    raise AssertionError("waited for nothing, and got it")


async def reuse_address() -> None:
    loop: Any = asyncio.get_running_loop()
    address = ("127.0.0.1", 0)
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=address, reuse_address=True)
    transport.close()


async def reuse_address_portable() -> None:
    loop = asyncio.get_running_loop()
    address = ("127.0.0.1", 0)
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=address)
    transport.close()


async def object_with_fileno() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: ASYNC230, PTH123
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe, lambda: None)
        loop.remove_reader(pipe)


async def object_with_fileno_portable() -> None:
    await reader_proactor_portable()
