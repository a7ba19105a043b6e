"""create_connection() does not take happy_eyeballs_delay or interleave."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for options in ({"happy_eyeballs_delay": 0.1}, {"interleave": 1}):
            connecting = asyncio.open_connection(*listener.getsockname(), **options)
            seen.append("connects" if isinstance(found := await tried(connecting), tuple) else found)
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["connects"] * 2, accused=[raises("TypeError")] * 2)
