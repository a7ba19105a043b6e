"""Timers that are due at the same time are called in any order, not in that of their deadlines."""

from __future__ import annotations

import asyncio
import time

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    sorted_ones = 0
    for _ in range(20):
        order: list[int] = []
        now = loop.time()
        for number in (3, 1, 4, 0, 2):
            loop.call_at(now + 0.001 + number / 1000, order.append, number)
        time.sleep(0.02)
        await asyncio.sleep(0.05)
        sorted_ones += order == sorted(order)
    return sorted_ones == 20


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=False)
