"""remove_reader() and remove_writer() return None, not whether the descriptor was watched."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, _):
        loop.add_reader(here, int)
        loop.add_writer(here, int)
        return [loop.remove_reader(here), loop.remove_reader(here), loop.remove_writer(here), loop.remove_writer(here)]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True, False, True, False], accused=[None] * 4)
