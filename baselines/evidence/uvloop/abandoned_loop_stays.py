"""A loop that nobody closed and nobody refers to is never collected."""

from __future__ import annotations

import asyncio
import gc
import warnings
import weakref

from ..accuse import accuse


def see(_: asyncio.AbstractEventLoop) -> object:
    loop = type(_)()
    reference = weakref.ref(loop)
    loop.run_until_complete(asyncio.sleep(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del loop
        gc.collect()
    return reference() is None


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
