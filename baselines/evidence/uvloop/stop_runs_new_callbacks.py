"""What a callback schedules after stop() runs before run_forever() returns, though documented to run next time."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen: list[str] = []

    def stop() -> None:
        loop.stop()
        loop.call_soon(seen.append, "new")

    loop.call_soon(stop)
    loop.run_forever()
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[], accused=["new"])
