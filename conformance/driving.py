"""Turning a stopped loop a known number of times, with nothing but its public methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def turn(loop: asyncio.AbstractEventLoop, times: int = 1) -> None:
    """Run the loop for one iteration (or more): what is ready now runs, what that schedules does not."""
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def run_until(loop: asyncio.AbstractEventLoop, happened: Callable[[], bool], *, turns: int = 10_000) -> None:
    """Turn the loop until something happened; fail after so many turns without."""
    for _ in range(turns):
        if happened():
            return
        turn(loop)
    raise AssertionError(f"it did not happen within {turns} iterations of the loop")
