"""loop.time() has steps of a millisecond."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    clock = asyncio.get_running_loop().time
    seen: set[float] = set()
    while len(seen) < 5:
        seen.add(clock())
    first, *others = sorted(seen)
    return min(other - first for other in others) < 0.0009


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
