"""A sock_recv() that begins at once when another one on the socket is cancelled never ends."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import HANGS, accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        first = asyncio.ensure_future(loop.sock_recv(here, 4))
        await asyncio.sleep(0.01)
        first.cancel()
        threading.Timer(0.1, there.send, (b"data",)).start()
        try:
            async with asyncio.timeout(2):
                return await loop.sock_recv(here, 4)
        except TimeoutError:
            return HANGS


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=b"data", accused=HANGS)
