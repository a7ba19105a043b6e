"""Transports of pipes whose loop was closed, and that are collected, give no ResourceWarning."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from typing import Any

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    ends = os.pipe()
    kept = [os.fdopen(ends[1], "wb", 0)]
    transport: Any = loop.run_until_complete(loop.connect_write_pipe(asyncio.Protocol, kept[0]))
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        loop.close()
        kept.clear()
        del transport
        gc.collect()
    return any("unclosed" in str(warning.message) for warning in given)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
