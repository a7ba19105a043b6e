"""close() waits for the functions that the default executor is running."""

from __future__ import annotations

import asyncio
import threading
import time

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    ended = threading.Event()

    def work() -> None:
        time.sleep(0.5)
        ended.set()

    async def start() -> None:
        loop.run_in_executor(None, work)
        await asyncio.sleep(0.1)

    loop.run_until_complete(start())
    loop.close()
    return ended.is_set()


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=False, accused=True)
