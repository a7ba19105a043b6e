"""call_soon(), call_later() and call_at() take in debug mode what is no callback, and a coroutine."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse


async def nothing() -> None: ...


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.set_debug(True)
    seen = []
    for callback in (1, nothing, coroutine := nothing()):
        for schedule in (loop.call_soon, lambda what: loop.call_later(9, what), lambda what: loop.call_at(1e9, what)):
            try:
                schedule(callback).cancel()
                seen.append("taken")
            except TypeError:
                seen.append("refused")
    coroutine.close()
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["refused"] * 9, accused=["taken"] * 9)
