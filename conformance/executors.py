"""EXE: run_in_executor() and the default executor, functions that block in threads beside the loop.

The loop hands a function to an executor and gets its result or exception back in a future, while it runs other things
itself. It owns one executor, the default one: it makes it when it is first needed, and shuts it down when it closes.
A function that has begun cannot be stopped; one that ends after its loop disturbs nobody.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import logging
import multiprocessing
import os
import sys
import threading
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon, turn
from .gates import FORK, Gate
from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The timeout of 3.12 has no effect: gh-111358.
WORKING_TIMEOUT = Gate("python-3.13", "needs Python 3.13 (gh-111358)", lambda: sys.version_info >= (3, 13))


@contextlib.contextmanager
def blocker() -> Iterator[Blocker]:
    """A function that blocks its thread until it is released, at the end at the latest."""
    blocking = Blocker()
    try:
        yield blocking
    finally:
        blocking.release.set()


class Blocker:
    """Blocks its thread.

    Attributes:
        begun: set when it is called.
        release: makes it return.
        ended: set before it returns.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.release.wait(PATIENCE)
        self.ended.set()
        return "released"


@contextlib.contextmanager
def complaints() -> Iterator[list[object]]:
    """Collect what threads raise, and what executors log instead of raising it."""
    found: list[object] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("concurrent.futures")
    logger.addHandler(handler)
    before, threading.excepthook = threading.excepthook, lambda told: found.append(told.exc_value)
    try:
        yield found
    finally:
        threading.excepthook = before
        logger.removeHandler(handler)


def fail() -> None:
    raise LookupError("on purpose")


# --- the default executor -----------------------------------------------------------------------------------


@shows("EXE-01")
async def function_runs_in_another_thread() -> None:
    thread = await soon(asyncio.get_running_loop().run_in_executor(None, threading.get_ident))
    assert thread != threading.get_ident()


@shows("EXE-01")
async def future_has_the_result() -> None:
    assert await soon(asyncio.get_running_loop().run_in_executor(None, max, 3, 5, 4)) == 5


@shows("EXE-01")
async def future_has_the_exception() -> None:
    with pytest.raises(LookupError, match="on purpose"):
        await soon(asyncio.get_running_loop().run_in_executor(None, fail))


@shows("EXE-01")
async def keywords_are_given_by_partial() -> None:
    made: functools.partial[dict[str, str]] = functools.partial(dict, key="value")
    assert await soon(asyncio.get_running_loop().run_in_executor(None, made)) == {"key": "value"}


@shows("EXE-01")
async def result_is_a_future_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, max, 1, 2)
    assert asyncio.isfuture(future)
    assert future.get_loop() is loop
    await soon(future)


@shows("EXE-01")
async def function_is_called_before_anybody_waits() -> None:
    with blocker() as blocking:
        future = asyncio.get_running_loop().run_in_executor(None, blocking)
        assert blocking.begun.wait(PATIENCE)
        blocking.release.set()
        await soon(future)


@shows("EXE-01")
async def loop_runs_while_a_function_blocks() -> None:
    with blocker() as blocking:
        future = asyncio.get_running_loop().run_in_executor(None, blocking)
        await settle(10)
        assert not future.done()
        blocking.release.set()
        assert await soon(future) == "released"


@shows("EXE-01")
async def functions_run_at_once() -> None:
    meeting = threading.Barrier(2)
    loop = asyncio.get_running_loop()
    both = (loop.run_in_executor(None, meeting.wait, PATIENCE) for _ in range(2))
    assert sorted(await soon(asyncio.gather(*both))) == [0, 1]


@shows("EXE-01")
async def each_future_has_its_own_result() -> None:
    loop = asyncio.get_running_loop()
    results = await soon(asyncio.gather(*(loop.run_in_executor(None, pow, number, 2) for number in range(100))))
    assert results == [number**2 for number in range(100)]


@shows("EXE-01")
async def end_of_a_function_wakes_the_loop() -> None:
    with blocker() as blocking:
        future = asyncio.get_running_loop().run_in_executor(None, blocking)
        releasing = threading.Timer(0.01, blocking.release.set)
        releasing.start()
        assert await soon(future) == "released"
        releasing.join()


@shows("EXE-08")
async def threads_of_the_default_executor_have_a_name() -> None:
    name = await soon(asyncio.get_running_loop().run_in_executor(None, lambda: threading.current_thread().name))
    assert name.startswith("asyncio")


# --- executors of the caller's ------------------------------------------------------------------------------


@shows("EXE-02")
async def given_threads_are_used() -> None:
    with ThreadPoolExecutor(1, "mine") as pool:
        future = asyncio.get_running_loop().run_in_executor(pool, lambda: threading.current_thread().name)
        assert (await soon(future)).startswith("mine")


@shows("EXE-02", FORK)
async def given_processes_are_used() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process that may have threads
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            loop = asyncio.get_running_loop()
            assert await soon(loop.run_in_executor(pool, os.getpid)) != os.getpid()
            with pytest.raises(ValueError):
                await soon(loop.run_in_executor(pool, int, "no number"))


class Immediate(Executor):
    """Calls functions at once, in the thread that submits them."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


@shows("EXE-02")
async def executor_of_any_kind_is_used() -> None:
    future = asyncio.get_running_loop().run_in_executor(Immediate(), threading.get_ident)
    assert await soon(future) == threading.get_ident()


@shows("EXE-02")
async def default_executor_can_be_set() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "mine") as pool:
        loop.set_default_executor(pool)
        future = loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert (await soon(future)).startswith("mine")


@shows("EXE-02")
async def cancelled_function_that_has_not_begun_is_not_called() -> None:
    loop = asyncio.get_running_loop()
    called = threading.Event()
    with blocker() as blocking, ThreadPoolExecutor(1) as pool:
        first = loop.run_in_executor(pool, blocking)
        second = loop.run_in_executor(pool, called.set)
        second.cancel()
        await settle()
        blocking.release.set()
        await soon(first)
        await soon(loop.run_in_executor(pool, max, 1, 2))
        assert second.cancelled()
        assert not called.is_set()


@shows("EXE-02")
async def cancelled_function_that_has_begun_goes_on() -> None:
    loop = asyncio.get_running_loop()
    with blocker() as blocking, ThreadPoolExecutor(1) as pool:
        future = loop.run_in_executor(pool, blocking)
        assert blocking.begun.wait(PATIENCE)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(future)
        blocking.release.set()
        await soon(loop.run_in_executor(pool, max, 1, 2))
        assert blocking.ended.is_set()


@shows("EXE-02")
async def executor_that_was_shut_down_is_refused() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        await soon(asyncio.get_running_loop().run_in_executor(pool, max, 1, 2))


@shows("EXE-03")
@pytest.mark.parametrize("executor", [object(), Immediate()], ids=["object", "executor"])
async def default_executor_that_is_no_pool_of_threads_is_refused(executor: Any) -> None:
    with pytest.raises(TypeError):
        asyncio.get_running_loop().set_default_executor(executor)


@shows("EXE-03", FORK)
async def default_executor_of_processes_is_refused() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool, pytest.raises(TypeError):
        asyncio.get_running_loop().set_default_executor(pool)


def interpreters() -> Any:
    """Make a pool of interpreters, which Python has since 3.14."""
    pools: Any = concurrent.futures
    return pools.InterpreterPoolExecutor(1)


@shows("EXE-11")
async def given_interpreters_are_used() -> None:
    with interpreters() as pool:
        loop = asyncio.get_running_loop()
        assert await soon(loop.run_in_executor(pool, max, 1, 2)) == 2


@shows("EXE-11")
async def default_executor_may_be_of_interpreters() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(interpreters())
    assert await soon(loop.run_in_executor(None, max, 1, 2)) == 2
    await soon(loop.shutdown_default_executor())


# --- shutting the default executor down ---------------------------------------------------------------------


@shows("EXE-04")
async def shutdown_waits_for_a_function() -> None:
    loop = asyncio.get_running_loop()
    with blocker() as blocking:
        future = loop.run_in_executor(None, blocking)
        assert blocking.begun.wait(PATIENCE)
        ending = asyncio.ensure_future(loop.shutdown_default_executor())
        await settle(10)
        before = ending.done()
        blocking.release.set()
        await soon(ending)
        assert (before, blocking.ended.is_set()) == (False, True)
        await soon(future)


@shows("EXE-12")
async def cancelled_shutdown_ends_at_once() -> None:
    loop = asyncio.get_running_loop()
    with blocker() as blocking:
        future = loop.run_in_executor(None, blocking)
        await soon(loop.run_in_executor(None, blocking.begun.wait, PATIENCE))
        ending = asyncio.ensure_future(loop.shutdown_default_executor())
        await settle()
        waiting = not ending.done()  # EXE-04 is about those who do not wait
        release = threading.Timer(1, blocking.release.set)  # a loop that waits would wait for ever
        release.start()
        ending.cancel()
        await asyncio.wait({ending}, timeout=PATIENCE)
        ended = not blocking.ended.is_set()
        release.cancel()
        blocking.release.set()
        await soon(future)
        release.join()
        assert ended, "it waited for the function"
        if waiting:
            assert ending.cancelled()
            with pytest.raises(RuntimeError):
                await soon(loop.run_in_executor(None, max, 1, 2))


@shows("EXE-04")
async def shutdown_waits_for_the_threads() -> None:
    loop = asyncio.get_running_loop()
    thread = await soon(loop.run_in_executor(None, threading.current_thread))
    await soon(loop.shutdown_default_executor())
    assert not thread.is_alive()


@shows("EXE-04")
async def shutdown_waits_for_the_executor_that_was_set() -> None:
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1)
    loop.set_default_executor(pool)
    await soon(loop.run_in_executor(None, max, 1, 2))
    await soon(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError):
        pool.submit(max, 1, 2)


@shows("EXE-04")
@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
async def default_executor_is_refused_after_shutdown(used: bool) -> None:
    loop = asyncio.get_running_loop()
    if used:
        await soon(loop.run_in_executor(None, max, 1, 2))
    await soon(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError):
        await soon(loop.run_in_executor(None, max, 1, 2))


@shows("EXE-04")
async def other_executors_are_used_after_shutdown() -> None:
    loop = asyncio.get_running_loop()
    await soon(loop.shutdown_default_executor())
    with ThreadPoolExecutor(1) as pool:
        assert await soon(loop.run_in_executor(pool, max, 1, 2)) == 2


@shows("EXE-04")
async def shutdown_can_be_repeated() -> None:
    loop = asyncio.get_running_loop()
    await soon(loop.run_in_executor(None, max, 1, 2))
    await soon(loop.shutdown_default_executor())
    await soon(loop.shutdown_default_executor())


@shows("EXE-04", WORKING_TIMEOUT)
async def shutdown_with_a_timeout_warns_and_goes_on() -> None:
    loop: Any = asyncio.get_running_loop()
    with blocker() as blocking, ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        future = loop.run_in_executor(None, blocking)
        assert blocking.begun.wait(PATIENCE)
        with pytest.warns(RuntimeWarning):
            await soon(loop.shutdown_default_executor(timeout=0.001))
        assert not blocking.ended.is_set()
        blocking.release.set()
        await soon(future)


# --- the end of the loop ------------------------------------------------------------------------------------


@shows("EXE-05")
@pytest.mark.parametrize("cancelled", [False, True], ids=["awaited", "cancelled"])
def function_that_outlives_its_loop_ends_quietly(loop: asyncio.AbstractEventLoop, cancelled: bool) -> None:
    called: list[object] = []
    with complaints() as found:
        with ThreadPoolExecutor(1) as pool, blocker() as blocking:
            loop.set_default_executor(pool)
            future = loop.run_in_executor(None, blocking)
            turn(loop)
            assert blocking.begun.wait(PATIENCE)
            if cancelled:
                future.cancel()
                turn(loop, 2)
            future.add_done_callback(called.append)
            loop.close()
        # The pool has waited for its thread.
        assert blocking.ended.is_set()
    assert found == []
    assert called == []


@shows("EXE-06")
def close_does_not_wait_for_a_function(loop: asyncio.AbstractEventLoop) -> None:
    with blocker() as blocking:
        loop.run_in_executor(None, blocking)
        assert blocking.begun.wait(PATIENCE)
        loop.close()
        assert not blocking.ended.is_set()


@shows("EXE-06")
def close_shuts_the_default_executor_down(loop: asyncio.AbstractEventLoop) -> None:
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        loop.run_until_complete(loop.run_in_executor(None, max, 1, 2))
        loop.close()
        with pytest.raises(RuntimeError):
            pool.submit(max, 1, 2)


@shows("EXE-06")
def close_ends_the_idle_threads(loop: asyncio.AbstractEventLoop) -> None:
    thread = loop.run_until_complete(loop.run_in_executor(None, threading.current_thread))
    loop.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@shows("EXE-07")
async def coroutine_function_is_refused_in_debug_mode() -> None:
    async def function() -> None: ...

    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    with pytest.raises(TypeError):
        loop.run_in_executor(None, function)


# --- to_thread() --------------------------------------------------------------------------------------------

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


@shows("EXE-09")
async def to_thread_gives_the_variables_of_its_caller() -> None:
    VARIABLE.set("caller's")
    assert await soon(asyncio.to_thread(VARIABLE.get)) == "caller's"


@shows("EXE-09")
async def to_thread_keeps_the_variables_of_its_caller() -> None:
    VARIABLE.set("caller's")
    await soon(asyncio.to_thread(VARIABLE.set, "thread's"))
    assert VARIABLE.get() == "caller's"


@shows("EXE-09")
async def to_thread_gives_each_function_its_own_variables() -> None:
    async def ask(value: str) -> str:
        VARIABLE.set(value)
        return await asyncio.to_thread(VARIABLE.get)

    assert await soon(asyncio.gather(*(ask(str(number)) for number in range(10)))) == [*map(str, range(10))]


@shows("EXE-09")
async def to_thread_passes_arguments_and_keywords() -> None:
    assert await soon(asyncio.to_thread(sorted, [1, 3, 2], reverse=True)) == [3, 2, 1]


@shows("EXE-09")
async def to_thread_raises_what_the_function_raises() -> None:
    with pytest.raises(LookupError, match="on purpose"):
        await soon(asyncio.to_thread(fail))


# EXE-10: another default executor


@shows("EXE-10")
async def default_executor_that_was_used_is_replaced() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "first") as first, ThreadPoolExecutor(1, "second") as second:
        for executor, name in [(first, "first_0"), (second, "second_0")]:
            loop.set_default_executor(executor)
            thread = await soon(loop.run_in_executor(None, threading.current_thread))
            assert thread.name == name
