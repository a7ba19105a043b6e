"""Closing a loop leaves its signal handlers in place: SIGTERM does not end the process any more."""

from __future__ import annotations

from ..accuse import accuse
from ..uvloop.signal_handlers_outlive_the_loop import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, True), accused=(False, False))
