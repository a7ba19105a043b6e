"""create_server() detaches the socket object that it is given."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises


async def see() -> object:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=bound)
        return bound.getsockname()[0]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="127.0.0.1", accused=raises("OSError"))
