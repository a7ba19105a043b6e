"""A loop that is collected without having been closed gives no ResourceWarning."""

from __future__ import annotations

import asyncio
import gc
import warnings

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        made = type(loop)()
        del made
        gc.collect()
    return any("unclosed event loop" in str(warning.message) for warning in given)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
