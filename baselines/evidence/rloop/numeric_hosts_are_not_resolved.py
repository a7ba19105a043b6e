"""getaddrinfo() of a numeric host answers what socket.getaddrinfo() refuses, such as a stream over UDP."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    for kind, proto in ((socket.SOCK_STREAM, socket.IPPROTO_UDP), (socket.SOCK_DGRAM, socket.IPPROTO_TCP)):
        found = await tried(loop.getaddrinfo("127.0.0.1", 80, type=kind, proto=proto))
        seen.append(found if isinstance(found, str) else "an answer")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[raises("gaierror")] * 2, accused=["an answer"] * 2)
