"""get_exception_handler() returns None whatever was set."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(print)
    return loop.get_exception_handler() is print


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
