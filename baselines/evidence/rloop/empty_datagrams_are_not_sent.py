"""sendto() does not send an empty datagram."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(1)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        transport.sendto(b"", peer.getsockname())
        return peer.recv(9)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=b"", accused=raises("TimeoutError"), since=(3, 13))
