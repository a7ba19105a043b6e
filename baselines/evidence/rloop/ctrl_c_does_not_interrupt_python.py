"""Ctrl-C does not interrupt Python code that a callback runs."""

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
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    loop.call_soon(spin)
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        return "interrupted"
    return "nothing"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="interrupted", accused=HANGS)
