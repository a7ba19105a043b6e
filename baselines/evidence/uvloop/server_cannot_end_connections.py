"""Servers have no close_clients() and abort_clients(), new in Python 3.13."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    return [hasattr(server, name) for name in ("close_clients", "abort_clients")]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True, True], accused=[False, False], since=(3, 13))
