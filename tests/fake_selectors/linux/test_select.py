"""Linux' ``select()``: each fact on the fake, and on the real kernel where this machine is Linux."""

from __future__ import annotations

import asyncio
import errno
import os
import select as host
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from everyloop.fake_selectors import LinuxSelectSelector, linux
from everyloop.fake_selectors.kernels.linux.select import FD_SETSIZE

fcntl = pytest.importorskip("fcntl")
resource = pytest.importorskip("resource")

real = pytest.param(
    "real", marks=pytest.mark.skipif(sys.platform != "linux", reason="the real kernel is that of another system")
)


@pytest.fixture(params=["fake", real])
def select(request: pytest.FixtureRequest) -> ModuleType:
    return linux.select().module("select") if request.param == "fake" else host


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    """Let this process have descriptors that an ``fd_set`` has no room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2 * FD_SETSIZE
    if hard != resource.RLIM_INFINITY and hard < enough:
        pytest.skip("this process may not have so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def high(pair: tuple[socket.socket, socket.socket]) -> Iterator[int]:
    """A descriptor that an ``fd_set`` has no room for: another one of the first socket."""
    fd = fcntl.fcntl(pair[0], fcntl.F_DUPFD_CLOEXEC, FD_SETSIZE)
    yield fd
    os.close(fd)


def test_what_is_ready_comes_back_in_order(select: ModuleType, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert select.select([ours], [theirs, ours], [ours], 10) == ([], [theirs, ours], [])
    theirs.send(b"x")
    assert select.select([theirs, ours], [], [], 10) == ([ours], [], [])


def test_a_number_that_does_not_fit_is_refused_however_few_there_are(select: ModuleType, high: int) -> None:
    for place in range(3):
        lists: list[list[int]] = [[], [], []]
        lists[place] = [high]
        with pytest.raises(ValueError, match=r"^filedescriptor out of range in select\(\)$"):
            select.select(*lists, 0)


def test_the_highest_number_that_fits_is_taken(select: ModuleType, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    fd = os.dup2(ours.fileno(), FD_SETSIZE - 1)
    try:
        theirs.send(b"x")
        assert select.select([fd], [], [], 10) == ([fd], [], [])
    finally:
        os.close(fd)


def test_a_list_takes_1024_entries(select: ModuleType, pair: tuple[socket.socket, socket.socket]) -> None:
    writable = [pair[0]] * FD_SETSIZE
    assert select.select(writable, writable, [], 10) == ([], writable, [])
    with pytest.raises(ValueError, match=r"^too many file descriptors in select\(\)$"):
        select.select([], [*writable, pair[1]], [], 10)


def test_the_number_of_an_entry_is_looked_at_before_the_count(
    select: ModuleType, pair: tuple[socket.socket, socket.socket], high: int
) -> None:
    with pytest.raises(ValueError, match="out of range"):
        select.select([*[pair[0]] * FD_SETSIZE, high], [], [], 0)


def test_a_closed_descriptor_fails_the_whole_call(
    select: ModuleType, pair: tuple[socket.socket, socket.socket]
) -> None:
    stale = os.dup(pair[0].fileno())
    os.close(stale)
    with pytest.raises(OSError, match="Bad file descriptor") as raised:
        select.select([stale], [pair[0]], [], 10)
    assert raised.value.errno == errno.EBADF


def test_a_negative_descriptor_is_refused(select: ModuleType) -> None:
    closed = socket.socket()
    closed.close()
    for item in -1, closed:
        with pytest.raises(ValueError, match=r"^file descriptor cannot be a negative integer \(-1\)$"):
            select.select([item], [], [], 0)


def test_empty_lists_sleep(select: ModuleType) -> None:
    start = time.monotonic()
    assert select.select([], [], [], 0.02) == ([], [], [])
    assert time.monotonic() - start >= 0.02


@pytest.mark.parametrize("path", ["file", "/dev/null"])
def test_files_are_always_ready(select: ModuleType, path: str, tmp_path: Path) -> None:
    with (tmp_path / path).open("w+b") as file:
        assert select.select([file], [file], [], 0) == ([file], [file], [])


def test_there_is_nothing_else_in_the_module() -> None:
    fake = linux.select().module("select")
    assert not [name for name in dir(fake) if name.lower().startswith(("poll", "epoll", "kqueue", "kevent", "kq"))]
    assert not hasattr(fake, "epoll")
    assert fake.error is OSError
    assert fake.PIPE_BUF == host.PIPE_BUF


def test_select_is_what_cpython_chooses() -> None:
    module = linux.select().module("selectors")
    assert module.DefaultSelector is module.SelectSelector
    assert not hasattr(module, "EpollSelector")
    assert not hasattr(module, "PollSelector")


@pytest.fixture(params=["fake", real])
def selector(request: pytest.FixtureRequest) -> Iterator[selectors.BaseSelector]:
    with LinuxSelectSelector() if request.param == "fake" else selectors.SelectSelector() as made:
        yield made


def test_a_selector_refuses_in_select_not_in_register(selector: selectors.BaseSelector, high: int) -> None:
    selector.register(high, selectors.EVENT_READ)
    with pytest.raises(ValueError, match="out of range"):
        selector.select(0)
    selector.unregister(high)
    assert selector.select(0) == []


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "platform": lambda: linux.select().new_event_loop(),
    "selector": lambda: asyncio.SelectorEventLoop(LinuxSelectSelector()),
    "real": lambda: asyncio.SelectorEventLoop(selectors.SelectSelector()),
}


@pytest.mark.parametrize("make", ["platform", "selector", real])
def test_a_loop_fails_where_it_waits(make: str, high: int) -> None:
    loop = LOOPS[make]()
    try:
        loop.add_reader(high, lambda: None)
        with pytest.raises(ValueError, match="out of range"):
            loop.run_forever()
        loop.remove_reader(high)
        assert loop.run_until_complete(asyncio.sleep(0, "runs again")) == "runs again"
    finally:
        loop.close()
