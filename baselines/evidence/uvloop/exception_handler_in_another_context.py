"""The exception handler does not run in the context of the task that it is told about, as it does since Python 3.12."""

from __future__ import annotations

import asyncio
import contextvars
import gc

from ..accuse import accuse

variable = contextvars.ContextVar("variable", default="unset")


async def fail() -> None:
    variable.set("of the task")
    raise ValueError


async def see() -> object:
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: seen.append(variable.get()))
    loop.create_task(fail())  # noqa: RUF006 - nobody fetches its exception
    await asyncio.sleep(0.01)
    gc.collect()
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["of the task"], accused=["unset"], since=(3, 12))
