"""call_soon_threadsafe() of a closed loop raises nothing."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.close()
    loop.call_soon_threadsafe(int)
    return "taken"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("RuntimeError"), accused="taken")
