"""loop.sendfile() and loop.sock_sendfile() are not implemented: NotImplementedError."""

from __future__ import annotations

import asyncio
import tempfile

from ..accuse import accuse, connected, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, _), tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"hello")
        first = await tried(loop.sock_sendfile(here, file))
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
        second = await tried(loop.sendfile(transport, file))
        transport.abort()
        return first, second


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(5, 5), accused=(raises("NotImplementedError"), raises("NotImplementedError")))
