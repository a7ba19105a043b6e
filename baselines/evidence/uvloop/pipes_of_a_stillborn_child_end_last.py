"""connection_lost() of a child that ends before it is known is not the last that its protocol hears."""

from __future__ import annotations

import asyncio
import functools
import time

from ..accuse import accuse, until


class Child(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        self.seen.append(f"pipe {fd}")

    def connection_lost(self, error: Exception | None) -> None:
        self.seen.append("connection")


def finished(child: Child) -> bool:
    return len(child.seen) == 4


async def see() -> object:
    seen = set()
    for _ in range(20):
        transport, child = await asyncio.get_running_loop().subprocess_shell(Child, "printf out; printf err >&2")
        time.sleep(0.05)
        await until(functools.partial(finished, child), 0.5)
        seen.add(child.seen[-1])
        transport.close()
    return "connection" in seen and len(seen) == 1


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=True, accused=False)
