"""Server.wait_closed() does not wait, neither for close() nor for the connections."""

from __future__ import annotations

import asyncio

from ..accuse import HANGS, accuse, tried


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    return await tried(server.wait_closed(), 0.2)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=HANGS, accused=None, since=(3, 12))
