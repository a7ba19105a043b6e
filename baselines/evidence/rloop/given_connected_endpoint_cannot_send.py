"""An endpoint of a given socket that is connected refuses to send without an address."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        here.connect(peer.getsockname())
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=here)
        transport.sendto(b"data")
        return peer.recv(100)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=b"data", accused=raises("ValueError"))
