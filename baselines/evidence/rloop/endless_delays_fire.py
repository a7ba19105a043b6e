"""A timer of 1e300 seconds, or of infinitely many, fires at once."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[float] = []
    for delay in (1e300, float("inf")):
        loop.call_later(delay, seen.append, delay)
    await asyncio.sleep(0.1)
    return len(seen)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=0, accused=2)
