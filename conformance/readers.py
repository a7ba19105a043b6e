"""FD: add_reader(), add_writer() and the selectors below them."""

from __future__ import annotations

import asyncio
import socket

from .declare import shows


@shows("FD-05")
async def add_reader_replaces_callback(socket_pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    loop.add_reader(here.fileno(), fired.set_result, "first")
    loop.add_reader(here.fileno(), fired.set_result, "second")
    there.send(b"x")
    assert await fired == "second"
    loop.remove_reader(here.fileno())
