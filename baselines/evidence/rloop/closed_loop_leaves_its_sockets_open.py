"""Closing a loop leaves the sockets of its transports and servers open."""

from __future__ import annotations

import asyncio
import gc
import socket

from ..accuse import accuse, raises


def see(loop: asyncio.AbstractEventLoop) -> object:
    listener = socket.create_server(("127.0.0.1", 0))
    here = socket.create_connection(listener.getsockname())
    there, _ = listener.accept()
    here.setblocking(False)
    kept = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=here))
    del here
    loop.close()
    del kept
    gc.collect()
    there.settimeout(1)
    return there.recv(1)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=b"", accused=raises("TimeoutError"))
