"""A shutdown_default_executor() that is cancelled waits for the functions that still run, and the loop with it."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    release, ended = threading.Event(), threading.Event()

    def block() -> None:
        release.wait()
        ended.set()

    future = loop.run_in_executor(None, block)
    ending = asyncio.ensure_future(loop.shutdown_default_executor())
    await asyncio.sleep(0.05)
    timer = threading.Timer(0.5, release.set)
    timer.start()
    ending.cancel()
    await asyncio.wait([ending])
    waited = ended.is_set()
    await future
    return waited


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=True, since=(3, 13))
