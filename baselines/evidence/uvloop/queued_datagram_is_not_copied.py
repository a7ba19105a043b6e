"""A bytearray given to sendto() is sent as it is later, when there is room, not as it was."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from typing import Any

from ..accuse import accuse, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        there.bind(f"{folder}/there")
        here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        here.connect(f"{folder}/there")
        transport: Any
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=here)
        sent = 0
        while not transport.get_write_buffer_size():  # until the receiver takes no more
            transport.sendto(b"fill")
            sent += 1
        data = bytearray(b"hello")
        transport.sendto(data)
        data[:] = b"other"
        there.setblocking(False)
        received = [await tried(loop.sock_recv(there, 100), 2) for _ in range(sent + 1)]
        return received[-1]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=b"hello", accused=b"other")
