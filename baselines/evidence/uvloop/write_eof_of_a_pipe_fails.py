"""write_eof() of a pipe with data to flush ends in OSError (ENOTSOCK), not in connection_lost(None)."""

from __future__ import annotations

import asyncio
import os
import threading

from ..accuse import accuse, tried


class Lost(asyncio.BaseProtocol):
    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(type(error).__name__)


async def see() -> object:
    reading, writing = os.pipe()
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(Lost, os.fdopen(writing, "wb", 0))
    transport.write(bytes(1_000_000))
    transport.write_eof()
    with os.fdopen(reading, "rb") as file:
        threading.Thread(target=file.read).start()
        return await tried(protocol.lost)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="NoneType", accused="OSError")
