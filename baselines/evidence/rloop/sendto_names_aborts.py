"""sendto() with the name of a host aborts the process."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, dies_of


async def see() -> object:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 0), family=socket.AF_INET
    )
    transport.sendto(b"data", ("localhost", 9))
    return "goes on"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="goes on", accused=dies_of("SIGABRT"))
