"""A callback with exactly one argument is called although its handle was cancelled."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[tuple[int, ...]] = []
    for count in range(4):
        loop.call_soon(lambda *arguments: seen.append(arguments), *range(count)).cancel()
    await asyncio.sleep(0.05)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[], accused=[(0,)])
