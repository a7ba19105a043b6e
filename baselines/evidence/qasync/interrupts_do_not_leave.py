"""KeyboardInterrupt raised by a callback, a task or an exception handler does not come out of the loop."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.call_soon(interrupt)
    loop.call_later(0.3, loop.stop)
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        return "left"
    return "stopped"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="left", accused="stopped")
