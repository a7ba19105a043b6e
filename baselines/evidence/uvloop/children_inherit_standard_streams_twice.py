"""A child with pipes has further descriptors open besides its standard streams."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    child = await asyncio.create_subprocess_exec(
        *("sh", "-c", "for n in $(seq 3 60); do test -e /dev/fd/$n && echo more; done; true"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return b"more" in (await child.communicate())[0]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=False, accused=True)
