"""Debug mode logs no slow callbacks, refuses no other threads, and nothing knows where it comes from."""

from __future__ import annotations

import asyncio
import logging
import sys
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
    contexts: list[dict[str, object]] = []
    loop.set_exception_handler(lambda *arguments: contexts.append(arguments[-1]))
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)
    origin = sys.get_coroutine_origin_tracking_depth()
    return slow, refused, "source_traceback" in contexts[0], origin > 0


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, True, True, True), accused=(False, False, False, False))
