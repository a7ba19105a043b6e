"""run_forever() after stop() returns without calling what is ready and without looking for events."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen: list[str] = []
    with connected() as (here, there):
        there.send(b"x")
        loop.add_reader(here.fileno(), seen.append, "event")
        loop.call_soon(seen.append, "ready")
        loop.stop()
        loop.run_forever()
        loop.call_soon(loop.stop)  # what was found is called in the next turn
        loop.stop()
        return "ready" in seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
