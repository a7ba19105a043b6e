"""Peers of the loop under test, as fixtures: blocking sockets and threads, so that a loop is never its own witness.

Every wait of a peer is bounded by :data:`PATIENCE`. What a peer's thread raises is raised again where the case
asks for its result, or at the end of the case.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds a peer waits for the loop under test before it gives up: loopback answers within milliseconds."""


class InThread(Protocol):
    """Starts ``function(*arguments)`` in a thread of its own; the future has its result."""

    def __call__(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]: ...


class _Peer(Future[T]):
    """The future of a peer's thread, which knows whether anybody has heard of its end."""

    heard = False

    def result(self, timeout: float | None = None) -> T:
        self.heard = True
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.heard = True
        return super().exception(timeout)

    def add_done_callback(self, function: Callable[[Future[T]], object]) -> None:
        self.heard = True  # by asyncio.wrap_future(), which since Python 3.15 calls none of the others
        super().add_done_callback(function)


@pytest.fixture
def in_thread() -> Iterator[InThread]:
    """Run blocking functions beside the loop under test; all have ended when the case has."""
    started: list[tuple[threading.Thread, _Peer[Any]]] = []

    def start(function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        future: _Peer[Any] = _Peer()

        def work() -> None:
            try:
                future.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
                future.set_exception(error)

        thread = threading.Thread(target=work, name=f"peer-{len(started)}", daemon=True)
        started.append((thread, future))
        thread.start()
        return future

    yield start
    for thread, _ in started:
        thread.join(PATIENCE)
    for thread, future in started:
        assert not thread.is_alive(), f"{thread.name} still runs {PATIENCE} s after the case"
        if not future.heard:
            future.result()


@pytest.fixture
def socket_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected stream sockets: the first non-blocking for the loop, the second blocking for the peer."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.settimeout(PATIENCE)
        yield here, there


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A blocking TCP socket that listens on an ephemeral port of 127.0.0.1: the peer's server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server


@pytest.fixture
def tcp_pair(listener: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected TCP sockets: the first non-blocking for the loop, the second blocking for the peer."""
    here = socket.create_connection(listener.getsockname(), PATIENCE)
    with here:
        there, _ = listener.accept()
        with there:
            here.setblocking(False)
            there.settimeout(PATIENCE)
            yield here, there


@pytest.fixture
def closed_port() -> Iterator[tuple[str, int]]:
    """An address that refuses connections: bound, so that nobody else gets the port, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


@pytest.fixture
def unix_path() -> Iterator[str]:
    """A path for a Unix socket: addresses end after 103 bytes on macOS, which makes tmp_path too long there."""
    with tempfile.TemporaryDirectory(prefix="everyloop-") as folder:
        yield str(Path(folder, "socket"))


def fill(sock: socket.socket) -> int:
    """Write to a non-blocking socket until the kernel takes no more; return the number of bytes."""
    written = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            written += sock.send(bytes(65536))
    return written


def reset(sock: socket.socket) -> None:
    """Close a TCP connection in the rudest way: the other side gets a reset instead of an end."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    sock.close()


def receive_exactly(sock: socket.socket, size: int) -> bytes:
    """Read `size` bytes from a blocking socket; fewer only if the other side ends first."""
    received = bytearray()
    while len(received) < size and (data := sock.recv(min(65536, size - len(received)))):
        received += data
    return bytes(received)


def receive_all(sock: socket.socket) -> bytes:
    """Read from a blocking socket until the other side ends."""
    received = bytearray()
    while data := sock.recv(65536):
        received += data
    return bytes(received)
