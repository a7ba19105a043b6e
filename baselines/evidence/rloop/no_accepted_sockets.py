"""connect_accepted_socket() raises NotImplementedError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, raises


async def see() -> object:
    with connected() as (here, _):
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, here)
        return transport.is_closing()


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=raises("NotImplementedError"))
