"""A null byte in an argument, a program, a variable or a folder cuts it there, where subprocess raises ValueError."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse, raises, tried


async def see() -> object:
    environment = dict(os.environ)
    starting = [
        asyncio.create_subprocess_exec("true", "nul\0byte"),
        asyncio.create_subprocess_exec("true\0x"),
        asyncio.create_subprocess_shell("exit 0\0x"),
        asyncio.create_subprocess_exec("true", env={**environment, "A\0B": "1"}),
        asyncio.create_subprocess_exec("true", env={**environment, "A": "1\0"}),
        asyncio.create_subprocess_exec("true", env={**environment, "A=B": "1"}),
        asyncio.create_subprocess_exec("true", cwd="/tmp\0x"),
    ]
    found = [await tried(awaitable) for awaitable in starting]
    return [how if isinstance(how, str) else "started" for how in found]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[raises("ValueError")] * 7, accused=["started"] * 7)
