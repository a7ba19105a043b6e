"""Ctrl-C, and signals with handlers of Python, are not noticed while the loop waits."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from ..accuse import HANGS, accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        return "interrupted"
    return "ended"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="interrupted", accused=HANGS)
