"""Closing a loop leaves its signal handlers in place: SIGTERM does not end the process any more."""

from __future__ import annotations

import asyncio
import signal

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.add_signal_handler(signal.SIGTERM, int)
    loop.add_signal_handler(signal.SIGINT, int)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.getsignal(
        signal.SIGINT
    ) is signal.default_int_handler


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, True), accused=(False, False))
