"""The file of a pipe is closed when its descriptor is closed already, which may be somebody else's by then."""

from __future__ import annotations

import asyncio
import functools
import os

from ..accuse import accuse, until


class Pipe:
    """It notes whether its descriptor is open when it is closed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen: list[str] = []

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        try:
            os.close(self.number)
            self.seen.append("open")
        except OSError:
            self.seen.append("closed")


async def see() -> object:
    loop = asyncio.get_running_loop()
    reading, writing = map(Pipe, os.pipe())
    for connect, pipe in ((loop.connect_read_pipe, reading), (loop.connect_write_pipe, writing)):
        transport, _ = await connect(asyncio.Protocol, pipe)
        transport.close()
        await until(functools.partial(getattr, pipe, "seen"))
    return reading.seen, writing.seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(["open"], ["open"]), accused=(["closed"], ["closed"]))
