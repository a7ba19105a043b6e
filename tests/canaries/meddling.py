"""Loops that leave the process changed."""

from __future__ import annotations

import asyncio
import os
import signal
import warnings

from . import Canary, canary


@canary
def signal_handler(_: asyncio.AbstractEventLoop) -> None:
    """Leave a signal handler behind."""
    signal.signal(signal.SIGUSR1, lambda *_: None)


@canary
def signal_mask(_: asyncio.AbstractEventLoop) -> None:
    """Leave a signal blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


@canary
def wakeup_fd(_: asyncio.AbstractEventLoop) -> None:
    """Leave a wakeup descriptor set."""
    pipe = os.pipe()
    os.set_blocking(pipe[1], False)
    signal.set_wakeup_fd(pipe[1])


@canary
def policy(_: asyncio.AbstractEventLoop) -> None:
    """Leave another event loop policy in force."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since 3.14
        asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())


@canary
def environment(_: asyncio.AbstractEventLoop) -> None:
    """Leave an environment variable behind."""
    os.environ["CANARY"] = "was here"


@canary
def working_directory(_: asyncio.AbstractEventLoop) -> None:
    """Leave for another directory."""
    os.chdir("/")


class _RunningLoop(Canary):
    """Remains the running loop after it was closed, if anybody watched something."""

    def __init__(self) -> None:
        super().__init__(lambda _: setattr(self, "_stays", True))
        self._stays = False

    def close(self) -> None:
        super().close()
        if self._stays:
            asyncio._set_running_loop(self)


def running_loop() -> asyncio.AbstractEventLoop:
    """Leave a running loop behind."""
    return _RunningLoop()
