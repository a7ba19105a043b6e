"""Transports, servers and handles are no instances of asyncio's classes."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    endpoint, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    with connected() as (here, _):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
        return [
            isinstance(transport, asyncio.Transport),
            isinstance(endpoint, asyncio.DatagramTransport),
            isinstance(await loop.create_server(asyncio.Protocol, "127.0.0.1", 0), asyncio.AbstractServer),
            isinstance(loop.call_soon(int), asyncio.Handle),
            isinstance(loop.call_later(9, int), asyncio.TimerHandle),
        ]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True] * 5, accused=[False] * 5)
