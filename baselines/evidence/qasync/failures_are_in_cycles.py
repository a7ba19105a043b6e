"""What create_connection() raises is in a reference cycle: only the garbage collector frees it."""

from __future__ import annotations

from ..accuse import accuse
from ..rloop.failures_are_in_cycles import see

if __name__ == "__main__":
    accuse(see, "qasync", asyncio=False, accused=True)
