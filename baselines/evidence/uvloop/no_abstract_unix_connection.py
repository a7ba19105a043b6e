"""create_unix_connection() does not connect to a name of the abstract namespace."""

from __future__ import annotations

import asyncio
import os
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    name = f"\0everyloop-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        found = await tried(asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, name))
    return found if isinstance(found, str) else "connected"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="connected", accused=raises("OSError"))
