"""Process.communicate(data) raises RuntimeError if the child has ended."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises, tried


async def see() -> object:
    child = await asyncio.create_subprocess_exec("true", stdin=asyncio.subprocess.PIPE)
    await child.wait()
    return await tried(child.communicate(bytes(1_000_000)))


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(None, None), accused=raises("RuntimeError"))
