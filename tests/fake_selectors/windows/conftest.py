"""The Windows under test: the fake on Linux, the real one on Windows."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from everyloop.fake_selectors import windows

Sockets: TypeAlias = tuple[Any, Any]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the fake is made of Linux' kernel")
fake = pytest.param("fake", marks=on_linux)
real = pytest.param("real", marks=pytest.mark.skipif(sys.platform != "win32", reason="the real kernel is Windows'"))

PATIENCE = 10.0  # seconds: what happens by itself happens much earlier


class Real:
    """The process's own modules and loop, with what a platform has."""

    def module(self, name: str) -> Any:
        """Return a module."""
        return importlib.import_module(name)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make a loop over ``select()``."""
        return asyncio.SelectorEventLoop()


def refused(number: int, kind: type[OSError] = OSError) -> Any:
    """Expect an error with Windows' number."""
    return pytest.raises(kind, check=lambda error: getattr(error, "winerror", None) == number)


@pytest.fixture(params=[fake, real])
def system(request: pytest.FixtureRequest) -> Any:
    """Windows: gives modules and loops."""
    return windows.selector() if request.param == "fake" else Real()


@pytest.fixture
def socket(system: Any) -> Any:
    """The module :mod:`socket` as Windows has it."""
    return system.module("socket")


@pytest.fixture
def select(system: Any) -> Any:
    """The module :mod:`select` as Windows has it."""
    return system.module("select")


@pytest.fixture
def pair(socket: Any) -> Iterator[Sockets]:
    """Two sockets that are connected."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def listener(socket: Any) -> Iterator[Any]:
    """A socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def closed_port(socket: Any) -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address: tuple[str, int] = unused.getsockname()
        return address


@pytest.fixture
def loop(system: Any) -> Iterator[asyncio.AbstractEventLoop]:
    """A stopped loop of Windows, over ``select()``."""
    made = system.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def run(loop: asyncio.AbstractEventLoop) -> Callable[[Any], Any]:
    """Run a coroutine on the loop, for a bounded time."""

    def run_on_loop(coroutine: Any) -> Any:
        return loop.run_until_complete(asyncio.wait_for(coroutine, PATIENCE))

    return run_on_loop
