"""A callback of call_soon() that is cancelled is freed only when its turn comes, and with a closed loop never."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


class Payload:
    """What a callback is given."""


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen = []
    payload = Payload()
    reference = weakref.ref(payload)
    handle = loop.call_soon(id, payload)
    handle.cancel()
    del payload
    gc.collect()
    seen.append(reference() is None)
    payload = Payload()
    reference = weakref.ref(payload)
    loop.call_soon(id, payload)
    del payload
    loop.close()
    gc.collect()
    seen.append(reference() is None)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True, True], accused=[False, False])
