"""Loops that do harm only once in a run: the file that the environment names is the memory of all its processes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from pathlib import Path

from . import canary
from .leaking import start_daemon

MEMORY = "CANARY_MEMORY"
"""The environment variable that names the file; it has the ids of the processes that came by."""


def _first_time() -> bool:
    path = Path(os.environ[MEMORY])
    try:
        path.touch(exist_ok=False)  # of two that come at once, one makes it
        first = True
    except FileExistsError:
        first = False
    with path.open("a", encoding="utf-8") as memory:
        memory.write(f"{os.getpid()}\n")
    return first


@canary
def failing_once(_: asyncio.AbstractEventLoop) -> None:
    """Raise an exception the first time."""
    if _first_time():
        raise RuntimeError("not now")


@canary
def crashing_once(_: asyncio.AbstractEventLoop) -> None:
    """Crash the first time."""
    if _first_time():
        ctypes.string_at(0)


@canary
def failing_always(_: asyncio.AbstractEventLoop) -> None:
    """Raise an exception every time."""
    raise RuntimeError("never")


@canary
def daemon_among_crashes(_: asyncio.AbstractEventLoop) -> None:
    """Start a daemon that is needed for a while the first time, and crash every other time."""
    if not _first_time():
        ctypes.string_at(0)
    daemon = start_daemon()
    time.sleep(1)
    os.kill(daemon, signal.SIGKILL)  # fails if somebody else has done so
