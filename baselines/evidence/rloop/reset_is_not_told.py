"""A connection that its peer resets is never lost."""

from __future__ import annotations

import asyncio
import socket
import struct

from ..accuse import accuse, connected, until


class Noting(asyncio.Protocol):
    lost = "not"

    def connection_lost(self, error: object) -> None:
        self.lost = type(error).__name__


async def see() -> object:
    with connected() as (here, there):
        _, protocol = await asyncio.get_running_loop().create_connection(Noting, sock=here)
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        await until(lambda: protocol.lost != "not")
        return protocol.lost


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="ConnectionResetError", accused="not")
