"""A signal that comes while the loop does not run never reaches its callback."""

from __future__ import annotations

import asyncio
import os
import signal

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "called")
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.2))
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.2))
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["called", "called"], accused=[])
