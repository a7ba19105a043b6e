"""set_protocol() of a transport raises NotImplementedError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, raises


async def see() -> object:
    with connected() as (here, _):
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
        transport.set_protocol(asyncio.Protocol())
        return "replaced"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="replaced", accused=raises("NotImplementedError"))
