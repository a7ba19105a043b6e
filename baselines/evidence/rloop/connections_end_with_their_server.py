"""A connection that a server accepted receives nothing any more once the server is closed."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, until


async def see() -> object:
    made: list[Noting] = []

    class Noting(asyncio.Protocol):
        data = b""
        lost = False

        def connection_made(self, transport: object) -> None:
            made.append(self)

        def data_received(self, data: bytes) -> None:
            self.data += data

        def connection_lost(self, error: object) -> None:
            self.lost = True

    server = await asyncio.get_running_loop().create_server(Noting, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        await until(lambda: made)
        server.close()
        await asyncio.sleep(0.01)
        client.sendall(b"data")
        await until(lambda: made[0].data or made[0].lost)
        return made[0].data, made[0].lost


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(b"data", False), accused=(b"", True))
