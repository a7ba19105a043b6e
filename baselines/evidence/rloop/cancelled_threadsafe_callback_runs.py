"""A callback of call_soon_threadsafe() with exactly one argument is called although its handle was cancelled."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    loop.call_soon_threadsafe(seen.append, "called").cancel()
    await asyncio.sleep(0.05)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[], accused=["called"])
