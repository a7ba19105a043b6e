"""run_in_executor() begins to call the function when the loop has turned, not at once."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import accuse


async def see() -> object:
    begun = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(None, begun.set)
    waited = begun.wait(1)
    await future
    return waited


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=False)
