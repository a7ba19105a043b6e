"""shutdown_default_executor() does not wait for the threads to end."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    thread = await loop.run_in_executor(None, threading.current_thread)
    await loop.shutdown_default_executor()
    return thread.is_alive()


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=False, accused=True)
