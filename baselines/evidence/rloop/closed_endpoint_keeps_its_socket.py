"""An endpoint that is closed keeps its socket open: its port is not free."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    where = transport.get_extra_info("sockname")
    transport.close()
    await asyncio.sleep(0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(where)
    return "free"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="free", accused=raises("OSError"))
