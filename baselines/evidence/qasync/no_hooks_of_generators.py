"""A running loop has no hooks for asynchronous generators: shutdown_asyncgens() and the collector close none."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    closed: list[str] = []

    async def generate() -> Any:
        try:
            yield
        finally:
            closed.append("closed")

    generator = generate()
    await anext(generator)
    await loop.shutdown_asyncgens()
    return None in sys.get_asyncgen_hooks(), list(closed)


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=(False, ["closed"]), accused=(True, []))
