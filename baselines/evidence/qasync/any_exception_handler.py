"""set_exception_handler() takes what cannot be called."""

from __future__ import annotations

from ..accuse import accuse, raises
from ..rloop.any_exception_handler import see

if __name__ == "__main__":
    accuse(see, "qasync", asyncio=raises("TypeError"), accused="taken")
