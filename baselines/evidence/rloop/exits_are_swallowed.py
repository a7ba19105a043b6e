"""SystemExit and KeyboardInterrupt raised by callbacks and tasks do not come out of the loop."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def fail(kind: type[BaseException]) -> None:
    raise kind


async def fail_in_task(kind: type[BaseException]) -> None:
    raise kind


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.set_exception_handler(lambda *_: None)
    seen = []
    for kind in (SystemExit, KeyboardInterrupt):
        for start in (lambda kind: loop.call_soon(fail, kind), lambda kind: loop.create_task(fail_in_task(kind))):
            task = start(kind)
            guard = loop.call_later(0.3, loop.stop)
            try:
                loop.run_forever()
                seen.append("nothing")
            except (SystemExit, KeyboardInterrupt) as error:
                seen.append(type(error).__name__)
            guard.cancel()
            del task
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=["SystemExit"] * 2 + ["KeyboardInterrupt"] * 2, accused=["nothing"] * 4)
