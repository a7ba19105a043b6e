"""DBG: debug mode.

In debug mode a loop looks over its user's shoulder: it says which callback is slow and where it was scheduled, and it
refuses calls from the wrong thread. Out of debug mode it does none of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, turn
from .logs import logged, text_of
from .peers import PATIENCE, InThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .subject import Exploring, LoopFactory

HERE = Path(__file__).name
SLOW = 0.05
"""Seconds that slow callbacks take: more than a step of Windows' clock, 15.6 ms."""


@contextlib.contextmanager
def debugging(loop: asyncio.AbstractEventLoop, debug: bool = True) -> Iterator[None]:
    """Switch debug mode on, or off, for the length of the block."""
    before = loop.get_debug()
    loop.set_debug(debug)
    try:
        yield
    finally:
        loop.set_debug(before)


def do_nothing() -> None: ...


# DBG-01: switching


@shows("DBG-01")
async def debug_mode_is_what_was_set() -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_debug()
    for debug in (True, False, True):
        loop.set_debug(debug)
        assert loop.get_debug() is debug
    loop.set_debug(before)


# Loops read the variable when they are made, as the standard library's do; so it counts for this one as if the
# interpreter had been started with it.
@pytest.mark.parametrize("value", ["1", "0", "", None], ids=["set", "zero", "empty", "unset"])
@shows("DBG-01")
def environment_sets_debug_mode(value: str | None, new_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)
    else:
        monkeypatch.setenv("PYTHONASYNCIODEBUG", value)
    loop = new_loop()
    assert loop.get_debug() is (bool(value) or sys.flags.dev_mode)
    loop.close()


@pytest.mark.parametrize("options", [["-X", "dev"], []], ids=["development", "ordinary"])
@pytest.mark.usefixtures("new_loop")  # a guest's loop is made by its host
@shows("DBG-06")
def development_mode_sets_debug_mode(options: list[str], exploring: Exploring) -> None:
    """It takes the start of an interpreter."""
    program = f"import asyncio, sys\nsys.path[:] = {sys.path!r}\n{exploring.factory}\nloop = new_loop()\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = subprocess.run(
        [sys.executable, *options, "-W", "ignore", "-c", program + "print(loop.get_debug())\nloop.close()"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env=environment,
        text=True,
    )
    assert told.stdout.split() == [str(bool(options))], told.stderr


@pytest.mark.parametrize("debug", [True, False])
@shows("DBG-01")
def runner_sets_debug_mode(debug: bool, loop: asyncio.AbstractEventLoop) -> None:
    async def get_debug() -> bool:
        return asyncio.get_running_loop().get_debug()

    with asyncio.Runner(debug=debug, loop_factory=lambda: loop) as runner:
        assert runner.run(get_debug()) is debug


# DBG-02: slow callbacks


def be_slow() -> None:
    time.sleep(SLOW)


async def be_slow_in_a_task() -> None:
    time.sleep(SLOW)  # noqa: ASYNC251 - standing still is the claim


SLOW_WAYS: dict[str, tuple[str, Callable[[asyncio.AbstractEventLoop], object]]] = {
    "callback": ("be_slow", lambda loop: loop.call_soon(be_slow)),
    "threadsafe callback": ("be_slow", lambda loop: loop.call_soon_threadsafe(be_slow)),
    "timer": ("be_slow", lambda loop: loop.call_later(0.001, be_slow)),
    "task": ("be_slow_in_a_task", lambda loop: loop.create_task(be_slow_in_a_task())),
}


async def _warnings_of(way: str, limit: float | None, debug: bool = True) -> list[logging.LogRecord]:
    """Be slow in some way; return the warnings that come of it."""
    loop: Any = asyncio.get_running_loop()
    if limit is not None:
        loop.slow_callback_duration = limit
    with debugging(loop, debug), logged() as records:
        kept = SLOW_WAYS[way][1](loop)
        await asyncio.sleep(2 * SLOW)
        await settle()
        del kept
    # Of this callback only: that the loop is slow on its own account is nobody's claim.
    return [record for record in records if SLOW_WAYS[way][0] in record.getMessage()]


@pytest.mark.parametrize("way", SLOW_WAYS)
@shows("DBG-02")
async def slow_callback_is_logged(way: str) -> None:
    records = await _warnings_of(way, 0.01)
    assert [record.levelno for record in records] == [logging.WARNING]
    duration = re.search(r"(\d+\.\d+) seconds", records[0].getMessage())
    assert duration, records[0].getMessage()
    assert float(duration[1]) >= 0.6 * SLOW  # a clock of steps may measure two less than passed


@pytest.mark.parametrize("way", SLOW_WAYS)
@shows("DBG-02")
async def slow_callback_is_not_logged_without_debug_mode(way: str) -> None:
    assert await _warnings_of(way, 0.01, debug=False) == []


@pytest.mark.parametrize("way", SLOW_WAYS)
@shows("DBG-02")
async def callback_below_the_limit_is_not_logged(way: str) -> None:
    assert await _warnings_of(way, 60) == []


@shows("DBG-02")
async def limit_is_a_tenth_of_a_second_at_first() -> None:
    loop: Any = asyncio.get_running_loop()
    assert loop.slow_callback_duration == 0.1


# DBG-03: the wrong thread


CALLS: dict[str, Callable[[asyncio.AbstractEventLoop], asyncio.Handle]] = {
    "call_soon": lambda loop: loop.call_soon(do_nothing),
    "call_later": lambda loop: loop.call_later(60, do_nothing),
    "call_at": lambda loop: loop.call_at(loop.time() + 60, do_nothing),
}
every_call = pytest.mark.parametrize("method", CALLS)


@every_call
@shows("DBG-03")
async def another_thread_is_refused(method: str, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    with debugging(loop), pytest.raises(RuntimeError):
        in_thread(CALLS[method], loop).result(PATIENCE).cancel()


@every_call
@shows("DBG-03")
async def another_thread_is_not_refused_without_debug_mode(method: str, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    with debugging(loop, debug=False):
        in_thread(CALLS[method], loop).result(PATIENCE).cancel()  # the loop's thread stands here meanwhile


@every_call
@shows("DBG-03")
async def own_thread_is_not_refused(method: str) -> None:
    loop = asyncio.get_running_loop()
    with debugging(loop):
        CALLS[method](loop).cancel()


@shows("DBG-03")
async def another_thread_may_call_the_safe_method(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    with debugging(loop):
        in_thread(loop.call_soon_threadsafe, called.set_result, None)
        await called


# DBG-04: where callbacks come from


def fail() -> None:
    raise LookupError("as it should")


HANDLES: dict[str, Callable[[asyncio.AbstractEventLoop, Callable[[], object]], asyncio.Handle]] = {
    "call_soon": lambda loop, callback: loop.call_soon(callback),
    "call_soon_threadsafe": lambda loop, callback: loop.call_soon_threadsafe(callback),
    "call_later": lambda loop, callback: loop.call_later(0.001, callback),
    "call_at": lambda loop, callback: loop.call_at(loop.time() + 0.001, callback),
}
every_handle = pytest.mark.parametrize("method", HANDLES)


@every_handle
@shows("DBG-04")
async def repr_tells_where_a_callback_was_scheduled(method: str) -> None:
    loop = asyncio.get_running_loop()
    with debugging(loop):
        handle = HANDLES[method](loop, time.monotonic)  # a function of another file: this one is the scheduler's
        text = repr(handle)
        handle.cancel()
    line = HANDLES[method].__code__.co_firstlineno
    assert re.search(rf"{re.escape(HERE)}:{line}\b", text), text


async def _report_on(method: str, debug: bool) -> dict[str, Any]:
    """Let a callback fail; return what the exception handler is told."""
    loop = asyncio.get_running_loop()
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments[-1]))
    with debugging(loop, debug):
        HANDLES[method](loop, fail)
        for _ in range(100):
            await asyncio.sleep(0 if reports else 0.001)
    assert len(reports) == 1
    return reports[0]


@every_handle
@shows("DBG-04")
async def report_tells_where_a_callback_was_scheduled(method: str) -> None:
    report = await _report_on(method, debug=True)
    assert "_report_on" in [frame.name for frame in report["source_traceback"]]


@every_handle
@shows("DBG-04")
async def report_tells_no_place_without_debug_mode(method: str) -> None:
    assert "source_traceback" not in await _report_on(method, debug=False)


@shows("DBG-04")
async def log_tells_where_a_callback_was_scheduled() -> None:
    loop = asyncio.get_running_loop()
    with debugging(loop), logged() as records:
        loop.call_soon(fail)
        await settle()
    assert "log_tells_where_a_callback_was_scheduled" in text_of(records)


# DBG-05: where coroutines come from


@contextlib.contextmanager
def origin_depth(depth: int) -> Iterator[None]:
    before = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(depth)
    try:
        yield
    finally:
        sys.set_coroutine_origin_tracking_depth(before)


async def _depth() -> int:
    return sys.get_coroutine_origin_tracking_depth()


@pytest.mark.parametrize("depth", [0, 3])
@shows("DBG-05")
def debug_run_tracks_origins(depth: int, loop: asyncio.AbstractEventLoop) -> None:
    with origin_depth(depth), debugging(loop):
        assert loop.run_until_complete(_depth()) > depth
        assert sys.get_coroutine_origin_tracking_depth() == depth


@shows("DBG-05")
def run_without_debug_mode_tracks_nothing(loop: asyncio.AbstractEventLoop) -> None:
    with origin_depth(0), debugging(loop, debug=False):
        assert loop.run_until_complete(_depth()) == 0


@shows("DBG-05")
def depth_is_restored_after_an_exception(loop: asyncio.AbstractEventLoop) -> None:
    def exit_now() -> None:
        raise SystemExit

    with origin_depth(3), debugging(loop):
        loop.call_soon(exit_now)
        with pytest.raises(SystemExit):
            turn(loop)
        assert sys.get_coroutine_origin_tracking_depth() == 3


@shows("DBG-05")
def switching_within_a_run_takes_effect(loop: asyncio.AbstractEventLoop) -> None:
    async def switch() -> list[int]:
        depths = []
        for debug in (True, False):
            loop.set_debug(debug)
            await settle()
            depths.append(await _depth())
        return depths

    with origin_depth(0), debugging(loop, debug=False):
        on, off = loop.run_until_complete(switch())
        assert on > 0
        assert off == 0
