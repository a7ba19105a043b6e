"""data_received() is called after the protocol has paused reading."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, connected


class Pausing(asyncio.Protocol):
    def __init__(self) -> None:
        self.reading: list[bool] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.reading.append(self.transport.is_reading())
        self.transport.pause_reading()


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        transport, protocol = await loop.create_connection(Pausing, sock=here)
        there.settimeout(None)
        sending = loop.run_in_executor(None, there.sendall, bytes(3_000_000))
        while not sending.done():
            transport.resume_reading()
            await asyncio.sleep(0.01)
        await sending
        return all(protocol.reading)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
