"""The threads of the default executor are not called asyncio_N."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
    return name.startswith("asyncio_")


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
