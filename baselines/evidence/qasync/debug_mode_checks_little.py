"""Debug mode logs no slow callbacks to asyncio's logger, refuses no other threads, and handles know no origin."""

from __future__ import annotations

import asyncio
import logging
import time

from ..accuse import accuse, tried


async def see() -> object:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("asyncio").addHandler(handler)
    loop.call_soon(time.sleep, 0.3)
    await asyncio.sleep(0.01)
    slow = any("took" in line for line in logged)
    refused = isinstance(await tried(asyncio.to_thread(lambda: loop.call_soon(int))), str)
    origin = "debug_mode_checks_little" in repr(loop.call_soon(int))
    return slow, refused, origin


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=(True, True, True), accused=(False, False, False))
