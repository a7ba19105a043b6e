"""There are no weak references to servers."""

from __future__ import annotations

import asyncio
import weakref

from ..accuse import accuse, raises


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    return weakref.ref(server)() is server


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=raises("TypeError"))
