"""The exceptions that asyncio only logs: those of callbacks, and of tasks that nobody waits for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])


@contextlib.contextmanager
def logged_errors() -> Iterator[list[BaseException]]:
    """Keep what asyncio logs while the context lasts; the list grows meanwhile."""
    listener = _Listener()
    logger = logging.getLogger("asyncio")
    logger.addHandler(listener)
    try:
        yield listener.errors
    finally:
        logger.removeHandler(listener)
