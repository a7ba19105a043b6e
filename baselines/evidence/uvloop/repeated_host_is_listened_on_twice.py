"""create_server() with a host twice in its sequence listens on it twice."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, ["127.0.0.1", "127.0.0.1"], 0)
    return len(server.sockets)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=1, accused=2)
