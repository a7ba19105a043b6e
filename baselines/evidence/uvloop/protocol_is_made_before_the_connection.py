"""create_connection() calls its protocol factory before it connects, and also if it fails to."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried

made: list[str] = []


def factory() -> asyncio.Protocol:
    made.append("one")
    return asyncio.Protocol()


async def see() -> object:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens there
        loop = asyncio.get_running_loop()
        failed = await tried(loop.create_connection(factory, *free.getsockname()))
    return failed, len(made)


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(raises("ConnectionRefusedError"), 0), accused=(raises("ConnectionRefusedError"), 1))
