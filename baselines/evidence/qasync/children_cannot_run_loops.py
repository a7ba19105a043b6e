"""No loop runs in a child that was forked off a running one."""

from __future__ import annotations

import asyncio
import os

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    def fork() -> int:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                made = type(loop)()
                status = made.run_until_complete(asyncio.sleep(0, 0))
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    async def run() -> int:
        return fork()

    return loop.run_until_complete(run())


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=0, accused=1)
