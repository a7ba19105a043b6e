"""Exception handlers do not see the context variables of the callback or the task that failed."""

from __future__ import annotations

import asyncio
import contextvars

from ..accuse import accuse

variable = contextvars.ContextVar("variable", default="unset")


def fail() -> None:
    variable.set("of the callback")
    raise LookupError


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    loop.call_soon(fail)
    await asyncio.sleep(0.01)
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["of the callback"], accused=["unset"])
