"""Loops that keep what they need no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise


@mutant("GC", bug="the last callback that ran, and its arguments, stay until the next one runs", source="GC-01")
class RemembersTheLastHandle(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        self.last = handle
        super()._run_handle(handle)


@mutant(
    "GC",
    bug="a cancelled callback keeps its arguments as long as the handle lives",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Handle.cancel",
)
class KeepsCancelledArguments(SelectorLoop):
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = super().call_later(delay, callback, *args, context=context)
        self.arguments = [*getattr(self, "arguments", ()), (handle, args)]
        return handle


@mutant("GC", bug="every loop stays in a list of all loops", source="GC-02")
class ListsAllLoops(SelectorLoop):
    loops: ClassVar[list[SelectorLoop]] = []

    def __init__(self) -> None:
        super().__init__()
        self.loops.append(self)


@mutant(
    "GC", bug="a timer and its callback refer to each other, which only the garbage collector undoes", source="GC-08"
)
class MakesCycles(SelectorLoop):
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        def call() -> None:
            timer._repr  # noqa: B018
            callback(*args)

        timer = super().call_later(delay, call, context=context)
        return timer


@mutant("GC", bug="the result of the last run_until_complete() stays", source="GC-01")
class KeepsTheLastResult(SelectorLoop):
    def run_until_complete(self, future: Any) -> Any:
        self.result = super().run_until_complete(future)
        return self.result


@mutant("GC", bug="the futures of an executor's functions stay in a list", source="GC-06")
class KeepsFuturesOfJobs(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self.jobs = [*getattr(self, "jobs", ()), future]
        return future


@mutant(
    "GC",
    bug="an object that a reader's callback refers to lives on after the reader was removed",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.remove_reader",
)
class KeepsRemovedReaders(SelectorLoop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(fd, callback, *args)
        self.callbacks = {**getattr(self, "callbacks", {}), fd: (callback, args)}
