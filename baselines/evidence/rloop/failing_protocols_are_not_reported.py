"""What data_received() and eof_received() raise is not reported; connection_made() ends create_connection()."""

from __future__ import annotations

import asyncio
import functools
import socket

from ..accuse import accuse, connected, raises, tried


class Failing(asyncio.Protocol):
    def __init__(self, failing: str) -> None:
        setattr(self, failing, self.fail)

    def fail(self, *_: object) -> None:
        raise LookupError


async def see() -> object:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda *arguments: told.append(type(arguments[-1].get("exception")).__name__))
    seen: list[object] = []
    for method in ("connection_made", "data_received", "eof_received"):
        with connected() as (here, there):
            told.clear()
            made = await tried(loop.create_connection(functools.partial(Failing, method), sock=here))
            there.send(b"data")
            there.shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.1)
            seen.append(made if isinstance(made, str) else told[:1])
    return seen


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[["LookupError"]] * 3, accused=[raises("LookupError"), [], []])
