"""sendfile() and sock_sendfile() raise NotImplementedError."""

from __future__ import annotations

import asyncio
import tempfile

from ..accuse import accuse, connected, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    with tempfile.TemporaryFile() as file:
        file.write(b"data")
        file.flush()
        with connected() as (here, _):
            seen.append(await tried(loop.sock_sendfile(here, file, 0)))
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
            seen.append(await tried(loop.sendfile(transport, file, 0)))
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[4, 4], accused=[raises("NotImplementedError")] * 2)
