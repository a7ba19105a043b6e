"""Loops that leave something behind which holds resources."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time

from . import canary

LONG = 600


@canary
def a_descriptor(_: asyncio.AbstractEventLoop) -> None:
    """Leave a descriptor open."""
    os.open(os.devnull, os.O_RDONLY)


@canary
def a_thread(_: asyncio.AbstractEventLoop) -> None:
    """Leave a thread running."""
    threading.Thread(target=time.sleep, args=(LONG,), name="leaked", daemon=True).start()


@canary
def a_child(_: asyncio.AbstractEventLoop) -> None:
    """Leave a child process running, which ignores polite requests."""
    subprocess.Popen(["sh", "-c", f"trap '' HUP INT TERM; sleep {LONG}"])


@canary
def a_forked_child(_: asyncio.AbstractEventLoop) -> None:
    """Fork a copy of the process that lingers."""
    if not os.fork():
        time.sleep(LONG)
        os._exit(0)


@canary
def a_returning_child(_: asyncio.AbstractEventLoop) -> None:
    """Fork a copy of the process that goes on with the case as if it were the original."""
    os.fork()


@canary
def a_daemon(_: asyncio.AbstractEventLoop) -> None:
    """Leave a process that has left the family: its own session, its parent gone, standard streams closed."""
    start_daemon()


def start_daemon() -> int:
    """Start a daemon and return its id."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.setsid()
        if daemon := os.fork():
            os.write(writing, str(daemon).encode())
        else:
            os.closerange(0, 3)
            os.close(writing)
            time.sleep(LONG)
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    daemon = int(os.read(reading, 64))
    os.close(reading)
    return daemon
