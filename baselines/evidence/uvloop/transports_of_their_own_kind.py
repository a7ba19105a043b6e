"""Transports are no instances of asyncio's classes for transports."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse, connected


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    with connected() as (here, _):
        stream, _ = await loop.create_connection(asyncio.Protocol, sock=here)
        seen.append(isinstance(stream, asyncio.Transport))
    datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    seen.append(isinstance(datagrams, asyncio.DatagramTransport))
    reading, writing = (os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    reader, _ = await loop.connect_read_pipe(asyncio.Protocol, reading)
    writer, _ = await loop.connect_write_pipe(asyncio.Protocol, writing)
    child, _ = await loop.subprocess_exec(asyncio.SubprocessProtocol, "true")
    seen += [
        isinstance(reader, asyncio.ReadTransport),
        isinstance(writer, asyncio.WriteTransport),
        isinstance(child, asyncio.SubprocessTransport),
    ]
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True] * 5, accused=[False] * 5)
