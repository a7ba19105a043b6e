"""loop.sock_sendto(), sock_recvfrom() and sock_recvfrom_into() are not implemented: NotImplementedError."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sent = await tried(loop.sock_sendto(sock, b"hello", sock.getsockname()))
        for _ in range(2):
            sock.sendto(b"hello", sock.getsockname())
        received = await tried(loop.sock_recvfrom(sock, 100))
        into = await tried(loop.sock_recvfrom_into(sock, bytearray(100)))
        return sent, *(found if isinstance(found, str) else found[0] for found in (received, into))


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(5, b"hello", 5), accused=(raises("NotImplementedError"),) * 3)
