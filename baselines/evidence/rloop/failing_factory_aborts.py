"""A protocol factory that raises aborts the process."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected, dies_of, raises, tried


def fail() -> asyncio.Protocol:
    raise LookupError


async def see() -> object:
    with connected() as (here, _):
        return await tried(asyncio.get_running_loop().create_connection(fail, sock=here))


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("LookupError"), accused=dies_of("SIGABRT"))
