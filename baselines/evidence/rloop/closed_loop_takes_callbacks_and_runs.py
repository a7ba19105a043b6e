"""call_soon() and timers of a closed loop raise nothing, and run_forever() raises UnboundLocalError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.close()
    seen = []
    for use in (
        lambda: loop.call_soon(int),
        lambda: loop.call_later(9, int),
        lambda: loop.call_at(9, int),
        loop.run_forever,
    ):
        try:
            use()
            seen.append("nothing")
        except RuntimeError:
            seen.append("RuntimeError")
        except UnboundLocalError:
            seen.append("UnboundLocalError")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["RuntimeError"] * 4, accused=["nothing"] * 3 + ["UnboundLocalError"])
