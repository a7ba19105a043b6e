"""set_default_executor() takes what is no ThreadPoolExecutor: documented, and a TypeError, since Python 3.11."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.set_default_executor(object())
    return "taken"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("TypeError"), accused="taken")
