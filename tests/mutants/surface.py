"""Loops that lack something of the interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop


@mutant("API", bug="run_in_executor() is a coroutine function: what is not awaited does not run", source="API-03")
class RunsWhenAwaited(SelectorLoop):
    async def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        return await super().run_in_executor(executor, func, *args)


@mutant(
    "API",
    bug="shutdown_default_executor() takes no timeout",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.shutdown_default_executor",
)
class ShutsDownWithoutTimeout(SelectorLoop):
    async def shutdown_default_executor(self) -> None:
        await super().shutdown_default_executor()


@mutant("API", bug="sock_recvfrom() is not implemented", source="https://github.com/MagicStack/uvloop/issues/561")
class ReceivesFromNobody(SelectorLoop):
    async def sock_recvfrom(self, sock: Any, bufsize: int) -> Any:
        raise NotImplementedError


@mutant("API", bug="call_later() takes no context", source="API-02")
class CallsLaterWithoutContext(SelectorLoop):
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        return super().call_later(delay, callback, *args)


@mutant("API", bug="call_soon() returns a handle that is not asyncio's", source="API-04")
class ReturnsItsOwnHandle(SelectorLoop):
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return _Handle(super().call_soon(callback, *args, context=context))


class _Handle:
    def __init__(self, handle: asyncio.Handle) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)
