"""A timer that was cancelled keeps its callback and arguments until it would have been due."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


class Payload:
    """What a callback is given."""


async def see() -> object:
    payload = Payload()
    reference = weakref.ref(payload)
    asyncio.get_running_loop().call_later(3600, id, payload).cancel()
    del payload
    await asyncio.sleep(0.01)
    gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
