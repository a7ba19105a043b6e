"""call_soon_threadsafe() returns None, so that its callback cannot be cancelled."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    return isinstance(asyncio.get_running_loop().call_soon_threadsafe(int), asyncio.Handle)


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=False)
