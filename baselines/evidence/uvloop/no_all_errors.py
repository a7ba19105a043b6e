"""create_connection() does not take all_errors."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens there
        return await tried(asyncio.open_connection(*free.getsockname(), all_errors=True))


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=raises("ExceptionGroup"), accused=raises("TypeError"), since=(3, 12))
