"""resume_writing() is called when everything is sent, not when the buffer is below its low mark."""

from __future__ import annotations

import asyncio
import socket

from ..accuse import accuse, until


class Paused(asyncio.Protocol):
    resumed = paused = False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.resumed = True


async def see() -> object:
    loop = asyncio.get_running_loop()
    with socket.socket() as listener, socket.socket() as here:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        here.connect(listener.getsockname())
        here.setblocking(False)
        there, _ = listener.accept()
        transport, protocol = await loop.create_connection(Paused, sock=here)
        transport.set_write_buffer_limits(high=600_000, low=500_000)
        for _ in range(100):
            transport.write(bytes(10_000))
        paused = await until(lambda: protocol.paused)
        there.setblocking(False)
        read = 0
        while read < 600_000:
            read += len(await loop.sock_recv(there, 10_000))
        resumed = await until(lambda: protocol.resumed)
        there.close()
        return paused, transport.get_write_buffer_size() < 500_000, resumed


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(True, True, True), accused=(True, True, False))
