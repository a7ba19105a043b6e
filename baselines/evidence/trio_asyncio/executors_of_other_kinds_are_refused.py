"""run_in_executor() takes no executor but trio_asyncio's own: AssertionError."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ..accuse import accuse, raises


async def see() -> object:
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, max, 1, 2)


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=2, accused=raises("AssertionError"))
