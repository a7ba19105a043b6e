"""run_in_executor() of a closed loop raises nothing."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


def see(loop: asyncio.AbstractEventLoop) -> object:
    asyncio.set_event_loop(asyncio.SelectorEventLoop())
    loop.close()
    loop.run_in_executor(None, int)
    return "taken"


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("RuntimeError"), accused="taken")
