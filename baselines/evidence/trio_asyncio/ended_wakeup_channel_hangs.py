"""Once somebody has shut down the socket that signals wake it by, the loop hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

from ..accuse import HANGS, accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    loop.add_signal_handler(signal.SIGUSR1, int)
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    with socket.socket(fileno=os.dup(number)) as channel:
        channel.shutdown(socket.SHUT_WR)
    await asyncio.sleep(0.05)
    return "goes on"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio="goes on", accused=HANGS)
