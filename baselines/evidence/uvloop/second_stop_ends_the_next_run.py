"""A loop that is stopped twice ends its next run at once as well."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.stop()
    loop.call_soon(loop.stop)
    loop.run_forever()
    seen: list[str] = []
    loop.call_later(0.05, seen.append, "called")
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["called"], accused=[])
