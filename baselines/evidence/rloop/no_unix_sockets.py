"""create_unix_server() and create_unix_connection() raise NotImplementedError."""

from __future__ import annotations

import asyncio
import tempfile

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        seen = []
        for opened in (
            await tried(loop.create_unix_server(asyncio.Protocol, path)),
            await tried(loop.create_unix_connection(asyncio.Protocol, path)),
        ):
            seen.append(opened if isinstance(opened, str) else "opened")
        return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["opened"] * 2, accused=[raises("NotImplementedError")] * 2)
