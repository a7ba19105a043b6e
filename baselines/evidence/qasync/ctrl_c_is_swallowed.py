"""KeyboardInterrupt by Ctrl-C in a callback does not come out of the loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from ..accuse import HANGS, accuse


def spin() -> None:
    while True:
        pass


def see(loop: asyncio.AbstractEventLoop) -> object:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    loop.call_soon(spin)
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        return "interrupted"
    return "ended"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="interrupted", accused=HANGS)
