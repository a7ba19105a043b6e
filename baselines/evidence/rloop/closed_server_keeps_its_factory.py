"""A closed server that nobody refers to keeps its protocol factory for as long as its loop lives."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


class Factory:
    def __call__(self) -> asyncio.Protocol:
        return asyncio.Protocol()


async def see() -> object:
    factory = Factory()
    reference = weakref.ref(factory)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    server.close()
    del factory, server
    await asyncio.sleep(0.05)
    gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
