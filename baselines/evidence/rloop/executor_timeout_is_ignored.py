"""shutdown_default_executor(timeout) waits for ever, and does not warn."""

from __future__ import annotations

import asyncio
import threading
import warnings
from typing import Any

from ..accuse import HANGS, accuse, tried


async def see() -> object:
    loop: Any = asyncio.get_running_loop()
    release = threading.Event()
    future = loop.run_in_executor(None, release.wait)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        ended = await tried(loop.shutdown_default_executor(timeout=0.05), 2)
    release.set()
    await future
    return ended, [warning.category.__name__ for warning in given]


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(None, ["RuntimeWarning"]), accused=(HANGS, []), since=(3, 12))
