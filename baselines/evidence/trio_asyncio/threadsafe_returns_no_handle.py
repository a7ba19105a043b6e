"""call_soon_threadsafe() returns None, so that its callback cannot be cancelled."""

from __future__ import annotations

from ..accuse import accuse
from ..qasync.threadsafe_returns_no_handle import see

if __name__ == "__main__":
    accuse(see, "trio-asyncio", asyncio=True, accused=False)
