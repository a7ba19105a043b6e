"""remove_signal_handler() raises AttributeError."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse, raises


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.add_signal_handler(signal.SIGUSR1, int)
    return loop.remove_signal_handler(signal.SIGUSR1)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=raises("AttributeError"))
