"""add_signal_handler(SIGSTOP) raises OSError, not RuntimeError."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse, raises


async def see() -> object:
    asyncio.get_running_loop().add_signal_handler(signal.SIGSTOP, int)
    return "taken"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=raises("RuntimeError"), accused=raises("OSError"))
