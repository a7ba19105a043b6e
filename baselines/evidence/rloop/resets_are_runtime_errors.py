"""connection_lost() is told a RuntimeError when the peer resets the connection."""

from __future__ import annotations

import asyncio
import socket
import struct

from ..accuse import accuse, connected, until


class Noting(asyncio.Protocol):
    lost: object = None

    def connection_lost(self, error: object) -> None:
        self.lost = type(error).__name__


async def see() -> object:
    with connected() as (here, there):
        transport, protocol = await asyncio.get_running_loop().create_connection(Noting, sock=here)
        transport.pause_reading()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        transport.write(b"data")
        await until(lambda: protocol.lost)
        return protocol.lost


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="ConnectionResetError", accused="RuntimeError")
