"""asyncio.sleep() ends up to a millisecond early."""

from __future__ import annotations

import asyncio
import time

from ..accuse import accuse


async def see() -> object:
    shortest = 1.0
    for delay in (0.0011, 0.0013, 0.0017, 0.0019, 0.0023) * 4:
        start = time.monotonic()
        await asyncio.sleep(delay)
        shortest = min(shortest, time.monotonic() - start - delay)
    return shortest < -0.0001


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=False, accused=True)
