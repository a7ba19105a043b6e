"""create_server() does not take keep_alive."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, keep_alive=True)
    return bool(server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=raises("TypeError"), since=(3, 13))
