"""call_later() returns a handle without when() if the time has come already."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    return [hasattr(loop.call_later(delay, int), "when") for delay in (0, -1)]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True] * 2, accused=[False] * 2)
