"""get_extra_info() of the transport of a pipe raises AttributeError."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse, raises


async def see() -> object:
    loop = asyncio.get_running_loop()
    ends = os.pipe()
    transport, _ = await loop.connect_read_pipe(asyncio.Protocol, os.fdopen(ends[0], "rb", 0))
    return transport.get_extra_info("pipe") is not None


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=raises("AttributeError"))
