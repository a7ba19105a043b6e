"""remove_signal_handler(SIGINT) puts trio's handler back, not Python's."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, int)
    loop.remove_signal_handler(signal.SIGINT)
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=False)
