"""connect_accepted_socket(ssl=...) returns the loop's own protocol of TLS, not that of the factory."""

from __future__ import annotations

import asyncio
import ssl

from ..accuse import accuse, connected


class Mine(asyncio.Protocol): ...


async def see() -> object:
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.set_ciphers("aNULL:@SECLEVEL=0")  # no certificates
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        shaking = loop.run_in_executor(None, client.wrap_socket, there)
        _, protocol = await loop.connect_accepted_socket(Mine, here, ssl=server)
        (await shaking).detach()
        return type(protocol).__name__


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="Mine", accused="SSLProtocol")
