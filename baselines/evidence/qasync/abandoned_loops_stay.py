"""A loop that nobody refers to is freed neither by its last reference, once it has waited, nor, unclosed, ever."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    made = type(loop)()
    made.run_until_complete(asyncio.sleep(0.001))
    reference = weakref.ref(made)
    del made
    gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
