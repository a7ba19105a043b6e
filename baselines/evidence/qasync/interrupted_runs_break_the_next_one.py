"""Once KeyboardInterrupt was raised in a task, run_until_complete() raises KeyError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


async def interrupt() -> None:
    raise KeyboardInterrupt


def see(loop: asyncio.AbstractEventLoop) -> object:
    try:
        loop.run_until_complete(interrupt())
    except KeyboardInterrupt:
        return "interrupted"
    return "nothing"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="interrupted", accused=raises("KeyError"))
