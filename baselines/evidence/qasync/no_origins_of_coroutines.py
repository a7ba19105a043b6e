"""A run in debug mode does not track where coroutines come from."""

from __future__ import annotations

import asyncio
import sys

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    async def depth() -> int:
        return sys.get_coroutine_origin_tracking_depth()

    loop.set_debug(True)
    return loop.run_until_complete(depth()) > 0


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
