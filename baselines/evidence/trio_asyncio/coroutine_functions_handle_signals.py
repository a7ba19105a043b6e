"""add_signal_handler() takes a coroutine function."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from ..accuse import accuse, raises


async def nothing() -> None: ...


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, nothing)
    return "taken"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=raises("TypeError"), accused="taken")
