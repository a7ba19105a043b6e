"""Driving a loop with nothing but its public methods: a stopped one by turns, a running one with patience."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")


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


async def settle(turns: int = 3) -> None:
    """Let the running loop turn: what was started has begun, and what was ready has run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def soon(operation: Awaitable[T]) -> T:
    """Await what happens by itself; fail, instead of hanging, if it takes longer than peers wait."""
    future = asyncio.ensure_future(operation)
    try:
        await asyncio.wait({future}, timeout=PATIENCE)
        if not future.done():
            raise AssertionError(f"still waiting after {PATIENCE:g} s")
    finally:
        future.cancel()
    return future.result()


@contextlib.asynccontextmanager
async def under_way(operation: Awaitable[T]) -> AsyncIterator[asyncio.Future[T]]:
    """Start an operation that has to wait for its peer; one that still waits at the end is cancelled."""
    future = asyncio.ensure_future(operation)
    try:
        await settle()
        if future.done():
            raise AssertionError(f"it did not wait for its peer, it returned {future.result()!r}")
        yield future
    finally:
        future.cancel()
        await asyncio.wait({future}, timeout=PATIENCE)
