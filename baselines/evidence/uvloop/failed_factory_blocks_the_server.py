"""A connection whose protocol factory raises is never closed, and the server never accepts another one."""

from __future__ import annotations

import asyncio
import gc
import socket

from ..accuse import HANGS, accuse, tried, until

made: list[str] = []


def factory() -> asyncio.Protocol:
    made.append("one")
    if len(made) == 1:
        raise ValueError
    return asyncio.Protocol()


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    server = await loop.create_server(factory, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.setblocking(False)
        await until(lambda: made)
        gc.collect()
        end = await tried(loop.sock_recv(client, 1), 2)
        with socket.create_connection(server.sockets[0].getsockname()):
            return end, await until(lambda: len(made) == 2)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(b"", True), accused=(HANGS, False))
