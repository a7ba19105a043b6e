"""connect_read_pipe() of a regular file aborts the process, where asyncio raises ValueError."""

from __future__ import annotations

import asyncio
import tempfile

from ..accuse import accuse, dies_of, raises, tried


async def see() -> object:
    with tempfile.TemporaryFile("rb", buffering=0) as file:
        return await tried(asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, file))


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=raises("ValueError"), accused=dies_of("SIGABRT"))
