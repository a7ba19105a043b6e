"""datagram_received() is called after the endpoint was closed and lost."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from ..accuse import accuse, until


class Closing(asyncio.DatagramProtocol):
    calls: tuple[str, ...] = ()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, sender: object) -> None:
        self.calls += ("received",)
        self.transport.close()

    def connection_lost(self, error: object) -> None:
        self.calls += ("lost",)


async def see() -> object:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Closing, ("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for _ in range(2):
            peer.sendto(b"data", transport.get_extra_info("sockname"))
    await until(lambda: "lost" in protocol.calls)
    await asyncio.sleep(0.05)
    return protocol.calls


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=("received", "lost"), accused=("received", "lost", "received"))
