"""Loops that end the process, or try to."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from typing import NoReturn

from . import canary


@canary
def segfault(_: asyncio.AbstractEventLoop) -> None:
    """Read from address 0."""
    ctypes.string_at(0)


@canary
def abort(_: asyncio.AbstractEventLoop) -> NoReturn:
    """Fail an assertion in C."""
    os.abort()


@canary
def killed(_: asyncio.AbstractEventLoop) -> None:
    """End as by the kernel's out-of-memory killer: no code of the process runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


@canary
def exit_quietly(_: asyncio.AbstractEventLoop) -> NoReturn:
    """End as if all were well."""
    os._exit(0)


@canary
def system_exit(loop: asyncio.AbstractEventLoop) -> None:
    """Raise SystemExit out of a callback."""
    loop.call_soon(_raise, SystemExit("out of a callback"))


@canary
def keyboard_interrupt(loop: asyncio.AbstractEventLoop) -> None:
    """Raise KeyboardInterrupt out of a callback."""
    loop.call_soon(_raise, KeyboardInterrupt("out of a callback"))


def _raise(error: BaseException) -> NoReturn:
    raise error
