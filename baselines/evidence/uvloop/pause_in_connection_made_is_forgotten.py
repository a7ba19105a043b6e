"""pause_reading() within connection_made() does not hold back data."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ..accuse import accuse, connected


class Paused(asyncio.Protocol):
    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.received += data


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        there.send(b"early")
        _, stream = await loop.create_connection(Paused, sock=here)
        reading, writing = os.pipe()
        os.write(writing, b"early")
        _, pipe = await loop.connect_read_pipe(Paused, os.fdopen(reading, "rb", 0))
        await asyncio.sleep(0.1)
        return stream.received, pipe.received


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(b"", b""), accused=(b"early", b"early"))
