"""An exception handler that is called for a callback, and sets another handler, hangs for ever."""

from __future__ import annotations

import asyncio

from ..accuse import HANGS, accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: loop.set_exception_handler(None))
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.05)
    return "set"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="set", accused=HANGS)
