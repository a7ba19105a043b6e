"""call_at(None) makes the loop hang, where asyncio raises TypeError."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import HANGS, accuse, raises


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.call_at(None, int)
    await asyncio.sleep(0.05)
    return "taken"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=raises("TypeError"), accused=HANGS)
