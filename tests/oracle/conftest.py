"""What the run of CPython's tests needs of pytest."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Spare the search for garbage what was there before: asyncio's tests do three after each test."""
    gc.collect()
    gc.freeze()
