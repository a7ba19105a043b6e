"""A cancelled connect_read_pipe() or connect_write_pipe() leaves the file object open."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    number, other = os.pipe()
    reading, writing = os.fdopen(number, "rb", 0), os.fdopen(other, "wb", 0)
    for connect, pipe in ((loop.connect_read_pipe, reading), (loop.connect_write_pipe, writing)):
        connecting = asyncio.ensure_future(connect(asyncio.Protocol, pipe))
        await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait([connecting])
        await asyncio.sleep(0.05)
    return reading.closed, writing.closed


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(True, True), accused=(False, False))
