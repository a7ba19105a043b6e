"""run_in_executor() of a loop that does not run makes a future of the current loop instead."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    asyncio.set_event_loop(asyncio.SelectorEventLoop())
    future = loop.run_in_executor(None, int)
    return future.get_loop() is loop


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
