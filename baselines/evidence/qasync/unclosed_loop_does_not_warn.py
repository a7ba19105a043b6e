"""A loop that is dropped without having been closed gives no ResourceWarning."""

from __future__ import annotations

from ..accuse import accuse
from ..rloop.unclosed_loop_does_not_warn import see

if __name__ == "__main__":
    accuse(see, "qasync", asyncio=True, accused=False)
