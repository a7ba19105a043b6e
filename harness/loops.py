"""Factories of the built-in backends that need more than a name: each makes one kind of real loop."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .backends import Guest

T = TypeVar("T")


def select_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``select()``: descriptors above FD_SETSIZE are out of its reach."""
    return _loop_over("SelectSelector")


def poll_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``poll()``."""
    return _loop_over("PollSelector")


def epoll_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``epoll``."""
    return _loop_over("EpollSelector")


def kqueue_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``kqueue``."""
    return _loop_over("KqueueSelector")


def _loop_over(selector: str) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(getattr(selectors, selector)())


def qasync_loop() -> asyncio.AbstractEventLoop:
    """Qt's event loop through qasync, without a screen.

    Qt allows one application object in a process, and it must outlive every loop.
    """
    import os

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QCoreApplication
    from qasync import QEventLoop

    application = QCoreApplication.instance() or QCoreApplication([])
    loop: asyncio.AbstractEventLoop = QEventLoop(application)
    return loop


def _run_in_trio(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    import outcome
    import trio
    import trio_asyncio

    # Carried past the nurseries of trio and trio-asyncio, which would wrap an error into exception groups.
    async def host() -> outcome.Outcome[T]:
        async with trio_asyncio.open_loop():
            captured: outcome.Outcome[T] = await outcome.acapture(trio_asyncio.aio_as_trio(main))
            return captured

    return trio.run(host).unwrap()


TRIO_ASYNCIO = Guest(_run_in_trio)
