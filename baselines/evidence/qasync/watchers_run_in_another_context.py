"""Callbacks of add_reader() and add_writer() do not see the context variables of their registration."""

from __future__ import annotations

import asyncio
import contextvars

from ..accuse import accuse, connected

variable = contextvars.ContextVar("variable", default="unset")


async def see() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    with connected() as (here, _):
        context = contextvars.copy_context()
        context.run(variable.set, "at the registration")
        context.run(loop.add_writer, here, lambda: seen.append(variable.get()))
        await asyncio.sleep(0.05)
        loop.remove_writer(here)
    return seen[:1]


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["at the registration"], accused=["unset"])
