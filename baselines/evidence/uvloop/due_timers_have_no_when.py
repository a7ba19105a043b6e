"""call_later() and call_at() return a handle without when() if the time has come already."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    handles = (loop.call_later(0, int), loop.call_later(-1, int), loop.call_at(loop.time(), int))
    return [hasattr(handle, "when") for handle in handles]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True] * 3, accused=[False] * 3)
