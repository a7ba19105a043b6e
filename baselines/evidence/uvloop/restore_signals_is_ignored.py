"""restore_signals=False does not keep SIGPIPE ignored in the child."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    child = await asyncio.create_subprocess_exec("sh", "-c", "kill -PIPE $$; exit 3", restore_signals=False)
    return await child.wait()


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=3, accused=-13)
