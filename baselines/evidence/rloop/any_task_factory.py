"""set_task_factory() takes what cannot be called."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    loop.set_task_factory("no factory")
    return "taken"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("TypeError"), accused="taken")
