"""add_signal_handler(SIGCHLD) is refused with RuntimeError."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse, raises


async def see() -> object:
    asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, int)
    return "taken"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="taken", accused=raises("RuntimeError"))
