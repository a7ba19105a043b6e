"""call_soon_threadsafe() ignores the context that it is given, and that of the calling thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading

from ..accuse import accuse

variable = contextvars.ContextVar("variable", default="unset")


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    loop.call_soon_threadsafe(lambda: seen.append(variable.get()), context=context)
    await asyncio.sleep(0.05)

    def call() -> None:
        variable.set("of the thread")
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    await asyncio.sleep(0.05)
    return seen


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["given", "of the thread"], accused=["unset"] * 2)
