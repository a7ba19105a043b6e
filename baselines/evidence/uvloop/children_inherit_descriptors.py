"""A child gets every descriptor that is inheritable, though close_fds is True unless asked otherwise."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


async def see() -> object:
    inheritable = os.dup2(os.open(os.devnull, os.O_RDONLY), 50)
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", f"test -e /dev/fd/{inheritable}", stdin=asyncio.subprocess.DEVNULL
    )
    return await child.wait() == 0


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=False, accused=True)
