"""A get_buffer() that raises aborts the process."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, dies_of


class Failing(asyncio.BufferedProtocol):
    def get_buffer(self, sizehint: int) -> bytearray:
        raise LookupError


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    with connected() as (here, there):
        await loop.create_connection(Failing, sock=here)
        there.send(b"data")
        await asyncio.sleep(0.1)
        return "goes on"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="goes on", accused=dies_of("SIGABRT"))
