"""sendto() takes no IPv6 addresses with four parts, and senders have addresses of two."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, until


class Noting(asyncio.DatagramProtocol):
    sender: object = None

    def datagram_received(self, data: bytes, sender: object) -> None:
        self.sender = sender


async def see() -> object:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Noting, ("::1", 0))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind(("::1", 0))
        peer.sendto(b"data", transport.get_extra_info("sockname"))
        await until(lambda: protocol.sender)
        try:
            transport.sendto(b"data", peer.getsockname())
            sent = True
        except ValueError:
            sent = False
        return sent, protocol.sender == peer.getsockname()


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, True), accused=(False, False))
