"""Short lives of a loop: what a fresh one is made to do once before it is closed."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def _wait() -> None:
    await asyncio.sleep(0.001)


async def _be_woken() -> None:
    loop = asyncio.get_running_loop()
    woken = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, None))
    thread.start()
    await woken
    thread.join()


async def _receive() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.send(b"x")
        assert await asyncio.get_running_loop().sock_recv(here, 1) == b"x"


LIVES: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "waited": _wait,
    "woken": _be_woken,
    "received": _receive,
}
"""What a loop did, and the coroutine function that makes it do that."""
