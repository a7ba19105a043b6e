"""What a loop says in asyncio's log."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextlib.contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    """Collect what goes to the logger "asyncio", of every level, and keep it from everybody else."""
    logger = logging.getLogger("asyncio")
    collector = _Collector()
    before = logger.level, logger.propagate, logger.disabled
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    logger.propagate, logger.disabled = False, False
    try:
        yield collector.records
    finally:
        logger.removeHandler(collector)
        logger.setLevel(before[0])
        logger.propagate, logger.disabled = before[1:]


def text_of(records: list[logging.LogRecord]) -> str:
    """Return the messages and tracebacks of all records."""
    formatter = logging.Formatter("%(levelname)s %(message)s")
    return "\n".join(map(formatter.format, records))
