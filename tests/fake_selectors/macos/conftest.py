"""The kqueue under test: the fake on Linux, the real one on macOS."""

from __future__ import annotations

import contextlib
import os
import select as host
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from everyloop.fake_selectors import macos

Sockets: TypeAlias = tuple[socket.socket, socket.socket]
Pipe: TypeAlias = tuple[int, int]

fake = pytest.param(
    "fake", marks=pytest.mark.skipif(sys.platform != "linux", reason="the fake is made of Linux' epoll")
)
real = pytest.param("real", marks=pytest.mark.skipif(sys.platform != "darwin", reason="the real kernel is macOS'"))

PATIENCE = 10.0  # seconds: what happens by itself happens much earlier


class Kernel:
    """One kqueue, and what tests do with it."""

    def __init__(self, select: Any) -> None:
        self.select = select
        self.kqueue = select.kqueue()

    def kevent(self, ident: Any, filter_: int, flags: int, fflags: int = 0, data: int = 0, udata: int = 0) -> Any:
        """Make a change."""
        return self.select.kevent(ident, filter_, flags, fflags, data, udata)

    def change(self, ident: Any, filter_: int, flags: int, fflags: int = 0, data: int = 0, udata: int = 0) -> None:
        """Apply a change, or raise what the kernel says."""
        assert self.kqueue.control([self.kevent(ident, filter_, flags, fflags, data, udata)], 0, 0) == []

    def events(self, timeout: float = 0) -> list[Any]:
        """Return the events that there are within so many seconds."""
        return list(self.kqueue.control(None, 100, timeout))

    def event(self) -> Any:
        """Return the only event, which comes by itself."""
        (event,) = self.events(PATIENCE)
        return event

    def idents(self) -> list[tuple[int, int]]:
        """Return what is active now: ident and filter."""
        return sorted((event.ident, event.filter) for event in self.events())


@pytest.fixture(params=[fake, real])
def select(request: pytest.FixtureRequest) -> Any:
    """The module :mod:`select` as macOS has it."""
    return macos().module("select") if request.param == "fake" else host


@pytest.fixture
def kernel(select: Any) -> Iterator[Kernel]:
    """A kqueue."""
    made = Kernel(select)
    yield made
    made.kqueue.close()


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """A pair of connected sockets that do not block."""
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    with here, there:
        yield here, there


@pytest.fixture
def tcp() -> Iterator[Sockets]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        with there:
            yield here, there


@pytest.fixture
def opened() -> Iterator[Callable[[int], int]]:
    """Take descriptors that are closed in the end, if they are still open and what they were."""
    taken: list[tuple[int, tuple[int, int]]] = []

    def take(fd: int) -> int:
        taken.append((fd, file(fd)))
        return fd

    def file(fd: int) -> tuple[int, int]:
        status = os.fstat(fd)
        return status.st_dev, status.st_ino

    yield take
    for fd, before in taken:
        with contextlib.suppress(OSError):
            if file(fd) == before:
                os.close(fd)


@pytest.fixture
def pipe(opened: Callable[[int], int]) -> Pipe:
    """The reading and the writing end of a pipe."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    return opened(reading), opened(writing)
