"""is_closing() of a subprocess transport stays False after close()."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    transport, _ = await asyncio.get_running_loop().subprocess_exec(asyncio.SubprocessProtocol, "sleep", "9")
    transport.close()
    return transport.is_closing()


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
