"""sock_accept() is no coroutine: it raises when it is called, not when it is awaited."""

from __future__ import annotations

import asyncio
from typing import Any

from ..accuse import accuse, raises


async def see() -> object:
    made: Any = asyncio.get_running_loop().sock_accept(object())  # type: ignore[arg-type]
    if hasattr(made, "close"):
        made.close()
    return "called"


if __name__ == "__main__":
    accuse(see, "rloop", asyncio="called", accused=raises("AttributeError"))
