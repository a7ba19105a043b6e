"""sendto() of a connected endpoint sends to another address than its peer's, where ValueError is documented."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=peer.getsockname())
        transport.sendto(b"data", ("127.0.0.1", 9))
        return "taken"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("ValueError"), accused="taken")
