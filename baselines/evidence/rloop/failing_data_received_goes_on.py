"""A connection whose data_received() or buffer_updated() raises is not lost."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, until


class Failing(asyncio.Protocol):
    lost = False

    def data_received(self, data: bytes) -> None:
        raise LookupError

    def connection_lost(self, error: object) -> None:
        self.lost = True


class FailingBuffered(asyncio.BufferedProtocol):
    lost = False

    def get_buffer(self, sizehint: int) -> bytearray:
        return bytearray(100)

    def buffer_updated(self, count: int) -> None:
        raise LookupError

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    plain, buffered = Failing(), FailingBuffered()
    with connected() as (here, there), connected() as (here_too, there_too):
        await loop.create_connection(lambda: plain, sock=here)
        await loop.create_connection(lambda: buffered, sock=here_too)
        there.send(b"data")
        there_too.send(b"data")
        return [await until(lambda: plain.lost), await until(lambda: buffered.lost)]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True] * 2, accused=[False] * 2)
