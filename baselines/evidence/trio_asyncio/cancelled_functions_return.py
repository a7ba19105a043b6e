"""A task that waits for run_in_executor() may get its result though it was cancelled in time, and goes on."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def call() -> int:
    return await asyncio.get_running_loop().run_in_executor(None, int)


async def see() -> object:
    swallowed = 0
    for turns in range(2, 8):
        for _ in range(20):
            calling = asyncio.ensure_future(call())
            for _ in range(turns):
                await asyncio.sleep(0)
            if calling.cancel():
                await asyncio.wait([calling])
                swallowed += not calling.cancelled()
    return swallowed > 0


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=False, accused=True)
