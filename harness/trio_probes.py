"""The probes of trio, through its own interface: it has no asyncio loop, and the same capabilities."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import trio

from ..conformance import descriptors
from ..conformance.capabilities import (
    A_THREAD_EACH,
    NO_THREAD,
    NOT_OFFERED,
    YES,
    Probe,
    Probes,
    Value,
)
from ..conformance.peers import PATIENCE
from ..conformance.probes import CHILD, COMMON, MOMENT, attempt, in_a_moment, same, tls_peer

T = TypeVar("T")


class Trio:
    """Trio as a :class:`~everyloop.conformance.capabilities.Runtime`."""

    def run(self, main: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """Run an async function; none takes longer than peers wait."""

        async def bounded() -> T:
            with trio.fail_after(2 * PATIENCE):
                return await main()

        return trio.run(bounded)

    async def readable(self, files: Sequence[int], within: float, /) -> bool:
        """Watch with ``trio.lowlevel.wait_readable()``, a task each."""
        ready = False

        async def wait(file: int) -> None:
            nonlocal ready
            await trio.lowlevel.wait_readable(file)
            ready = True
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + within
            for file in files:
                nursery.start_soon(wait, file)
        return ready

    async def sleep(self, seconds: float, /) -> None:
        """Sleep."""
        await trio.sleep(seconds)

    def now(self) -> float:
        """Return the time of trio's clock."""
        return trio.current_time()


def _in_trio(main: Callable[[], Coroutine[Any, Any, Value]]) -> Probe:
    return lambda runtime: attempt(runtime, main)


def _not_offered(_: Trio) -> Value:
    return NOT_OFFERED


async def _read_pipe() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    with descriptors.pipe_ends() as (reader, writer):
        async with trio.lowlevel.FdStream(os.dup(reader.fileno())) as stream:
            writer.write(b"x")
            return same(await stream.receive_some(16))


async def _write_pipe() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    with descriptors.pipe_ends() as (reader, writer):
        async with trio.lowlevel.FdStream(os.dup(writer.fileno())) as stream:
            await stream.send_all(b"x")
            return same(reader.read(16))


async def _file_as_pipe() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    with descriptors.file() as file:
        async with trio.lowlevel.FdStream(os.dup(file.fileno())) as stream:
            return same(await stream.receive_some(64), b"x" * 64)


async def _sockets() -> Value:
    here, there = trio.socket.socketpair()
    with here, there:
        await here.send(b"x")
        return same(await there.recv(16))


async def _echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def _tcp() -> Value:
    async with trio.open_nursery() as nursery:
        serve = trio.serve_tcp
        (listener,) = await nursery.start(lambda **options: serve(_echo, 0, host="127.0.0.1", **options))
        host, port = listener.socket.getsockname()
        async with await trio.open_tcp_stream(host, port) as stream:
            await stream.send_all(b"x")
            found = same(await stream.receive_some(16))
        nursery.cancel_scope.cancel()
    return found


def _tls(runtime: Trio) -> Value:
    with tls_peer() as (sock, context):

        async def main() -> Value:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock.dup()))
            tls = trio.SSLStream(stream, context, https_compatible=True)
            try:
                await tls.send_all(b"x")
                return same(await tls.receive_some(16))
            finally:
                await trio.aclose_forcefully(tls)

        return attempt(runtime, main)


async def _datagrams() -> Value:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock, socket.socket(type=socket.SOCK_DGRAM) as peer:
        await sock.bind(("127.0.0.1", 0))
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE)
        peer.sendto(b"x", sock.getsockname())
        data, address = await sock.recvfrom(16)
        await sock.sendto(data, address)
        return same(await trio.to_thread.run_sync(peer.recv, 16))


async def _unix_client() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    with descriptors.unix_path() as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        async with await trio.open_unix_socket(path) as stream:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"x")
                return same(await stream.receive_some(16))


async def _unix_server() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    with descriptors.unix_path() as path, socket.socket(socket.AF_UNIX) as peer:
        sock = trio.socket.socket(trio.socket.AF_UNIX)
        await sock.bind(path)
        sock.listen()
        async with trio.open_nursery() as nursery, trio.SocketListener(sock) as listener:
            nursery.start_soon(trio.serve_listeners, _echo, [listener])
            peer.settimeout(PATIENCE)
            peer.connect(path)
            peer.sendall(b"x")
            found = same(await trio.to_thread.run_sync(peer.recv, 16))
            nursery.cancel_scope.cancel()
        return found


async def _reuse_port() -> Value:
    if sys.platform == "win32":
        return NOT_OFFERED
    port = 0
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            sock = stack.enter_context(trio.socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            await sock.bind(("127.0.0.1", port))
            sock.listen()
            port = sock.getsockname()[1]
    return YES


async def _subprocess() -> Value:
    done = await trio.run_process([*CHILD, "print('x', end='')"], capture_stdout=True)
    return same(done.stdout)


async def _child_exit() -> Value:
    async with trio.open_nursery() as nursery:
        before = set(threading.enumerate())
        program = [*CHILD, "input(); raise SystemExit(7)"]
        run = trio.run_process
        process = await nursery.start(lambda **options: run(program, stdin=subprocess.PIPE, check=False, **options))
        await trio.sleep(MOMENT)  # its end is waited for by a task of its own
        threads = set(threading.enumerate()) - before
        await process.stdin.send_all(b"\n")
        status = await process.wait()
    if status != 7:
        return f"no: exit status {status} instead of 7"
    return A_THREAD_EACH if threads else NO_THREAD


async def _signal_handlers() -> Value:
    number = getattr(signal, "SIGUSR1", signal.SIGTERM)
    with trio.open_signal_receiver(number) as received:
        signal.raise_signal(number)
        async for _ in received:
            break
    return YES


async def _threads() -> Value:
    called = trio.Event()
    token = trio.lowlevel.current_trio_token()
    call = in_a_moment(lambda: trio.from_thread.run_sync(called.set, trio_token=token))
    await called.wait()
    await trio.to_thread.run_sync(call.result)
    return YES


async def _name_resolution() -> Value:
    found = await trio.socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    return YES if found else "no: nothing found"


RUNTIME = Trio()
PROBES: Probes = {
    **COMMON,
    "read-pipe": _in_trio(_read_pipe),
    "write-pipe": _in_trio(_write_pipe),
    "file-as-pipe": _in_trio(_file_as_pipe),
    "sock-methods": _in_trio(_sockets),
    "tcp": _in_trio(_tcp),
    "tls": _tls,
    "datagrams": _in_trio(_datagrams),
    "unix-client": _in_trio(_unix_client),
    "unix-server": _in_trio(_unix_server),
    "reuse-port": _in_trio(_reuse_port),
    "sendfile": _not_offered,
    "subprocess": _in_trio(_subprocess),
    "child-exit": _in_trio(_child_exit),
    "signal-handlers": _in_trio(_signal_handlers),
    "threads": _in_trio(_threads),
    "name-resolution": _in_trio(_name_resolution),
}
"""The probes of trio, by capability; each is given :data:`RUNTIME`."""
