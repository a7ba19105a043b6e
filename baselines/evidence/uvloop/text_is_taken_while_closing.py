"""sendto() takes a str on an endpoint that is closing."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    transport: Any
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", 9))
    transport.close()
    transport.sendto("text")
    return "taken"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=raises("TypeError"), accused="taken")
