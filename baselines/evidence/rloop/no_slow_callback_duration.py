"""A loop has no slow_callback_duration."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


async def see() -> object:
    return hasattr(asyncio.get_running_loop(), "slow_callback_duration")


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
