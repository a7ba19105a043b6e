"""set_protocol() of an endpoint raises NotImplementedError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


async def see() -> object:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    transport.set_protocol(asyncio.DatagramProtocol())
    return "replaced"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="replaced", accused=raises("NotImplementedError"))
