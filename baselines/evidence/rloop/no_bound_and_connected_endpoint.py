"""create_datagram_endpoint() with local_addr and remote_addr is not connected, and is bound elsewhere."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse


async def see() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            where = free.getsockname()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, where, peer.getsockname()
        )
        return [
            transport.get_extra_info("sockname") == where,
            transport.get_extra_info("peername") == peer.getsockname(),
        ]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True, True], accused=[False, False])
