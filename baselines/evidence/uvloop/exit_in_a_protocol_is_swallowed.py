"""SystemExit and KeyboardInterrupt raised by data_received() do not come out of the loop."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, connected


class Exits(asyncio.Protocol):
    kind: type[BaseException] = SystemExit

    def data_received(self, data: bytes) -> None:
        raise self.kind


class Interrupts(Exits):
    kind = KeyboardInterrupt


def see(loop: asyncio.AbstractEventLoop) -> object:
    loop.set_exception_handler(lambda *_: None)
    seen = []
    for factory in (Exits, Interrupts):
        with connected() as (here, there):
            transport, _ = loop.run_until_complete(loop.create_connection(factory, sock=here))
            there.send(b"data")
            guard = loop.call_later(1, loop.stop)
            try:
                loop.run_forever()
                seen.append("nothing")
            except (SystemExit, KeyboardInterrupt) as error:
                seen.append(type(error).__name__)
            guard.cancel()
            transport.abort()
    return seen


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=["SystemExit", "KeyboardInterrupt"], accused=["nothing", "nothing"])
