"""A closed loop keeps the callbacks that were not called."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


class Payload:
    """What a callback is given."""


def see(loop: asyncio.AbstractEventLoop) -> object:
    payload = Payload()
    reference = weakref.ref(payload)
    loop.call_soon(id, payload)
    del payload
    loop.close()
    gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
