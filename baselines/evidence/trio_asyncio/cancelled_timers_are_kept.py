"""Timers that were cancelled are kept until they would have been due."""

from __future__ import annotations

import asyncio
import gc

from ..accuse import accuse


async def see() -> object:
    class Payload:
        pass

    loop = asyncio.get_running_loop()
    gc.collect()
    before = sum(isinstance(found, asyncio.TimerHandle) for found in gc.get_objects())
    for _ in range(600):
        loop.call_later(3600, int).cancel()
    await asyncio.sleep(0.05)
    gc.collect()
    return sum(isinstance(found, asyncio.TimerHandle) for found in gc.get_objects()) - before > 300


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=False, accused=True)
