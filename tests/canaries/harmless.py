"""Loops that look suspicious and do nothing wrong."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from functools import cache
from pathlib import Path

from . import canary

NOTES = "CANARY_NOTES"
"""The environment variable that names the file for notes."""


@canary
def taking_notes(_: asyncio.AbstractEventLoop) -> None:
    """Note which case calls the method that the others do harm in."""
    # pytest keeps this variable: "path/readers.py::name (call)".
    case = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].rpartition(" ")[0]
    with Path(os.environ[NOTES]).open("a", encoding="utf-8") as notes:
        notes.write(f"{case}\n")


@canary
def lazy(_: asyncio.AbstractEventLoop) -> None:
    """Create at the first use what the process keeps: a thread and a pipe."""
    _background()


@cache
def _background() -> tuple[int, int]:
    threading.Thread(target=time.sleep, args=(600,), name="background", daemon=True).start()
    return os.pipe()


@canary
def chatty(_: asyncio.AbstractEventLoop) -> None:
    """Print 20 MB to standard output and as many to standard error."""
    for stream in (1, 2):
        line = b"Lorem ipsum dolor sit amet. " * 37_449 + b"\n"  # 1 MB
        rest = 20 * line
        while rest:
            rest = rest[os.write(stream, rest) :]
