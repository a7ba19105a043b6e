"""add_signal_handler() for a signal that has a callback raises AssertionError, where asyncio replaces the callback."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, int)
    try:
        loop.add_signal_handler(signal.SIGUSR1, float)
        return "replaced"
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio="replaced", accused=raises("AssertionError"))
