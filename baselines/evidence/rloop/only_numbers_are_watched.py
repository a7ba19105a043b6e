"""add_reader() and add_writer() take descriptors only, no objects with fileno()."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    with connected() as (here, _):
        for watch in (loop.add_reader, loop.add_writer):
            try:
                watch(here, int)
                seen.append("watched")
            except TypeError:
                seen.append("refused")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["watched"] * 2, accused=["refused"] * 2)
