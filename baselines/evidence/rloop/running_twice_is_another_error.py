"""run_forever() of a running loop raises UnboundLocalError, not RuntimeError."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises


async def see() -> object:
    asyncio.get_running_loop().run_forever()
    return "ran"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("RuntimeError"), accused=raises("UnboundLocalError"))
