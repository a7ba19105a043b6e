"""call_soon(), call_later() and call_at() of a closed loop raise nothing."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.close()
    seen = []
    for schedule in (loop.call_soon, lambda what: loop.call_later(9, what), lambda what: loop.call_at(9, what)):
        try:
            schedule(int)
            seen.append("taken")
        except RuntimeError:
            seen.append("refused")
    return seen


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["refused"] * 3, accused=["taken"] * 3)
