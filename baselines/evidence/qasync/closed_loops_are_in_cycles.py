"""A closed loop is in a reference cycle: only the garbage collector frees it."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    gc.disable()
    made = type(loop)()
    made.run_until_complete(asyncio.sleep(0.001))
    made.close()
    reference = weakref.ref(made)
    del made
    return reference() is None


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
