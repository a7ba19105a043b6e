"""Handles have no get_context(), new in Python 3.12."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    return [hasattr(handle, "get_context") for handle in (loop.call_soon(int), loop.call_later(9, int))]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True] * 2, accused=[False] * 2, since=(3, 12))
