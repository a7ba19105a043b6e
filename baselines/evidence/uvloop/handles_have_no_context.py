"""Handles have no get_context(), new in Python 3.12."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from ..accuse import accuse


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    context = contextvars.copy_context()
    return [
        getattr(handle, "get_context", None) is not None and handle.get_context() is context
        for handle in (loop.call_soon(int, context=context), loop.call_later(9, int, context=context))
    ]


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=[True, True], accused=[False, False], since=(3, 12))
