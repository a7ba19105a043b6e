"""shutdown_default_executor() neither waits for what is running nor shuts the executor down, and does not warn."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    ended = threading.Event()

    def work() -> None:
        time.sleep(0.3)
        ended.set()

    future = loop.run_in_executor(None, work)
    await loop.shutdown_default_executor()
    waited = ended.is_set()
    await future
    again = await tried(asyncio.to_thread(int))
    return waited, again


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=(True, raises("RuntimeError")), accused=(False, 0))
