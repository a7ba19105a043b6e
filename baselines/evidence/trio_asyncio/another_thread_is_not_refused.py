"""Debug mode does not refuse call_soon(), call_later() and call_at() from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    seen = []

    def try_it(schedule: Callable[..., Any], *when: float) -> None:
        try:
            schedule(*when, int)
            seen.append("taken")
        except RuntimeError:
            seen.append("refused")

    for schedule, *when in ((loop.call_soon,), (loop.call_later, 9), (loop.call_at, loop.time() + 9)):
        thread = threading.Thread(target=try_it, args=(schedule, *when))
        thread.start()
        thread.join()
    loop.set_debug(False)
    return seen


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=["refused"] * 3, accused=["taken"] * 3)
