"""In debug mode handles were created in trio_asyncio, not where they were scheduled."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    handles = [loop.call_soon(int), loop.call_later(9, int), loop.call_at(loop.time() + 9, int)]
    seen = [Path(__file__).name in repr(handle) for handle in handles]
    loop.set_debug(False)
    return seen


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=[True] * 3, accused=[False] * 3)
