"""call_later() and call_at() return handles without when(), not TimerHandles."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    handles = loop.call_later(9, int), loop.call_at(loop.time() + 9, int)
    return [hasattr(handle, "when") for handle in handles]


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=[True] * 2, accused=[False] * 2)
