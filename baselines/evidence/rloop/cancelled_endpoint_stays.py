"""A create_datagram_endpoint() that is cancelled while it makes its endpoint leaves it open."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    calls = []

    class Receiver(asyncio.DatagramProtocol):
        def connection_made(self, transport: object) -> None:
            calls.append("made")
            creating.cancel()

        def connection_lost(self, error: object) -> None:
            calls.append("lost")

    creating = loop.create_task(loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0)))
    await asyncio.wait([creating])
    await asyncio.sleep(0.1)
    return creating.cancelled(), calls


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, ["made", "lost"]), accused=(True, ["made"]))
