"""set_debug(True) and PYTHONASYNCIODEBUG set no debug mode: get_debug() is False."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.set_debug(True)
    set_so = loop.get_debug()
    os.environ["PYTHONASYNCIODEBUG"] = "1"
    made = type(loop)()
    set_outside = made.get_debug()
    made.close()
    return set_so, set_outside


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, True), accused=(False, False))
