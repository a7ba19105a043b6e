"""get_extra_info('socket') has recv(), send(), close() and detach(), and they work."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


async def see() -> object:
    with connected() as (here, _):
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
        sock = transport.get_extra_info("socket")
        return [callable(getattr(sock, method, None)) for method in ("recv", "send", "close", "detach")]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[False] * 4, accused=[True] * 4)
