"""connect_write_pipe() of /dev/null aborts the process, where asyncio writes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ..accuse import accuse, dies_of


async def see() -> object:
    with Path(os.devnull).open("wb", 0) as file:
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, file)
        transport.write(b"data")
        return transport.get_write_buffer_size()


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=0, accused=dies_of("SIGABRT"))
