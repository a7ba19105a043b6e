"""What call_soon(), call_soon_threadsafe(), call_later() and call_at() return is no asyncio.Handle or TimerHandle."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    return [
        isinstance(loop.call_soon(int), asyncio.Handle),
        isinstance(loop.call_soon_threadsafe(int), asyncio.Handle),
        isinstance(loop.call_later(9, int), asyncio.TimerHandle),
        isinstance(loop.call_at(loop.time() + 9, int), asyncio.TimerHandle),
    ]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True] * 4, accused=[False] * 4)
