"""get_extra_info('peername') of a connection that was reset is None."""

from __future__ import annotations

import asyncio
import socket
import struct

from ..accuse import accuse, connected


async def see() -> object:
    with connected() as (here, there):
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
        where = there.getsockname()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        await asyncio.sleep(0.05)
        return transport.get_extra_info("peername") == where


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
