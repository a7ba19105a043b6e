"""Transports that are collected without having been closed give no ResourceWarning."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from typing import Any

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    there = []
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        here, peer = socket.socketpair()
        there.append(peer)
        here.setblocking(False)
        transport: Any = (await loop.create_connection(asyncio.Protocol, sock=here))[0]
        transport.pause_reading()
        del here, transport
        await asyncio.sleep(0.05)
        gc.collect()
    return any("unclosed transport" in str(warning.message) for warning in given)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
