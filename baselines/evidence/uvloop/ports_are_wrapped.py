"""sock_connect() to a port above 65535 connects to another one, and a flow beyond 20 bits is taken."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    for host, more in (("127.0.0.1", ()), ("::1", (1 << 20, 0))):
        family = socket.AF_INET6 if more else socket.AF_INET
        with socket.create_server((host, 0), family=family) as listener, socket.socket(family) as here:
            here.setblocking(False)
            port = listener.getsockname()[1] + (0 if more else 65536)
            seen.append(await tried(loop.sock_connect(here, (host, port, *more))))
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[raises("OverflowError")] * 2, accused=[None, None])
