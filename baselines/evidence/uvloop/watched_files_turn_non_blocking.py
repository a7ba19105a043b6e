"""add_reader() and add_writer() make the descriptor non-blocking, for every process that has the file."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    loop.add_reader(reading, int)
    loop.add_writer(writing, int)
    return os.get_blocking(reading), os.get_blocking(writing)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(True, True), accused=(False, False))
