"""A terminal that is written to is lost when somebody types."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse, until


class Noting(asyncio.BaseProtocol):
    lost = False

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    loop = asyncio.get_running_loop()
    controller, terminal = os.openpty()
    _, protocol = await loop.connect_write_pipe(Noting, os.fdopen(terminal, "wb", 0))
    os.write(controller, b"typed\n")
    return await until(lambda: protocol.lost, 0.3)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=True)
