"""connection_lost() of an endpoint is called within close()."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


class Noting(asyncio.DatagramProtocol):
    lost = False

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Noting, ("127.0.0.1", 0))
    transport.close()
    return protocol.lost


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=True)
