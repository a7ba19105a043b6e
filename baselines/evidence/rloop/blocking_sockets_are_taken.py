"""Methods on sockets take those that block, in debug mode, too."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    seen = []
    with connected() as (here, there):
        there.sendall(b"data")
        here.setblocking(True)
        for operation in (
            loop.sock_recv(here, 1),
            loop.sock_recv_into(here, bytearray(1)),
            loop.sock_sendall(here, b"1"),
        ):
            found = await tried(operation)
            seen.append(found if isinstance(found, str) else "taken")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[raises("ValueError")] * 3, accused=["taken"] * 3)
