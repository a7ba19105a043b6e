"""subprocess_exec(name, ..., executable=program) gives the child the program as its name."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    child = await asyncio.create_subprocess_exec(
        "my-name", "-c", 'printf %s "$0"', executable="/bin/sh", stdout=asyncio.subprocess.PIPE
    )
    return (await child.communicate())[0]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=b"my-name", accused=b"/bin/sh")
