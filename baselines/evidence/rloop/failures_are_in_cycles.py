"""What create_connection() raises is in a reference cycle: only the garbage collector frees it."""

from __future__ import annotations

import asyncio
import gc
import socket

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        gc.disable()
        try:
            await loop.create_connection(asyncio.Protocol, *bound.getsockname())
        except OSError as error:
            kind = type(error)
        await asyncio.sleep(0.05)
        return any(isinstance(thing, kind) for thing in gc.get_objects())


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=True)
