"""serve_forever() of a closed server waits instead of raising RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import HANGS, accuse, raises, tried


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    server.close()
    return await tried(server.serve_forever(), 0.5)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("RuntimeError"), accused=HANGS)
