"""add_reader() and add_writer() of a closed loop raise nothing."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen: list[object] = []
    loop.close()
    with connected() as (here, _):
        for watch, unwatch in ((loop.add_reader, loop.remove_reader), (loop.add_writer, loop.remove_writer)):
            try:
                watch(here.fileno(), int)
                seen.append(unwatch(here.fileno()))
            except RuntimeError:
                seen.append("refused")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["refused"] * 2, accused=[True] * 2)
