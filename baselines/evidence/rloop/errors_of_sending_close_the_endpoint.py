"""An endpoint whose sendto() fails is closed, and error_received() is not called."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, until


class Noting(asyncio.DatagramProtocol):
    calls: tuple[str, ...] = ()

    def error_received(self, error: Exception) -> None:
        self.calls += ("error",)

    def connection_lost(self, error: object) -> None:
        self.calls += ("lost",)


async def see() -> object:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Noting, ("127.0.0.1", 0))
    transport.sendto(bytes(70_000), ("127.0.0.1", 9))
    await until(lambda: protocol.calls)
    await asyncio.sleep(0.05)
    return protocol.calls, transport.is_closing()


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(("error",), False), accused=(("lost",), True))
