"""What the worlds have in common. Below a printed script stands the source of this module, too."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Main: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
RunMain: TypeAlias = Callable[[Main], Any]

PATIENCE = 1.0
"""Seconds to wait for what must happen: on loopback it takes less than a millisecond."""
TURNS = 200
"""How often a loop that is slow, or on a machine that stood still, turns meanwhile all the same."""

_PATTERN = random.Random(0).randbytes(1 << 20)


class BrokenPromiseError(AssertionError):
    """The loop did not do what was promised; the text says what."""


def pattern(start: int, size: int) -> bytes:
    """Return bytes that tell where in a stream they belong."""
    start %= len(_PATTERN)
    return (_PATTERN[start : start + size] + _PATTERN * (size // len(_PATTERN) + 1))[:size]


async def until(happened: Callable[[], bool], what: str) -> None:
    """Let the loop turn until something happened.

    Raises:
        BrokenPromiseError: it did not.
    """
    deadline = time.monotonic() + PATIENCE
    turns = 0
    while not happened():
        if time.monotonic() > deadline and turns > TURNS:
            raise BrokenPromiseError(f"{what} did not come within {PATIENCE:g} s")
        turns += 1
        await asyncio.sleep(0 if turns < 50 else 0.001)


def runner(new_loop: NewLoop) -> RunMain:
    """Return what runs an async function on a fresh loop."""

    def run(main: Main) -> Any:
        loop = new_loop()
        try:
            return loop.run_until_complete(main())
        finally:
            loop.close()

    return run
