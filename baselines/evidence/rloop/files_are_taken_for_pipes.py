"""connect_read_pipe() and connect_write_pipe() take a regular file, which asyncio refuses."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen = []
    for connect, mode in ((loop.connect_read_pipe, "rb"), (loop.connect_write_pipe, "wb")):
        with tempfile.NamedTemporaryFile() as file:
            found = await tried(connect(asyncio.Protocol, Path(file.name).open(mode, buffering=0)))  # noqa: SIM115
            seen.append(found if isinstance(found, str) else "taken")
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[raises("ValueError")] * 2, accused=["taken"] * 2)
