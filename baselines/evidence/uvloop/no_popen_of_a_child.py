"""get_extra_info("subprocess") of a subprocess transport is None."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    transport, _ = await asyncio.get_running_loop().subprocess_exec(asyncio.SubprocessProtocol, "true")
    return transport.get_extra_info("subprocess") is not None


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
