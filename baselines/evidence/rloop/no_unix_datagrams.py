"""Endpoints of Unix sockets receive nothing and send nothing, and a socket file of before is in their way."""

from __future__ import annotations

import asyncio
import socket
import tempfile

from ..accuse import accuse, raises, tried, until


class Noting(asyncio.DatagramProtocol):
    received = b""

    def datagram_received(self, data: bytes, sender: object) -> None:
        self.received = data


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(f"{folder}/peer")
        transport, protocol = await loop.create_datagram_endpoint(Noting, f"{folder}/a", family=socket.AF_UNIX)
        peer.sendto(b"data", f"{folder}/a")
        await until(lambda: protocol.received)
        try:
            transport.sendto(b"data", f"{folder}/peer")
            seen.append("sent")
        except TypeError as error:
            seen.append(type(error).__name__)
        transport.close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
            stale.bind(f"{folder}/b")
        bound = await tried(loop.create_datagram_endpoint(Noting, f"{folder}/b", family=socket.AF_UNIX))
        return [protocol.received, *seen, bound if isinstance(bound, str) else "bound"]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[b"data", "sent", "bound"], accused=[b"", "TypeError", raises("OSError")])
