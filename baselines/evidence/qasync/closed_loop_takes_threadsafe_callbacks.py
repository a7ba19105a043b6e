"""call_soon_threadsafe() of a closed loop raises nothing."""

from __future__ import annotations

from ..accuse import accuse, raises
from ..rloop.closed_loop_takes_callbacks import see

if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("RuntimeError"), accused="taken")
