"""run_forever() after stop() does not end."""

from __future__ import annotations

import asyncio

from ..accuse import HANGS, accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.stop()
    loop.run_forever()
    return "ended"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="ended", accused=HANGS)
