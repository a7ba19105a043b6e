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
    _kill()


@canary
def once(_: asyncio.AbstractEventLoop) -> None:
    """Kill it the first time."""
    if not Path(os.environ[MEMORY]).exists():
        _kill()


@canary
def stopping(_: asyncio.AbstractEventLoop) -> None:
    """Stop it every time: it neither works nor ends."""
    _kill(signal.SIGSTOP)


def _kill(how: signal.Signals = signal.SIGKILL) -> None:
    # pytest keeps this variable: "path/readers.py::name (call)".
    if f"::{os.environ[VICTIM]} (" in os.environ["PYTEST_CURRENT_TEST"]:
        Path(os.environ[MEMORY]).touch()
        os.kill(os.getppid(), how)
        signal.pause()
