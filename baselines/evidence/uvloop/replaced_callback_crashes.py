"""The process dies if the release of a replaced callback uses the same descriptor."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, connected, dies_of, tried


class OnRelease:
    def __init__(self, act: Any) -> None:
        self.act = act

    def __del__(self) -> None:
        self.act()


async def see() -> object:
    loop = asyncio.get_running_loop()
    with connected() as (here, there):
        there.send(b"x")
        loop.add_reader(here, lambda _: None, OnRelease(lambda: loop.remove_reader(here)))
        loop.add_reader(here, int)
        await asyncio.sleep(0.01)
        fired = asyncio.Event()
        loop.add_reader(here, fired.set)
        return await tried(fired.wait())


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=dies_of("SIGSEGV"))
