"""A pipe whose reader is gone, and a terminal whose other side is, are reported to the exception handler."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda *arguments: told.append(type(arguments[-1].get("exception")).__name__))
    ends = os.pipe()
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(ends[1], "wb", 0))
    os.close(ends[0])
    transport.write(b"data")
    await asyncio.sleep(0.1)
    controller, terminal = os.openpty()
    await loop.connect_read_pipe(asyncio.Protocol, os.fdopen(controller, "rb", 0))
    os.close(terminal)
    await asyncio.sleep(0.1)
    return told


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[], accused=["BrokenPipeError", "OSError"])
