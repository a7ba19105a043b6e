"""A loop that nobody refers to is never freed, be it closed or not."""

from __future__ import annotations

import asyncio
import gc
import weakref

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    made = type(loop)()
    made.run_until_complete(asyncio.sleep(0.001))
    made.close()
    reference = weakref.ref(made)
    del made
    gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
