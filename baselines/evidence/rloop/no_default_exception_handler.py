"""default_exception_handler() raises NotImplementedError."""

from __future__ import annotations

import asyncio
import logging

from ..accuse import accuse, raises


async def see() -> object:
    logging.disable()
    asyncio.get_running_loop().default_exception_handler({"message": "nothing"})
    return "logged"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="logged", accused=raises("NotImplementedError"))
