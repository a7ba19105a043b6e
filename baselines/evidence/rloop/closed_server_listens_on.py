"""A server that is closed leaves its sockets listening."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse


async def see() -> object:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        where = bound.getsockname()
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=bound)
        server.close()
        await asyncio.sleep(0.1)
        try:
            socket.create_connection(where, 1).close()
        except ConnectionRefusedError:
            return "refuses"
        return "listens"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="refuses", accused="listens")
