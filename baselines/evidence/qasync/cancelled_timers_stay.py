"""Cancelled timers are kept until they would have been due."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    handles = []
    for _ in range(1000):
        handle = loop.call_later(3600, int)
        handles.append(weakref.ref(handle))
        handle.cancel()
    del handle
    await asyncio.sleep(0.05)
    gc.collect()
    return sum(reference() is not None for reference in handles) > 500


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=False, accused=True)
