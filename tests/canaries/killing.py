"""Loops that kill the process that started them: a pool of workers, at the far end of a gateway."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from . import canary

VICTIM = "CANARY_VICTIM"
"""The environment variable that names the case in which they do it."""
MEMORY = "CANARY_MEMORY"
"""The environment variable that names the file that says that it was done."""


@canary
def always(_: asyncio.AbstractEventLoop) -> None:
    """Kill it every time."""
    if _is_victim():
        _send(signal.SIGKILL)


@canary
def once(_: asyncio.AbstractEventLoop) -> None:
    """Kill it the first time."""
    if _is_victim():
        try:
            Path(os.environ[MEMORY]).touch(exist_ok=False)  # of two that come at once, one makes it
        except FileExistsError:
            return
        _send(signal.SIGKILL)


@canary
def stopping(_: asyncio.AbstractEventLoop) -> None:
    """Stop it every time: it neither works nor ends."""
    if _is_victim():
        _send(signal.SIGSTOP)


def _is_victim() -> bool:
    # pytest keeps this variable: "path/readers.py::name (call)".
    return f"::{os.environ[VICTIM]} (" in os.environ["PYTEST_CURRENT_TEST"]


def _send(how: signal.Signals) -> None:
    os.kill(os.getppid(), how)
    signal.pause()
