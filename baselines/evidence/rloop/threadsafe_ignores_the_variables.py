"""A callback of call_soon_threadsafe() does not see the context variables of who called it."""

from __future__ import annotations

import asyncio
import contextvars
import threading

from ..accuse import accuse

variable = contextvars.ContextVar("variable", default="unset")


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []

    def call() -> None:
        variable.set("at the call")
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    await asyncio.sleep(0.05)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["at the call"], accused=["unset"])
