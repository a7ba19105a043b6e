"""A reader is not called any more after an error on its socket, though there are data."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, until


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    with socket.socket(type=socket.SOCK_DGRAM) as here, socket.socket(type=socket.SOCK_DGRAM) as there:
        for sock in (here, there):
            sock.bind(("127.0.0.1", 0))
        here.setblocking(False)
        here.connect(there.getsockname())
        there.connect(there.getsockname())  # so it is closed to everybody else

        def read() -> None:
            try:
                seen.append(here.recv(100))
            except OSError as error:
                seen.append(type(error).__name__)

        loop.add_reader(here, read)
        here.send(b"to nobody")
        await until(lambda: seen)
        there.connect(here.getsockname())
        there.send(b"data")
        await until(lambda: len(seen) > 1)
        return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["ConnectionRefusedError", b"data"], accused=["ConnectionRefusedError"])
