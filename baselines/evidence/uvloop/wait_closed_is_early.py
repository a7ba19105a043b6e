"""Server.wait_closed() returns though connections are open."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import HANGS, accuse, tried


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):
        await asyncio.sleep(0.05)
        server.close()
        return await tried(server.wait_closed(), 0.3)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=HANGS, accused=None, since=(3, 12))
