"""call_soon(), call_later() and call_at() take in debug mode what is no callback, and a coroutine."""

from __future__ import annotations

from typing import Any

from ..accuse import accuse


async def nothing() -> None: ...


def see(loop: Any) -> object:
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
    accuse(see, "rloop", asyncio=["refused"] * 9, accused=["taken"] * 9)
