"""The repr of a loop does not say whether it runs, is closed, and is in debug mode."""

from __future__ import annotations

import asyncio

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    return "running=False closed=False debug=False" in repr(loop)


if __name__ == "__main__":
    accuse(see, "rloop", asyncio=True, accused=False)
