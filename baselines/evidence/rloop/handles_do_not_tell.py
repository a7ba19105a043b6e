"""Handles of call_soon() have no cancelled(), those of timers neither a repr nor weak references, as asyncio's have."""

from __future__ import annotations

import asyncio
import weakref

from ..accuse import accuse


def my_callback() -> None: ...


async def see() -> object:
    loop = asyncio.get_running_loop()
    soon, later = loop.call_soon(my_callback), loop.call_later(9, my_callback)
    seen = [hasattr(soon, "cancelled"), "my_callback" in repr(soon), "my_callback" in repr(later)]
    for handle in (soon, later):
        try:
            weakref.ref(handle)
            seen.append(True)
        except TypeError:
            seen.append(False)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[True] * 5, accused=[False] * 5)
