"""subprocess_exec() takes encoding and errors; shell and text fail with other errors than asyncio's ValueError."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises, tried


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    seen = []
    options: list[dict[str, object]] = [
        {"text": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
        {"shell": True},
        {"shell": False},
    ]
    for option in options:

        async def start(option: dict[str, object] = option) -> object:
            return await loop.subprocess_exec(asyncio.SubprocessProtocol, "true", **option)

        found = await tried(start())
        seen.append(found if isinstance(found, str) else "taken")
    return seen


if __name__ == "__main__":
    accuse(
        see,
        "rloop",
        asyncio=[raises("ValueError")] * 4 + ["taken"],
        accused=[raises("SubprocessError"), "taken", "taken", raises("TypeError"), raises("TypeError")],
    )
