"""The loop hangs for ever if the release of a replaced callback uses the same descriptor."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import HANGS, accuse, connected, tried


class OnRelease:
    def __init__(self, act: Any) -> None:
        self.act = act

    def __del__(self) -> None:
        self.act()


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        there.send(b"x")
        number = here.fileno()
        loop.add_reader(number, lambda _: None, OnRelease(lambda: loop.remove_reader(number)))
        loop.add_reader(number, int)
        await asyncio.sleep(0.01)
        fired = asyncio.Event()
        loop.add_reader(number, fired.set)
        return await tried(fired.wait())


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=HANGS)
