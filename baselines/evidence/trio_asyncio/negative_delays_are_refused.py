"""call_later() with a negative delay raises AssertionError, where asyncio calls at once."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises, tried


async def see() -> object:
    called = asyncio.Event()
    asyncio.get_running_loop().call_later(-1, called.set)
    return await tried(called.wait())


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=raises("AssertionError"))
