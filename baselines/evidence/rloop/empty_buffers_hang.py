"""Nothing happens to a connection whose get_buffer() returns an empty buffer, where asyncio reports a RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, until


class Empty(asyncio.BufferedProtocol):
    lost = False

    def get_buffer(self, sizehint: int) -> bytearray:
        return bytearray()

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    with connected() as (here, there):
        _, protocol = await loop.create_connection(Empty, sock=here)
        there.send(b"data")
        return await until(lambda: protocol.lost)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
