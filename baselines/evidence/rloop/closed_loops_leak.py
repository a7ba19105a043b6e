"""A closed loop leaves its epoll and eventfd open, also when it has been collected."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    def count() -> int:
        gc.collect()
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    def once() -> None:
        made = type(loop)()
        made.run_until_complete(asyncio.sleep(0))
        made.close()

    once()
    before = count()
    for _ in range(10):
        once()
    return count() - before


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=0, accused=20)
