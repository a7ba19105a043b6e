"""asyncio's event loop policy, without the warnings that 3.14 has for whoever touches it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Policy = Any  # asyncio.AbstractEventLoopPolicy, a name that warns


@contextmanager
def silence() -> Iterator[None]:
    """Let the policies be used as before 3.14."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def current() -> Policy:
    """Return the policy of this process; asyncio makes one if there is none."""
    with silence():
        return asyncio.get_event_loop_policy()


def become(policy: Policy) -> None:
    """Make `policy` that of this process."""
    with silence():
        asyncio.set_event_loop_policy(policy)


def close_left_loop() -> None:
    """Close the loop that was set for this thread, and that nobody can reach once there is another policy."""
    with silence():
        try:
            loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:  # there is none
            return
    if not loop.is_running():
        loop.close()
