"""A server that lacks descriptors for a connection does not tell the exception handler, and never accepts again."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path

from ..accuse import accuse, until

made: list[str] = []


def factory() -> asyncio.Protocol:
    made.append("one")
    return asyncio.Protocol()


async def see() -> object:
    loop = asyncio.get_running_loop()
    told: list[str] = []
    loop.set_exception_handler(lambda _, context: told.append(type(context["exception"]).__name__))
    server = await loop.create_server(factory, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    with socket.socket() as first, socket.socket() as second:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/proc/self/fd").iterdir()), most)
        )
        first.connect(address)
        second.connect(address)
        await until(lambda: told, 0.2)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        await until(lambda: len(made) == 2, 3)
    return bool(told), len(made)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(True, 2), accused=(False, 0))
