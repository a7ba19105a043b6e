"""write() on a transport whose connection is lost raises RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, _):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
        transport.close()
        await asyncio.sleep(0.05)
        transport.write(b"too late")
        return "nothing"


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="nothing", accused=raises("RuntimeError"))
