"""What create_server() returns is no asyncio.AbstractServer."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    return isinstance(server, asyncio.AbstractServer)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
