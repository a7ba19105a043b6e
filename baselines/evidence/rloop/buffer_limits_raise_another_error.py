"""set_write_buffer_limits() raises OverflowError for negative limits, not ValueError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, raises


async def see() -> object:
    with connected() as (here, _):
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
        transport.set_write_buffer_limits(high=-1)
        return "taken"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("ValueError"), accused=raises("OverflowError"))
