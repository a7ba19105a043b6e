"""get_buffer() is called, and data are received, after the protocol has paused reading."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, connected


class Pausing(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.reading: list[bool] = []
        self.buffer = bytearray(1000)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.reading.append(self.transport.is_reading())
        self.transport.pause_reading()


async def see() -> object:
    with connected() as (here, there):
        _, protocol = await asyncio.get_running_loop().create_connection(Pausing, sock=here)
        there.sendall(bytes(10_000))
        await asyncio.sleep(0.1)
        return all(protocol.reading)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
