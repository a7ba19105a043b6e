"""An event loop that counts what it is asked for: a small loop of somebody else, who has everyloop judge it."""

from __future__ import annotations

import asyncio
import collections
from typing import Any


class MeteredLoop(asyncio.SelectorEventLoop):
    """CPython's selector loop with a meter.

    Attributes:
        meter: how often each of the methods below was called.
    """

    def __init__(self) -> None:
        self.meter: collections.Counter[str] = collections.Counter()
        super().__init__()

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        """Count, and watch for room to write."""
        self.meter["add_writer"] += 1
        super().add_writer(fd, callback, *args)

    def remove_writer(self, fd: Any) -> None:
        """Count, and watch no more. asyncio's returns whether there was a watcher: our issue 12."""
        self.meter["remove_writer"] += 1
        super().remove_writer(fd)


def new_loop() -> asyncio.AbstractEventLoop:
    """Make a metered loop."""
    return MeteredLoop()
