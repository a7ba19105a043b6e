"""A child that closes its standard output is not noticed before it ends."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, until


class Child(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.seen: list[object] = []

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.seen.append(data)

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        self.seen.append(fd)


async def see() -> object:
    loop = asyncio.get_running_loop()
    transport, child = await loop.subprocess_shell(Child, "exec >&-; echo closed >&2; read go")
    await until(lambda: b"closed\n" in child.seen)
    noticed = await until(lambda: 1 in child.seen)
    transport.kill()
    return b"closed\n" in child.seen, noticed


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(True, True), accused=(True, False))
