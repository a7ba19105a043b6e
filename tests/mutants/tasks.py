"""Loops that make tasks and contexts wrongly."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise


@mutant("TSK", bug="a task that a factory makes does not get the name", source="TSK-01")
class ForgetsNamesWithAFactory(SelectorLoop):
    def create_task(self, coro: Any, *, name: Any = None, **options: Any) -> Any:
        return super().create_task(coro, name=name if self._task_factory is None else None, **options)


@mutant("TSK", bug="create_task() does not pass the context on to a factory", source="TSK-02")
class KeepsTheContextFromTheFactory(SelectorLoop):
    def create_task(self, coro: Any, *, context: Any = None, **options: Any) -> Any:
        if self._task_factory is not None:
            context = None
        return super().create_task(coro, context=context, **options)


@mutant("TSK", bug="a task runs in a copy of the context that it is given", source="TSK-01")
class CopiesTheGivenContext(SelectorLoop):
    def create_task(self, coro: Any, *, context: Any = None, **options: Any) -> Any:
        return super().create_task(coro, context=None if context is None else context.copy(), **options)


@mutant("TSK", bug="set_task_factory(None) changes nothing", source="TSK-01")
class KeepsItsFactory(SelectorLoop):
    def set_task_factory(self, factory: Any) -> None:
        super().set_task_factory(factory or self._task_factory)


@mutant(
    "TSK", bug="the future that create_future() makes belongs to the current loop, not to this one", source="TSK-06"
)
class MakesFuturesForTheCurrentLoop(SelectorLoop):
    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=asyncio._get_running_loop() or self)


@mutant("TSK", bug="callbacks run in the context of the run, and what they set stays set", source="TSK-07")
class RunsInOneContext(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        if isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):
            super()._run_handle(handle)
            return
        try:
            handle._callback(*handle._args)
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:  # noqa: BLE001 - what a loop does
            self.call_exception_handler({"message": "Exception in callback", "exception": error, "handle": handle})


@mutant("TSK", bug="call_at() and call_later() ignore the context that they are given", source="TSK-07")
class IgnoresTheContextOfTimers(SelectorLoop):
    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return super().call_at(when, callback, *args)


@mutant("TSK", bug="callbacks of readers run in an empty context", source="TSK-12")
class LosesTheContextOfReaders(SelectorLoop):
    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        return contextvars.Context().run(super()._add_reader, fd, callback, *args)


@mutant("TSK", bug="callbacks of signals run in an empty context", source="TSK-12")
class LosesTheContextOfSignals(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        contextvars.Context().run(super().add_signal_handler, sig, callback, *args)


@mutant(
    "TSK",
    bug="a factory that asks for an eager start is given a loop that is not running, as seen from the task",
    source="TSK-04",
)
class StartsEagerTasksLate(SelectorLoop):
    def create_task(self, coro: Any, **options: Any) -> Any:
        factory, self._task_factory = self._task_factory, None
        try:
            if factory is None or factory is not getattr(asyncio, "eager_task_factory", None):
                self._task_factory = factory
            return super().create_task(coro, **options)
        finally:
            self._task_factory = factory


@mutant(
    "TSK",
    bug="create_task() with an awaitable that is no coroutine makes a task that fails, instead of raising",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.create_task",
)
class WrapsAnything(SelectorLoop):
    def create_task(self, coro: Any, **options: Any) -> Any:
        async def wait() -> Any:
            return await coro

        return super().create_task(coro if asyncio.iscoroutine(coro) else wait(), **options)
