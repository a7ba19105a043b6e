"""A transport that is closed keeps its socket open: its peer sees no end."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, until


class Noting(asyncio.Protocol):
    lost = False

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    with connected() as (here, there):
        transport, protocol = await asyncio.get_running_loop().create_connection(Noting, sock=here.dup())
        here.close()
        transport.close()
        await until(lambda: protocol.lost)
        await asyncio.sleep(0.1)
        there.settimeout(1)
        try:
            return protocol.lost, there.recv(1)
        except TimeoutError:
            return protocol.lost, "nothing"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, b""), accused=(True, "nothing"))
