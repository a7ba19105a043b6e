"""start_tls(), and create_server() and create_connection() with ssl, raise NotImplementedError."""

from __future__ import annotations

import asyncio
import ssl

from ..accuse import accuse, connected, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    seen = [await tried(loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=server))]
    with connected() as (here, there):
        client = ssl.create_default_context()
        there.close()
        plain, protocol = await loop.create_connection(asyncio.Protocol, sock=here)
        seen.append(await tried(loop.start_tls(plain, protocol, client, server_hostname="localhost")))
    with connected() as (here, there):
        there.close()
        seen.append(await tried(loop.create_connection(asyncio.Protocol, sock=here, ssl=client, server_hostname="a")))
    return ["NotImplementedError" in str(found) for found in seen]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[False] * 3, accused=[True] * 3)
