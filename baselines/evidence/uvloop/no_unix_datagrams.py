"""create_datagram_endpoint() takes no path of a Unix socket."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from typing import Any

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    seen = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(f"{folder}/peer")
        for where in ({"local_addr": f"{folder}/own"}, {"remote_addr": f"{folder}/peer"}):
            making = loop.create_datagram_endpoint(asyncio.DatagramProtocol, family=socket.AF_UNIX, **where)
            found = await tried(making)
            seen.append(found if isinstance(found, str) else "an endpoint")
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["an endpoint"] * 2, accused=[raises("TypeError")] * 2)
