"""connection_lost() is called within close() and abort()."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


class Noting(asyncio.Protocol):
    lost = False

    def connection_lost(self, error: object) -> None:
        self.lost = True


async def see() -> object:
    seen = []
    for end in ("close", "abort"):
        with connected() as (here, _):
            transport, protocol = await asyncio.get_running_loop().create_connection(Noting, sock=here)
            getattr(transport, end)()
            seen.append(protocol.lost)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[False, False], accused=[True, True])
