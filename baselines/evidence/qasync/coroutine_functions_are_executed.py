"""run_in_executor() takes a coroutine function in debug mode."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def nothing() -> None: ...


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.set_debug(True)
    (await loop.run_in_executor(None, nothing)).close()
    return "taken"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("TypeError"), accused="taken")
