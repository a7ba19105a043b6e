"""SystemExit raised by an exception handler does not come out of the loop."""

from __future__ import annotations

import asyncio
import logging

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    def leave(*_: object) -> None:
        raise SystemExit

    logging.disable()
    loop.set_exception_handler(leave)
    loop.call_soon(lambda: 1 / 0)
    loop.call_later(0.3, loop.stop)
    try:
        loop.run_forever()
    except SystemExit:
        return "left"
    return "stopped"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="left", accused="stopped")
