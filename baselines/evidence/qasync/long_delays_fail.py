"""A timer of more than 24 days, or of infinitely many, raises OverflowError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    for delay in (3e6, 1e300, float("inf")):
        try:
            loop.call_later(delay, int).cancel()
            seen.append("taken")
        except OverflowError:
            seen.append("OverflowError")
    return seen


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["taken"] * 3, accused=["OverflowError"] * 3)
