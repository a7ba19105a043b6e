"""Loops that do not come back, and resist being ended."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import os
import signal
import threading

from . import canary
from .closing import close_everything


@canary
def spinning(_: asyncio.AbstractEventLoop) -> None:
    """Loop in Python."""
    while True:
        pass


@canary
def deadlocked(_: asyncio.AbstractEventLoop) -> None:
    """Wait in Python for a lock that nobody releases."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@canary
def holding_the_gil(_: asyncio.AbstractEventLoop) -> None:
    """Wait in C without releasing the GIL: no other Python thread runs, no Python signal handler either."""
    while True:
        ctypes.PyDLL(None).pause()


@canary
def deaf(_: asyncio.AbstractEventLoop) -> None:
    """Block all signals, in C and with the GIL held."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).pause()


@canary
def unwatched(_: asyncio.AbstractEventLoop) -> None:
    """Switch the watchdog off and hang."""
    faulthandler.cancel_dump_traceback_later()
    threading.Event().wait()


@canary
def stopped(_: asyncio.AbstractEventLoop) -> None:
    """Stop the process with all of its threads, the watchdog's too."""
    os.kill(os.getpid(), signal.SIGSTOP)


@canary
def cut_off(_: asyncio.AbstractEventLoop) -> None:
    """Close every descriptor, the watchdog's file and the line to the run too, and hang."""
    close_everything()
    threading.Event().wait()
