"""call_soon_threadsafe() returns no handle."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    return isinstance(asyncio.get_running_loop().call_soon_threadsafe(int), asyncio.Handle)


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
