"""add_reader() of a socket and remove_reader() of its number do not mean the same watcher."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, _):
        loop.add_writer(here, int)
        removed = loop.remove_writer(here.fileno())
        loop.remove_writer(here)
        return removed


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
