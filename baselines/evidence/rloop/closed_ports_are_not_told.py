"""A connected endpoint is not told that its peer has no socket there: error_received() is not called."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, until


class Noting(asyncio.DatagramProtocol):
    calls: tuple[str, ...] = ()

    def error_received(self, error: Exception) -> None:
        self.calls += (type(error).__name__,)


async def see() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        where = deaf.getsockname()
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Noting, remote_addr=where)
    transport.sendto(b"data")
    await until(lambda: protocol.calls)
    return protocol.calls


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=("ConnectionRefusedError",), accused=())
