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
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def poll_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``poll()``."""
    return asyncio.SelectorEventLoop(selectors.PollSelector())


def epoll_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``epoll``."""
    return asyncio.SelectorEventLoop(selectors.EpollSelector())


def kqueue_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop over ``kqueue``."""
    return asyncio.SelectorEventLoop(selectors.KqueueSelector())


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
    import trio
    import trio_asyncio

    async def host() -> T:
        async with trio_asyncio.open_loop():
            result: T = await trio_asyncio.aio_as_trio(main)()
            return result

    return trio.run(host)


TRIO_ASYNCIO = Guest(_run_in_trio)
