"""Nobody is told that a server has no descriptors left to accept with, and who connected then is never accepted."""

from __future__ import annotations

import asyncio
import resource
import socket

from ..accuse import accuse, until


async def see() -> object:
    loop = asyncio.get_running_loop()
    made: list[object] = []
    told: list[object] = []
    loop.set_exception_handler(lambda *arguments: told.append(type(arguments[-1].get("exception")).__name__))

    class Noting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        where = bound.getsockname()
        server = await loop.create_server(Noting, sock=bound)
        with socket.create_connection(where):
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            await asyncio.sleep(0.1)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            accepted = await until(lambda: made, 3)
    return told[:1], accepted, server.is_serving()


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(["OSError"], True, True), accused=([], False, True))
