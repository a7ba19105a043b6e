"""add_reader() of the descriptor of a transport aborts the process, where asyncio raises RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, dies_of, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, _):
        number = here.fileno()
        _transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
        loop.add_reader(number, int)
    return "watched"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("RuntimeError"), accused=dies_of("SIGABRT"))
