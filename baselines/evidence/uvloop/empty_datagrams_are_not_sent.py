"""sendto() of no bytes sends nothing; asyncio sends an empty datagram since Python 3.13."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import HANGS, accuse, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=peer.getsockname())
        transport.sendto(b"")
        return await tried(loop.sock_recv(peer, 100), 1)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=b"", accused=HANGS, since=(3, 13))
