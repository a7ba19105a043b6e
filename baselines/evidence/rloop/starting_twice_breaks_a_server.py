"""start_serving(), or serve_forever(), of a server that serves loses its sockets: they are bad file descriptors."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    await server.start_serving()
    return server.sockets[0].getsockname()[0]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="127.0.0.1", accused=raises("OSError"))
