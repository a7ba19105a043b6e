"""Exceptions that nobody handles, and those of exception handlers, are not logged by the logger asyncio."""

from __future__ import annotations

import asyncio
import logging

from ..accuse import accuse


async def see() -> object:
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.levelname)  # type: ignore[method-assign]
    logging.getLogger("asyncio").addHandler(handler)
    asyncio.get_running_loop().call_exception_handler({"message": "nothing"})
    return logged


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["ERROR"], accused=[])
