"""set_default_executor() has no effect, and takes anything."""

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..accuse import accuse


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    with warnings.catch_warnings(), ThreadPoolExecutor(1, "mine") as pool:
        warnings.simplefilter("ignore")
        loop.set_default_executor(pool)
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        try:
            loop.set_default_executor(object())
        except TypeError:
            return name.startswith("mine"), "refused"
        return name.startswith("mine"), "taken"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=(True, "refused"), accused=(False, "taken"))
