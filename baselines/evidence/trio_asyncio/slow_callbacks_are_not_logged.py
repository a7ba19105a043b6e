"""Debug mode does not log callbacks, timers and tasks that take longer than slow_callback_duration."""

from __future__ import annotations

import asyncio
import logging
import time

from ..accuse import accuse


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("asyncio").addHandler(listener)
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    for schedule in (loop.call_soon, loop.call_soon_threadsafe):
        schedule(time.sleep, 0.05)
    loop.call_later(0.01, time.sleep, 0.05)
    await asyncio.sleep(0.3)
    loop.set_debug(False)
    return sum("time.sleep" in text or "sleep(" in text for text in seen)


if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=3, accused=0)
