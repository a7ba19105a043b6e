"""sendto() of a closing endpoint raises RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


async def see() -> object:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    transport.close()
    transport.sendto(b"data", ("127.0.0.1", 9))
    return "ignored"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="ignored", accused=raises("RuntimeError"))
