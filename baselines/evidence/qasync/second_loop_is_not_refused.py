"""run_forever() of a second loop inside a running one raises nothing."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    running = asyncio.get_running_loop()
    second = type(running)()
    second.call_soon(second.stop)
    try:
        second.run_forever()
    except RuntimeError:
        return "refused"
    return "nothing"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="refused", accused="nothing")
