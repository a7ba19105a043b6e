"""connection_lost() is not told what eof_received() raised."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, connected, until


class Failing(asyncio.Protocol):
    lost = "not lost"

    def eof_received(self) -> None:
        raise LookupError

    def connection_lost(self, error: object) -> None:
        self.lost = type(error).__name__


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    with connected() as (here, there):
        _, protocol = await loop.create_connection(Failing, sock=here)
        there.shutdown(socket.SHUT_WR)
        await until(lambda: protocol.lost != "not lost")
        return protocol.lost


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="LookupError", accused="NoneType")
