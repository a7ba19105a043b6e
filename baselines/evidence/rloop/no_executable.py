"""subprocess_exec() and subprocess_shell() fail with executable."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    found = await tried(loop.subprocess_exec(asyncio.SubprocessProtocol, "any name", executable="/bin/true"))
    return found if isinstance(found, str) else "started"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="started", accused=raises("TypeError"))
