"""After remove_signal_handler(SIGINT), Ctrl-C does not end a running loop."""

from __future__ import annotations

import asyncio
import os
import signal

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.add_signal_handler(signal.SIGINT, int)
    loop.run_until_complete(asyncio.sleep(0))
    loop.remove_signal_handler(signal.SIGINT)
    loop.call_soon(os.kill, os.getpid(), signal.SIGINT)
    loop.call_later(1, loop.stop)
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        return "KeyboardInterrupt"
    return "nothing"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="KeyboardInterrupt", accused="nothing")
