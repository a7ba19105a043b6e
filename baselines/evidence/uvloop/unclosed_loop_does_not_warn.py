"""A loop that nobody closed gives no ResourceWarning when it is collected."""

from __future__ import annotations

import asyncio
import gc
import warnings

from ..accuse import accuse


def see(_: asyncio.AbstractEventLoop) -> object:
    loop = type(_)()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        del loop
        gc.collect()
    return [warning.category.__name__ for warning in given]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["ResourceWarning"], accused=[])
