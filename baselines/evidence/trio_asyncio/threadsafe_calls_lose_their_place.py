"""What call_soon_threadsafe() schedules comes after what call_soon() schedules later."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    order: list[int] = []
    loop.call_soon(order.append, 1)
    loop.call_soon_threadsafe(order.append, 2)
    loop.call_soon(order.append, 3)
    await asyncio.sleep(0.05)
    return order


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=[1, 2, 3], accused=[1, 3, 2])
