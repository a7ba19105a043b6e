"""A shutdown_default_executor() that is cancelled waits for the functions that still run, and the loop with it."""

from __future__ import annotations

from ..accuse import accuse
from ..uvloop.cancelled_shutdown_waits import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=False, accused=True, since=(3, 13))
