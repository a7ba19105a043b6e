"""Without an exception handler, or by the default one, an exception of a callback is not logged: it ends the loop."""

from __future__ import annotations

import asyncio
import logging

from ..accuse import accuse, raises


def fail() -> None:
    raise LookupError


async def see() -> object:
    logging.getLogger("asyncio").disabled = True
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.1)
    return "goes on"


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio="goes on", accused=raises("LookupError"))
