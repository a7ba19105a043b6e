"""An exception handler is called with the context alone, not with the loop and the context as documented."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    counts: list[int] = []
    loop.set_exception_handler(lambda *arguments: counts.append(len(arguments)))
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)
    return counts


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[2], accused=[1])
