"""The error of a local address in use does not name it."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse


async def see() -> object:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        try:
            await asyncio.open_connection(*listener.getsockname(), local_addr=used.getsockname())
        except OSError as error:
            return str(used.getsockname()[1]) in str(error)
        return "connected"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
