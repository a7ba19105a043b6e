"""Sleeps end up to a millisecond before their time."""

from __future__ import annotations

import asyncio
import time

from ..accuse import accuse


async def see() -> object:
    short = 0
    for _ in range(50):
        begin = time.monotonic()
        await asyncio.sleep(0.0029)
        short += time.monotonic() - begin < 0.0028
    return short > 5


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=False, accused=True)
