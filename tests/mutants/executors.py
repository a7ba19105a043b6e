"""Loops that use executors wrongly."""

from __future__ import annotations

import asyncio
import concurrent.futures
import warnings
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop


@mutant("EXE", bug="the executor that is named is not the one that runs the job", source="EXE-02")
class UsesItsOwn(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        return super().run_in_executor(None, func, *args)


@mutant("EXE", bug="the executor that is set as default is used only if there is none yet", source="EXE-03")
class KeepsTheFirstExecutor(SelectorLoop):
    def set_default_executor(self, executor: Any) -> None:
        before = self._default_executor
        super().set_default_executor(executor)
        self._default_executor = before or executor


@mutant("EXE", bug="anything may be set as the default executor", source="EXE-03")
class TakesAnyExecutor(SelectorLoop):
    def set_default_executor(self, executor: Any) -> None:
        self._default_executor = executor


@mutant("EXE", bug="after shutdown_default_executor() a new executor takes new jobs", source="EXE-04")
class RevivesItsExecutor(SelectorLoop):
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        await super().shutdown_default_executor(timeout)
        self._executor_shutdown_called = False
        self._default_executor = None


@mutant("EXE", bug="shutdown_default_executor() does not wait for running jobs", source="EXE-04")
class ShutsDownWithoutWaiting(SelectorLoop):
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self._executor_shutdown_called = True
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=False)


@mutant("EXE", bug="shutdown_default_executor() blocks the loop while it waits", source="EXE-04")
class BlocksWhileShuttingDown(SelectorLoop):
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        if self._default_executor is not None and timeout is None:
            self._default_executor.shutdown(wait=True)
        await super().shutdown_default_executor(timeout)


@mutant("EXE", bug="the time-out of shutdown_default_executor() passes without a warning", source="EXE-04")
class DoesNotWarnOfLateThreads(SelectorLoop):
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            await super().shutdown_default_executor(timeout)


@mutant("EXE", bug="close() waits for the jobs of the default executor", source="EXE-06")
class WaitsWhenClosing(SelectorLoop):
    def close(self) -> None:
        executor = None if self.is_running() else self._default_executor
        super().close()
        if executor is not None:
            executor.shutdown(wait=True)


@mutant("EXE", bug="close() does not shut the default executor down: its threads wait for ever", source="EXE-06")
class LeavesItsThreads(SelectorLoop):
    def close(self) -> None:
        if not self.is_running():
            self._default_executor = None
        super().close()


@mutant(
    "EXE",
    bug="a job that ends after the loop was closed calls back into it, and fails",
    source="https://github.com/python/cpython/issues/77650",
)
class CallsBackWhenClosed(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if not self._executor_shutdown_called and (used := executor or self._default_executor) is not None:
            executor = _CallingBack(self, used)
        return super().run_in_executor(executor, func, *args)


class _CallingBack:
    def __init__(self, loop: asyncio.AbstractEventLoop, executor: concurrent.futures.Executor) -> None:
        self._loop = loop
        self._executor = executor

    def submit(self, *call: Any) -> concurrent.futures.Future[Any]:
        job: concurrent.futures.Future[Any] = self._executor.submit(*call)
        job.add_done_callback(self._call_back)
        return job

    def _call_back(self, _: object) -> None:
        self._loop.call_soon_threadsafe(lambda: None)


@mutant(
    "EXE",
    bug="cancelling the future of a job that has not begun does not keep it from running",
    source="https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.Future.cancel",
)
class RunsTheCancelled(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        job = super().run_in_executor(executor, func, *args)
        result = self.create_future()

        def copy(done: Any) -> None:
            if result.done() or done.cancelled():
                result.cancel()
            elif error := done.exception():
                result.set_exception(error)
            else:
                result.set_result(done.result())

        job.add_done_callback(copy)
        return result


@mutant("EXE", bug="the threads of the default executor have no name of their own", source="EXE-08")
class NamesNoThreads(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if executor is None and self._default_executor is None and not self._executor_shutdown_called:
            self._check_closed()
            self._default_executor = concurrent.futures.ThreadPoolExecutor()
        return super().run_in_executor(executor, func, *args)


@mutant(
    "EXE",
    bug="jobs of the default executor run one after the other",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor",
)
class RunsOneAtATime(SelectorLoop):
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if executor is None and self._default_executor is None and not self._executor_shutdown_called:
            self._check_closed()
            self._default_executor = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="asyncio")
        return super().run_in_executor(executor, func, *args)
