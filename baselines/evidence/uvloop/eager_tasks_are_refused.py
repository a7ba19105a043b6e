"""Task factories are called with eager_start, which asyncio.eager_task_factory refused in the first 3.13 releases."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    eager: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009 - unknown to Python 3.11
    asyncio.get_running_loop().set_task_factory(eager)
    task = asyncio.get_running_loop().create_task(asyncio.sleep(0, "done"))
    return await task


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio="done", accused=raises("TypeError"), since=(3, 13), before=(3, 13, 3))
