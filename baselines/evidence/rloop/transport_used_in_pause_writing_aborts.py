"""A protocol that uses its transport in pause_writing() aborts the process."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, connected, dies_of


class Closing(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def pause_writing(self) -> None:
        self.transport.close()


async def see() -> object:
    with connected() as (here, _):
        transport, _ = await asyncio.get_running_loop().create_connection(Closing, sock=here)
        transport.write(bytes(10_000_000))
        return transport.is_closing()


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=dies_of("SIGABRT"))
