"""sock_sendto(), sock_recvfrom() and sock_recvfrom_into() raise NotImplementedError."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.setblocking(False)
        here.bind(("127.0.0.1", 0))
        where = here.getsockname()
        seen = [await tried(loop.sock_sendto(here, b"data", where)), await tried(loop.sock_recvfrom(here, 9))]
        here.sendto(b"data", where)
        seen.append(await tried(loop.sock_recvfrom_into(here, bytearray(9))))
        return [type(found).__name__ if isinstance(found, tuple) else found for found in seen]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[4, "tuple", "tuple"], accused=[raises("NotImplementedError")] * 3)
