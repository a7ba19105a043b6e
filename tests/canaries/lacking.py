"""Loops that lack something small, and loops that tell about themselves."""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from functools import cache
from pathlib import Path
from typing import Any

from everyloop.harness.backends import Guest


class _Immortal(asyncio.SelectorEventLoop):
    """It is closed like any other and does not admit it."""

    def is_closed(self) -> bool:
        return False

    def close(self) -> None:
        if not super().is_closed():
            super().close()


class _Partial(asyncio.SelectorEventLoop):
    """It has no sendfile(), and says nothing when nobody closed it."""

    @property
    def sock_sendfile(self) -> Any:
        raise AttributeError("not here", name="sock_sendfile", obj=self)

    def __del__(self) -> None:
        self.close()


class _Slow(asyncio.SelectorEventLoop):
    """It takes its time to close: a second, once in a process."""

    def close(self) -> None:
        if not self.is_closed():
            time.sleep(1)
        super().close()


class _Unspeakable(asyncio.SelectorEventLoop):
    """Its errors are no text that any encoding has."""

    def add_reader(self, *_: Any) -> None:  # type: ignore[override]
        raise ValueError("\udc80 \N{SNOWMAN} [bold]\x1b[31m\0")


def partial() -> asyncio.AbstractEventLoop:
    return _Partial()


class _Deadly(asyncio.SelectorEventLoop):
    def add_reader(self, *_: Any) -> None:  # type: ignore[override]
        os.abort()


def once() -> asyncio.AbstractEventLoop:
    """Make loops in the first process that asks, and in no other."""
    first = Path(os.environ["CANARY_NOTES"])
    if not first.exists():
        first.write_text(str(os.getpid()))
    if first.read_text() != str(os.getpid()):
        raise OSError("only in the first process")
    return _Deadly(selectors.PollSelector())


@cache
def _first_time() -> list[bool]:
    return [True]


def fickle() -> asyncio.AbstractEventLoop:
    """Make one loop in a process and no more."""
    if not _first_time():
        raise OSError("only once")
    _first_time().pop()
    return asyncio.SelectorEventLoop()


def immortal() -> asyncio.AbstractEventLoop:
    return _Immortal()


def slow() -> asyncio.AbstractEventLoop:
    return _Slow()


def unspeakable() -> asyncio.AbstractEventLoop:
    return _Unspeakable()


def counting() -> asyncio.AbstractEventLoop:
    """Note the process that makes the loop."""
    with Path(os.environ["CANARY_NOTES"]).open("a", encoding="ascii") as notes:
        notes.write(f"{os.getpid()}\n")
    return asyncio.SelectorEventLoop()


GUEST = Guest(lambda main: asyncio.run(main()))
