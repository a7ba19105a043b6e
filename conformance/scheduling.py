"""SCH: call_soon(), call_later(), call_at(), running and stopping, and the loop's clock.

Callbacks run in the order of their registration, in batches: what one schedules belongs to the next,
and between two batches the loop looks at I/O and at timers. A timer never fires early; how late it fires
depends on the machine, so no case asserts it. A stopped loop keeps all it was given, and can be run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import math
import socket
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .declare import shows
from .driving import run_until, turn
from .gates import POSIX, Gate
from .peers import PATIENCE, InThread
from .scripts.searching import search_schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .subject import Exploring, LoopFactory, Observe

SocketPair: TypeAlias = tuple[socket.socket, socket.socket]

COARSEST_TICKS = 0.05  # seconds: three of Windows'
CLOCK_TICK = time.get_clock_info("monotonic").resolution
FAR = 3600.0  # seconds: a timer that does not fire while a case runs
SOON = 0.001
SHUFFLED = (5, 17, 6, 18, 19, 7, 8, 20, 21, 22, 23, 9, 10, 11, 12, 0, 13, 1, 14, 2, 15, 3, 16, 4)
RESCUE = 1.0  # seconds: long after the loop should have stopped

FINE_CLOCK = Gate(
    "fine-clock",
    "needs a monotonic clock that is finer than a millisecond",
    lambda: CLOCK_TICK < 0.001,
    never_on=("win32",) if sys.version_info < (3, 13) else (),  # GetTickCount64 until then
)

METHODS = ("call_soon", "call_later", "call_at")
each_method = pytest.mark.parametrize("method", METHODS)
each_timer = pytest.mark.parametrize("method", METHODS[1:])


def schedule(
    loop: asyncio.AbstractEventLoop,
    method: str,
    *callback_and_arguments: Any,
    delay: float = SOON,
    **keywords: Any,
) -> asyncio.Handle:
    """Call one of the three scheduling methods; the timers are due after `delay`."""
    when = {"call_soon": (), "call_later": (delay,), "call_at": (loop.time() + delay,)}[method]
    handle: asyncio.Handle = getattr(loop, method)(*when, *callback_and_arguments, **keywords)
    return handle


async def everything_registered_ran() -> None:
    """Wait for a callback at the end of the queue: all that were in it before have run."""
    loop = asyncio.get_running_loop()
    reached = loop.create_future()
    loop.call_soon(reached.set_result, None)
    await reached


async def return_after_iterations(result: str) -> str:
    """Take a few iterations of the loop, so that a stop() left over from before would be noticed."""
    for _ in range(5):
        await asyncio.sleep(0)
    return result


async def fail_with(error: BaseException) -> None:
    raise error


@contextlib.contextmanager
def rescued(loop: asyncio.AbstractEventLoop) -> Iterator[list[str]]:
    """Stop the loop if it does not end by itself, and say so: a case then fails instead of hanging."""
    rescues: list[str] = []

    def rescue() -> None:
        rescues.append(f"the loop still ran after {RESCUE} s")
        loop.stop()

    timer = loop.call_later(RESCUE, rescue)
    try:
        yield rescues
    finally:
        timer.cancel()


@contextlib.contextmanager
def debug_mode(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    before = loop.get_debug()
    loop.set_debug(True)
    try:
        yield
    finally:
        loop.set_debug(before)


# Registering callbacks


@shows("SCH-01")
async def call_soon_passes_positional_arguments() -> None:
    called = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda *arguments: called.set_result(arguments), 1, "two", None)
    assert await called == (1, "two", None)


@shows("SCH-01")
async def call_soon_calls_in_the_order_of_registration() -> None:
    calls: list[int] = []
    for number in range(50):
        asyncio.get_running_loop().call_soon(calls.append, number)
    await everything_registered_ran()
    assert calls == list(range(50))


@shows("SCH-01")
async def call_soon_takes_any_number_of_callbacks() -> None:
    calls: list[int] = []
    for number in range(20_000):
        asyncio.get_running_loop().call_soon(calls.append, number)
    await everything_registered_ran()
    assert calls == list(range(20_000))


@shows("SCH-01")
async def call_soon_calls_once() -> None:
    calls: list[str] = []
    asyncio.get_running_loop().call_soon(calls.append, "called")
    for _ in range(3):
        await everything_registered_ran()
    assert calls == ["called"]


@shows("SCH-02")
async def call_soon_in_a_callback_returns_before_the_new_callback_runs() -> None:
    loop = asyncio.get_running_loop()
    trace: list[str] = []

    def outer() -> None:
        loop.call_soon(trace.append, "inner")
        trace.append("outer ends")

    loop.call_soon(outer)
    while len(trace) < 2:
        await everything_registered_ran()
    assert trace == ["outer ends", "inner"]


@shows("SCH-02")
async def callback_of_a_callback_runs_after_all_registered_before() -> None:
    loop = asyncio.get_running_loop()
    trace: list[str] = []

    def first() -> None:
        trace.append("first")
        loop.call_soon(trace.append, "third")

    loop.call_soon(first)
    loop.call_soon(trace.append, "second")
    while len(trace) < 3:
        await everything_registered_ran()
    assert trace == ["first", "second", "third"]


@shows("SCH-03")
@pytest.mark.parametrize("cancelled", [{0}, {2}, {4}, {1, 2, 3}, {0, 1, 2, 3, 4}], ids=str)
async def cancelled_callbacks_are_skipped(cancelled: set[int]) -> None:
    calls: list[int] = []
    handles = [asyncio.get_running_loop().call_soon(functools.partial(calls.append, number)) for number in range(5)]
    for number in cancelled:
        handles[number].cancel()
    await everything_registered_ran()
    assert calls == [number for number in range(5) if number not in cancelled]


@shows("SCH-03")
@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def cancelled_callback_is_skipped_whatever_its_number_of_arguments(count: int) -> None:
    calls: list[object] = []
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda *arguments: calls.append(arguments), *range(count)).cancel()
    await everything_registered_ran()
    assert calls == []


@shows("SCH-03")
async def callback_cancels_a_later_one_of_its_batch() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    victims: list[asyncio.Handle] = []
    loop.call_soon(lambda: victims[0].cancel())
    victims.append(loop.call_soon(lambda: calls.append("victim")))
    loop.call_soon(lambda: calls.append("neighbour"))
    await everything_registered_ran()
    assert calls == ["neighbour"]


@shows("SCH-03")
@each_timer
async def cancelled_timer_does_not_fire(method: str) -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    later = loop.create_future()
    schedule(loop, method, calls.append, "cancelled").cancel()
    schedule(loop, method, later.set_result, None, delay=3 * SOON)
    await later
    assert calls == []


@shows("SCH-03")
async def cancelling_twice_is_harmless() -> None:
    calls: list[str] = []
    handle = asyncio.get_running_loop().call_soon(lambda: calls.append("cancelled"))
    handle.cancel()
    handle.cancel()
    await everything_registered_ran()
    assert calls == []


@shows("SCH-04")
@each_method
async def callback_cancels_its_own_handle(method: str) -> None:
    loop = asyncio.get_running_loop()
    reports: list[dict[str, Any]] = []
    ended = loop.create_future()

    def cancel_itself(argument: str) -> None:
        handle.cancel()
        ended.set_result(argument)

    loop.set_exception_handler(lambda *arguments: reports.append(arguments[-1]))
    handle = schedule(loop, method, cancel_itself, "still there")
    try:
        assert await ended == "still there"
        await everything_registered_ran()
    finally:
        loop.set_exception_handler(None)
    assert reports == []


async def a_coroutine_function() -> None: ...


@shows("SCH-05")
@each_method
@pytest.mark.parametrize("callback", [1, a_coroutine_function], ids=["int", "coroutine-function"])
async def debug_mode_rejects_what_is_no_callback(method: str, callback: Any) -> None:
    loop = asyncio.get_running_loop()
    with debug_mode(loop), pytest.raises(TypeError):
        schedule(loop, method, callback, delay=FAR).cancel()


@shows("SCH-05")
@each_method
async def debug_mode_rejects_a_coroutine(method: str) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.closing(a_coroutine_function()) as coroutine, debug_mode(loop), pytest.raises(TypeError):
        schedule(loop, method, coroutine, delay=FAR).cancel()


@shows("SCH-06")
@each_method
async def scheduling_rejects_unknown_keywords(method: str) -> None:
    with pytest.raises(TypeError):
        schedule(asyncio.get_running_loop(), method, print, delay=FAR, flush=True).cancel()


@shows("SCH-06")
@each_method
async def scheduling_requires_a_callback(method: str) -> None:
    with pytest.raises(TypeError):
        schedule(asyncio.get_running_loop(), method, delay=FAR).cancel()


@shows("SCH-06")
@each_timer
async def timers_reject_none_as_their_time(method: str) -> None:
    nothing: Any = None
    with pytest.raises(TypeError):
        getattr(asyncio.get_running_loop(), method)(nothing, print).cancel()


# Stopping


@shows("SCH-07")
def stop_lets_the_rest_of_the_batch_run(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(calls.append, "rest")
    loop.run_forever()
    assert calls == ["rest"]


@shows("SCH-07")
def callback_scheduled_by_the_batch_of_a_stop_waits_for_the_next_run(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []

    def stop_and_schedule() -> None:
        loop.stop()
        loop.call_soon(calls.append, "new")

    loop.call_soon(stop_and_schedule)
    loop.run_forever()
    assert calls == [], "a callback scheduled after stop() ran before run_forever() returned"


@shows("SCH-07")
def callback_that_did_not_run_before_a_stop_is_kept_for_the_next_run(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []

    def stop_and_schedule() -> None:
        loop.stop()
        loop.call_soon(loop.call_soon, loop.call_soon, calls.append, "kept")

    loop.call_soon(stop_and_schedule)
    loop.run_forever()
    run_until(loop, lambda: bool(calls))
    assert calls == ["kept"]


@shows("SCH-08")
def callbacks_around_a_stop_run_in_the_same_pass(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    loop.call_soon(calls.append, "before")
    loop.stop()
    loop.call_soon(calls.append, "after")
    loop.run_forever()
    assert calls == ["before", "after"]


@shows("SCH-09")
def run_after_stop_runs_what_is_ready(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    loop.call_soon(calls.append, "ready")
    loop.stop()
    loop.run_forever()
    assert calls == ["ready"]


@shows("SCH-09")
def run_after_stop_does_not_wait_for_timers(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    timer = loop.call_later(0.2, calls.append, "timer")
    loop.stop()
    loop.run_forever()
    timer.cancel()
    assert calls == []


@shows("SCH-09")
def run_after_stop_polls_for_io(loop: asyncio.AbstractEventLoop, socket_pair: SocketPair) -> None:
    here, there = socket_pair
    received: list[bytes] = []
    loop.add_reader(here.fileno(), lambda: received.append(here.recv(1)))
    there.send(b"x")
    loop.stop()
    loop.run_forever()
    loop.remove_reader(here.fileno())
    assert received == [b"x"]


@shows("SCH-09")
def run_after_stop_and_run_is_not_stopped_again(loop: asyncio.AbstractEventLoop) -> None:
    loop.stop()
    loop.run_forever()
    assert loop.run_until_complete(return_after_iterations("ran")) == "ran"


@shows("SCH-10")
def run_once_idiom_runs_what_is_ready(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    for word in ("first", "second", "third"):
        loop.call_soon(calls.append, word)
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert calls == ["first", "second", "third"]


@shows("SCH-10")
def run_once_idiom_does_not_wait_for_timers(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    timer = loop.call_later(0.2, calls.append, "timer")
    loop.call_soon(loop.stop)
    loop.run_forever()
    timer.cancel()
    assert calls == []


@shows("SCH-10")
def run_once_idiom_serves_io(loop: asyncio.AbstractEventLoop, socket_pair: SocketPair) -> None:
    here, there = socket_pair
    received: list[bytes] = []
    loop.add_reader(here.fileno(), lambda: received.append(here.recv(1)))
    there.send(b"x")
    run_until(loop, lambda: bool(received), turns=3)
    loop.remove_reader(here.fileno())
    assert received == [b"x"]


@shows("SCH-11")
def io_event_is_delivered_once_if_the_loop_stops_first(
    loop: asyncio.AbstractEventLoop, socket_pair: SocketPair
) -> None:
    here, there = socket_pair
    calls: list[str] = []

    def serve() -> None:
        calls.append("served")
        with contextlib.suppress(BlockingIOError):  # nothing left to read: the call that is one too many
            here.recv(1)

    loop.add_reader(here.fileno(), serve)
    there.send(b"x")
    for _ in range(2):
        loop.stop()
        loop.run_forever()
    turn(loop, 3)
    loop.remove_reader(here.fileno())
    assert calls == ["served"]


@shows("SCH-11")
def io_event_is_delivered_once_if_its_callback_stops_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Both sockets are ready in one poll, and whichever callback runs first stops the loop."""
    calls: list[str] = []
    with contextlib.ExitStack() as stack:
        for name in ("one", "other"):
            here, there = socket.socketpair()
            stack.enter_context(here)
            stack.enter_context(there)
            here.setblocking(False)
            there.send(b"x")

            def serve(name: str = name, here: socket.socket = here) -> None:
                calls.append(name)
                with contextlib.suppress(BlockingIOError):  # nothing left to read: the call that is one too many
                    here.recv(1)
                loop.stop()

            loop.add_reader(here.fileno(), serve)
            stack.callback(loop.remove_reader, here.fileno())
        loop.run_forever()
        turn(loop, 3)
    assert sorted(calls) == ["one", "other"]


@shows("SCH-12")
def loop_runs_again_after_stop(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    for word in ("first", "second"):
        loop.call_later(SOON, calls.append, word)
        loop.call_later(2 * SOON, loop.stop)
        loop.run_forever()
    assert calls == ["first", "second"]


@shows("SCH-12")
def loop_runs_again_after_completing_a_future(loop: asyncio.AbstractEventLoop) -> None:
    results = [loop.run_until_complete(return_after_iterations(word)) for word in ("first", "second")]
    assert results == ["first", "second"]


@shows("SCH-12")
def task_goes_on_in_the_next_run(loop: asyncio.AbstractEventLoop) -> None:
    steps: list[str] = []
    go_on = loop.create_future()

    async def work() -> str:
        steps.append("begun")
        return str(await go_on)

    task = loop.create_task(work())
    run_until(loop, lambda: bool(steps))
    go_on.set_result("finished")
    assert loop.run_until_complete(task) == "finished"


# run_until_complete()


@shows("SCH-13")
def run_until_complete_returns_the_result(loop: asyncio.AbstractEventLoop) -> None:
    result = object()
    future = loop.create_future()
    loop.call_soon(future.set_result, result)
    assert loop.run_until_complete(future) is result


@shows("SCH-13")
def run_until_complete_returns_a_result_that_is_already_there(loop: asyncio.AbstractEventLoop) -> None:
    future = loop.create_future()
    future.set_result("there")
    assert loop.run_until_complete(future) == "there"


@shows("SCH-13")
@pytest.mark.parametrize("error", [ValueError("mine"), TimeoutError(), StopAsyncIteration()], ids=repr)
def run_until_complete_raises_the_exception(loop: asyncio.AbstractEventLoop, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        loop.run_until_complete(fail_with(error))
    assert caught.value is error


@shows("SCH-13")
def run_until_complete_of_a_cancelled_future_raises_cancelled_error(loop: asyncio.AbstractEventLoop) -> None:
    future = loop.create_future()
    loop.call_soon(future.cancel)
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(future)


@shows("SCH-14")
@pytest.mark.parametrize("kind", ["coroutine", "task", "future"])
def run_until_complete_takes_a(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    awaitable: Any = return_after_iterations("result")
    if kind == "task":
        awaitable = loop.create_task(awaitable)
    elif kind == "future":
        awaitable.close()
        awaitable = loop.create_future()
        loop.call_soon(awaitable.set_result, "result")
    assert loop.run_until_complete(awaitable) == "result"


@shows("SCH-14")
@pytest.mark.parametrize(
    "thing", [None, 1, "text", a_coroutine_function], ids=["None", "int", "str", "coroutine-function"]
)
def run_until_complete_rejects(loop: asyncio.AbstractEventLoop, thing: Any) -> None:
    with pytest.raises(TypeError):
        loop.run_until_complete(thing)


@shows("SCH-15")
def run_until_complete_rejects_a_future_of_another_loop(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    strange = new_loop().create_future()
    strange.set_result(None)
    with pytest.raises(ValueError):
        loop.run_until_complete(strange)


@shows("SCH-16")
def run_until_complete_that_is_stopped_early_raises(loop: asyncio.AbstractEventLoop) -> None:
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError):
        loop.run_until_complete(future)


@shows("SCH-17")
async def run_forever_on_a_running_loop_raises() -> None:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop().run_forever()


@shows("SCH-17")
async def run_until_complete_on_a_running_loop_raises() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(RuntimeError):
        loop.run_until_complete(loop.create_future())


@shows("SCH-17")
async def loop_goes_on_after_it_refused_to_run_again() -> None:
    loop = asyncio.get_running_loop()
    # Not run_forever(): the one of Python 3.13.0 refuses, but cleans up as if it had run.
    with pytest.raises(RuntimeError):
        loop.run_until_complete(loop.create_future())
    assert loop.is_running()
    assert asyncio.get_running_loop() is loop
    await asyncio.sleep(SOON)


@shows("SCH-18")
@pytest.mark.parametrize("method", ["run_forever", "run_until_complete"])
def second_loop_does_not_run_inside_a_running_one(
    loop: asyncio.AbstractEventLoop, new_loop: LoopFactory, method: str
) -> None:
    inner = new_loop()
    inner.call_soon(inner.stop)  # ends the run that should not have begun

    async def main() -> None:
        if method == "run_forever":
            inner.run_forever()
        else:
            inner.run_until_complete(inner.create_future())

    with pytest.raises(RuntimeError, match=r"(?i)running"):
        loop.run_until_complete(main())


@shows("SCH-18")
def first_loop_goes_on_after_a_second_one_was_refused(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    inner = new_loop()
    inner.call_soon(inner.stop)

    async def main() -> str:
        with contextlib.suppress(RuntimeError):
            inner.run_until_complete(inner.create_future())
        assert asyncio.get_running_loop() is loop
        return await return_after_iterations("went on")

    assert loop.run_until_complete(main()) == "went on"


def interrupt() -> None:
    raise KeyboardInterrupt


@shows("SCH-19")
@pytest.mark.parametrize("early_end", ["stop", "interrupt"])
def future_of_a_run_that_ended_early_does_not_stop_a_later_run(loop: asyncio.AbstractEventLoop, early_end: str) -> None:
    future = loop.create_future()
    loop.call_soon(loop.stop if early_end == "stop" else interrupt)
    with rescued(loop), contextlib.suppress(RuntimeError, KeyboardInterrupt):
        loop.run_until_complete(future)
    future.set_result(None)
    assert loop.run_until_complete(return_after_iterations("ran")) == "ran"


EXITS = pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
ORIGINS = pytest.mark.parametrize("origin", [*METHODS, "task"])


def run_into(loop: asyncio.AbstractEventLoop, error: type[BaseException], origin: str) -> None:
    """Run the loop with something in it that raises."""

    def fail() -> None:
        raise error

    task = None
    try:
        with rescued(loop):
            if origin == "task":
                task = loop.create_task(fail_with(error()))
            else:
                schedule(loop, origin, fail)
            loop.run_forever()
    finally:
        if task is not None and task.done():
            task.exception()  # retrieved, so that nothing reports it later


@shows("SCH-20")
@EXITS
@ORIGINS
def exit_leaves_run_forever(loop: asyncio.AbstractEventLoop, error: type[BaseException], origin: str) -> None:
    with pytest.raises(error):
        run_into(loop, error, origin)


@shows("SCH-20")
@EXITS
@ORIGINS
def loop_is_usable_after_an_exit(loop: asyncio.AbstractEventLoop, error: type[BaseException], origin: str) -> None:
    with contextlib.suppress(error):
        run_into(loop, error, origin)
    assert not loop.is_running()
    assert not loop.is_closed()
    assert loop.run_until_complete(return_after_iterations("ran")) == "ran"


@shows("SCH-20")
def callbacks_after_the_one_that_exits_are_kept(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[str] = []
    loop.call_soon(interrupt)
    loop.call_soon(calls.append, "kept")
    with rescued(loop), contextlib.suppress(KeyboardInterrupt):
        loop.run_forever()
    run_until(loop, lambda: bool(calls), turns=5)


class OwnError(BaseException):
    """Neither an Exception nor one of the two that leave the loop."""


@shows("SCH-21")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OwnError])
def run_until_complete_raises_a_base_exception(loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
    with rescued(loop) as rescues, pytest.raises(error):
        loop.run_until_complete(fail_with(error()))
    assert rescues == []


@shows("SCH-21")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OwnError])
def base_exception_leaves_no_stop_behind(loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
    with rescued(loop), contextlib.suppress(error, RuntimeError):
        loop.run_until_complete(fail_with(error()))
    assert loop.run_until_complete(return_after_iterations("ran")) == "ran"


@shows("SCH-22")
def interrupt_consumes_the_error_of_the_finished_task(loop: asyncio.AbstractEventLoop) -> None:
    """Interrupt the loop between the end of the task and the end of the run."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments[-1]))

    async def main() -> None:
        loop.call_soon(interrupt)
        raise ValueError

    with contextlib.suppress(KeyboardInterrupt, ValueError):
        loop.run_until_complete(main())
    loop.close()  # lets go of the task
    gc.collect(1)  # what the run left is young
    assert reports == []


# The running loop


@shows("SCH-23")
def loop_is_running_inside_a_run_only(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> bool:
        return loop.is_running()

    assert [loop.is_running(), loop.run_until_complete(main()), loop.is_running()] == [False, True, False]


@shows("SCH-23")
def running_loop_is_set_inside_a_run_only(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert loop.run_until_complete(main()) is loop
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@shows("SCH-23")
def failed_run_leaves_no_running_loop(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(ValueError):
        loop.run_until_complete(fail_with(ValueError()))
    assert not loop.is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@shows("SCH-23")
def loop_is_not_running_for_a_stopped_loop_in_a_running_one(
    loop: asyncio.AbstractEventLoop, new_loop: LoopFactory
) -> None:
    other = new_loop()

    async def main() -> tuple[bool, bool]:
        return loop.is_running(), other.is_running()

    assert loop.run_until_complete(main()) == (True, False)


each_finder = pytest.mark.parametrize("finder", ["get_running_loop", "get_event_loop"])


@shows("SCH-24")
@each_finder
def coroutine_finds_its_loop(loop: asyncio.AbstractEventLoop, finder: str) -> None:
    async def main() -> object:
        return getattr(asyncio, finder)()

    assert loop.run_until_complete(main()) is loop


@shows("SCH-24")
@each_method
@each_finder
async def callback_finds_its_loop(method: str, finder: str) -> None:
    loop = asyncio.get_running_loop()
    found = loop.create_future()
    schedule(loop, method, lambda: found.set_result(getattr(asyncio, finder)()))
    assert await found is loop


@shows("SCH-25")
def run_until_complete_runs_the_overridden_run_forever(loop: asyncio.AbstractEventLoop) -> None:
    kind: Any = type(loop)
    entered: list[str] = []

    def run_forever(self: Any) -> None:
        entered.append("in")
        kind.run_forever(self)
        entered.append("out")

    with contextlib.closing(type("Embedding", (kind,), {"run_forever": run_forever})()) as embedding:
        assert embedding.run_until_complete(return_after_iterations("ran")) == "ran"
    assert entered == ["in", "out"]


# Timers


@shows("SCH-26")
@each_timer
async def timer_passes_positional_arguments(method: str) -> None:
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    schedule(loop, method, lambda *arguments: called.set_result(arguments), 1, "two", None)
    assert await called == (1, "two", None)


@shows("SCH-26")
async def call_later_calls_once() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    later = loop.create_future()
    loop.call_later(SOON, calls.append, "called")
    loop.call_later(4 * SOON, later.set_result, None)
    await later
    assert calls == ["called"]


@shows("SCH-26")
async def call_later_waits_for_the_delay() -> None:
    """By the loop's own clock, some of which count milliseconds: an earlier start of one tick is forgiven."""
    loop = asyncio.get_running_loop()
    delays = [0.0015, 0.002, 0.0025, 0.0049, 0.01, 0.0105]
    fired = [loop.create_future() for _ in delays]

    def note(future: asyncio.Future[float]) -> None:
        future.set_result(loop.time())

    started = []
    for delay, future in zip(delays, fired, strict=True):
        started.append(loop.time())
        loop.call_later(delay, note, future)
    waited = [await future - start for start, future in zip(started, fired, strict=True)]
    forgiven = max(CLOCK_TICK, 0.001) + 1e-6
    assert all(took > delay - forgiven for took, delay in zip(waited, delays, strict=True)), waited


@shows("SCH-27")
async def sleep_is_never_short_on_the_monotonic_clock() -> None:
    """Many delays, each begun at another fraction of a millisecond."""

    async def lacking(delay: float) -> float:
        start = time.monotonic()
        await asyncio.sleep(delay)
        return delay - (time.monotonic() - start)

    shortest = 0.0
    for delay in (0.0011, 0.0013, 0.0017, 0.0019, 0.0023, 0.003, 0.002, 0.001):
        shortest = max(shortest, *await asyncio.gather(*(lacking(delay + part / 7000) for part in range(7))))
    assert shortest <= max(CLOCK_TICK, 1e-6), f"a sleep ended {shortest * 1e6:.0f} µs before its time"


@shows("SCH-28")
@pytest.mark.parametrize("delay", [0, 0.0, -0.001, -1, -1e9, -math.inf])
async def call_later_without_a_positive_delay_fires_at_once(delay: float) -> None:
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    loop.call_later(delay, fired.set_result, None)
    await asyncio.wait_for(fired, PATIENCE)


@shows("SCH-28")
@pytest.mark.parametrize("ago", [0.0, 0.001, 1.0, 1e9])
async def call_at_a_time_that_is_past_fires_at_once(ago: float) -> None:
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    loop.call_at(loop.time() - ago, fired.set_result, None)
    await asyncio.wait_for(fired, PATIENCE)


@shows("SCH-28")
async def call_later_without_delay_fires_before_a_timer_with_one() -> None:
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    calls: list[str] = []
    loop.call_later(10 * SOON, fired.set_result, None)
    for delay in (0, -1):
        loop.call_later(delay, calls.append, f"delay {delay}")
    await fired
    assert sorted(calls) == ["delay -1", "delay 0"]


@shows("SCH-29")
async def order_of_negative_delays(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    for delay in (-1, -2):
        loop.call_later(delay, calls.append, delay)
    loop.call_later(2 * SOON, last.set_result, None)
    await last
    observe(f"registered -1, -2; fired {', '.join(map(str, calls))}")


@shows("SCH-30")
@pytest.mark.parametrize("delay", [FAR, 0.5, 0, -1])
async def call_later_tells_when_it_is_due(delay: float) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    handle = loop.call_later(delay, print)
    after = loop.time()
    due = handle.when()
    handle.cancel()
    rounding = 0.001  # some loops count milliseconds
    assert before + delay - rounding <= due <= after + delay + rounding


@shows("SCH-31")
async def call_at_uses_the_clock_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    when = loop.time() + 0.005
    fired = loop.create_future()
    loop.call_at(when, lambda: fired.set_result(loop.time()))
    assert await asyncio.wait_for(fired, PATIENCE) > when - max(CLOCK_TICK, 0.001) - 1e-6


@shows("SCH-32")
async def epoch_of_the_loop_clock(observe: Observe) -> None:
    difference = abs(asyncio.get_running_loop().time() - time.monotonic())
    observe("time.monotonic()" if difference < 1 else f"{difference:.0f} s away from time.monotonic()")


@shows("SCH-33")
async def time_moves_on_while_a_callback_blocks() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    deadline = time.monotonic() + COARSEST_TICKS
    while loop.time() == before:
        assert time.monotonic() < deadline, f"the clock of the loop stood still for {COARSEST_TICKS:g} s"
        time.sleep(0.001)  # noqa: ASYNC251 - to block the loop is the point


@shows("SCH-57")
async def time_is_a_float_that_never_goes_back() -> None:
    loop = asyncio.get_running_loop()
    told = []
    for _ in range(100):
        told += [loop.time(), loop.time()]
        await asyncio.sleep(0)
    assert {type(moment) for moment in told} == {float}
    assert told == sorted(told)


@shows("SCH-33")
async def delay_counts_from_the_call_not_from_the_iteration() -> None:
    """Start a timer long after the loop woke up: one that goes by that moment would let it fire at once."""
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    delay = max(0.01, 4 * CLOCK_TICK)
    await asyncio.sleep(0)
    time.sleep(2 * delay)  # noqa: ASYNC251 - to block the loop is the point
    start = time.monotonic()
    loop.call_later(delay, fired.set_result, None)
    await fired
    assert time.monotonic() - start > delay / 2


@shows("SCH-34", FINE_CLOCK)
async def time_has_steps_below_a_millisecond() -> None:
    clock = asyncio.get_running_loop().time
    steps: list[float] = []
    last = clock()
    while len(steps) < 3:
        if (now := clock()) != last:
            steps.append(now - last)
            last = now
    assert min(steps) < 0.0009


@shows("SCH-35")
@each_timer
async def timers_fire_in_the_order_of_their_deadlines(method: str) -> None:
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    for number in (1, 0, 2):
        schedule(loop, method, calls.append, number, delay=(number + 1) * 5 * SOON)
    schedule(loop, method, last.set_result, None, delay=4 * 5 * SOON)
    await last
    assert calls == [0, 1, 2]


@shows("SCH-35")
async def overdue_timers_fire_in_the_order_of_their_deadlines() -> None:
    """All are due in the same iteration, because a callback blocked the loop."""
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    start = loop.time()
    for number in (3, 1, 4, 0, 2):
        loop.call_at(start + (number + 1) * 2 * SOON, calls.append, number)
    loop.call_at(start + 6 * 2 * SOON, last.set_result, None)
    time.sleep(7 * 2 * SOON)  # noqa: ASYNC251 - to block the loop is the point
    await last
    assert calls == [0, 1, 2, 3, 4]


@shows("SCH-35")
async def timers_keep_their_order_when_others_are_cancelled() -> None:
    """In a shuffled order, and in another one cancelled: whatever a heap does with a hole shows."""
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    start = loop.time() + 2 * SOON
    timers = {number: loop.call_at(start + number * 2 * SOON, calls.append, number) for number in SHUFFLED}
    for number in SHUFFLED[1::3]:
        timers.pop(number).cancel()
    loop.call_at(start + len(SHUFFLED) * 2 * SOON, last.set_result, None)
    await last
    assert calls == sorted(timers)


@shows("SCH-55")
async def timers_with_the_same_deadline_all_fire() -> None:
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    when = loop.time() + 2 * SOON
    for number in range(8):
        loop.call_at(when, calls.append, number)
    loop.call_at(when + 3 * SOON, last.set_result, None)
    await last
    assert sorted(calls) == list(range(8))


@pytest.mark.parametrize("cancelled", [0, 1, 2])
@shows("SCH-56")
async def cancelling_one_of_equal_timers_leaves_the_others(cancelled: int) -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    last = loop.create_future()
    when = loop.time() + 2 * SOON
    timers = [loop.call_at(when, calls.append, "called") for _ in range(3)]
    loop.call_at(when + 3 * SOON, last.set_result, None)
    timers[cancelled].cancel()
    await last
    assert calls == ["called", "called"]


@shows("SCH-36")
async def order_of_equal_deadlines(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    last = loop.create_future()
    when = loop.time() + 2 * SOON
    for number in range(8):
        loop.call_at(when, calls.append, number)
    loop.call_at(when + 3 * SOON, last.set_result, None)
    await last
    observe("order of registration" if calls == sorted(calls) else f"registered 0 to 7, fired {calls}")


@shows("SCH-37")
async def delay_of_nan(observe: Observe) -> None:
    """Cancel it before the loop turns: the standard library would fail in its selector."""
    try:
        asyncio.get_running_loop().call_later(math.nan, print).cancel()
    except (ValueError, OverflowError, TypeError) as error:
        observe(f"call_later() raises {type(error).__name__}: {error}")
    else:
        observe("call_later() accepts it")


@shows("SCH-38")
@pytest.mark.parametrize(
    "delay",
    [86400 * 36525, 2**54, 2**55, sys.maxsize, 1e300, math.inf],
    ids=["century", "2**54", "2**55", "maxsize", "1e300", "inf"],
)
async def huge_delay_does_not_fire(in_thread: InThread, delay: float) -> None:
    """Let the loop wait for a thread with no other timer, so that this delay is what it polls with."""
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    woken = loop.create_future()

    def wake_up() -> None:
        time.sleep(2 * SOON)  # the loop blocks by then, most of the time: nothing depends on it
        loop.call_soon_threadsafe(woken.set_result, None)

    handle = loop.call_later(delay, calls.append, "fired")
    in_thread(wake_up)
    await woken
    handle.cancel()
    await everything_registered_ran()
    assert calls == []


@shows("SCH-38")
async def infinite_timeout_is_no_timeout() -> None:
    assert await asyncio.wait_for(asyncio.sleep(SOON, "done"), math.inf) == "done"


@shows("SCH-39")
async def overdue_timer_fires_without_io(in_thread: InThread) -> None:
    """Have a thread wake a loop that polls for ever: the case fails instead of hanging."""
    loop = asyncio.get_running_loop()
    woken_by = loop.create_future()
    fired = threading.Event()

    def fire() -> None:
        fired.set()
        if not woken_by.done():
            woken_by.set_result("timer")

    def rescue() -> None:
        if not fired.wait(RESCUE):
            loop.call_soon_threadsafe(woken_by.set_result, "rescue")

    in_thread(rescue)
    loop.call_later(SOON, fire)
    time.sleep(5 * SOON)  # noqa: ASYNC251 - to block the loop is the point
    assert await woken_by == "timer"


@shows("SCH-40", POSIX)
async def short_sleeps_do_not_spin() -> None:
    """Compare the processor time of shorter and longer sleeps, all below the one millisecond that epoll can tell.

    A loop that rounds them down to nothing polls again and again until they are over: the longer, the more.
    """
    short, long, count = 0.0001, 0.0009, 6

    async def processor_time(delay: float) -> float:
        start = time.thread_time()
        for _ in range(count):
            await asyncio.sleep(delay)
        return time.thread_time() - start

    # The best of a few: a garbage collection may fall into any of them.
    costs = {delay: min([await processor_time(delay) for _ in range(3)]) for delay in (short, long)}
    spinning = (costs[long] - costs[short]) / (count * (long - short))
    assert spinning < 0.5, f"the loop computed during {spinning:.0%} of the time it slept"


def replace_clock(monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> bool:
    """Replace loop.time() if the loop's type allows it, and say whether it does."""
    try:
        monkeypatch.setattr(loop, "time", clock)
    except (AttributeError, TypeError):
        return False
    return True


@shows("SCH-41")
def timer_due_now_on_a_clock_of_200_days(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, observe: Observe
) -> None:
    """There, the neighbouring floats are further apart than the ticks of a clock that counts nanoseconds."""
    calls: list[str] = []
    uptime = 200 * 86400.0
    if not replace_clock(monkeypatch, loop, lambda: uptime):
        observe("loop.time() cannot be replaced")
        return
    timer = loop.call_at(uptime, calls.append, "fired")
    turn(loop, 3)
    observe("fires on time" if calls else "waits for the next tick")
    timer.cancel()


@shows("SCH-42")
async def cancelled_timers_let_go_of_their_callbacks() -> None:
    class Payload:
        def use(self) -> None: ...

    loop = asyncio.get_running_loop()
    first = loop.call_later(FAR, print)  # alive at the head of the queue, so that nothing behind it is popped
    payload = Payload()
    gone = weakref.ref(payload)
    handles = [loop.call_later(2 * FAR, payload.use) for _ in range(300)]
    for handle in handles:
        handle.cancel()
    del handles, handle, payload
    for _ in range(3):
        await everything_registered_ran()
    first.cancel()
    assert gone() is None


@shows("SCH-42")
async def cancelled_timers_let_go_of_their_memory() -> None:
    """Make and cancel many timers: the memory of the process must not grow with their number."""
    loop = asyncio.get_running_loop()
    first = loop.call_later(FAR, print)

    async def make_and_cancel(count: int) -> int:
        for handle in [loop.call_later(2 * FAR, print) for _ in range(count)]:
            handle.cancel()
        for _ in range(3):
            await everything_registered_ran()
        return sys.getallocatedblocks()

    before = await make_and_cancel(300)
    grown = await make_and_cancel(600) - before
    first.cancel()
    assert grown < 300, f"600 cancelled timers still hold {grown} blocks of memory"


@shows("SCH-43")
@pytest.mark.parametrize("victim", ["timer", "reader"])
async def busy_callbacks_do_not_starve_a(victim: str, socket_pair: SocketPair) -> None:
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    served = loop.create_future()
    give_up = time.monotonic() + PATIENCE

    def busy() -> None:
        if time.monotonic() > give_up:
            served.set_exception(AssertionError(f"the {victim} is starved"))
        elif not served.done():
            loop.call_soon(busy)

    def serve() -> None:
        if not served.done():
            served.set_result(None)

    if victim == "timer":
        loop.call_later(SOON, serve)
    else:
        loop.add_reader(here.fileno(), serve)
        there.send(b"x")
    loop.call_soon(busy)
    try:
        await served
    finally:
        loop.remove_reader(here.fileno())


# Handles


@shows("SCH-44")
async def when_stays_the_same_after_cancel() -> None:
    handle = asyncio.get_running_loop().call_later(FAR, print)
    before = handle.when()
    handle.cancel()
    assert handle.when() == before


@shows("SCH-44")
async def when_stays_the_same_after_the_timer_fired() -> None:
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    handle = loop.call_later(SOON, fired.set_result, None)
    before = handle.when()
    await fired
    assert handle.when() == before


@shows("SCH-44")
async def when_is_the_time_given_to_call_at() -> None:
    loop = asyncio.get_running_loop()
    when = loop.time() + FAR
    handle = loop.call_at(when, print)
    due = handle.when()
    handle.cancel()
    assert due == pytest.approx(when, abs=0.001)  # some loops count milliseconds


@shows("SCH-45")
@each_method
async def handle_is_cancelled_after_cancel_only(method: str) -> None:
    handle = schedule(asyncio.get_running_loop(), method, print, delay=FAR)
    before = handle.cancelled()
    handle.cancel()
    assert not before
    assert handle.cancelled()


@shows("SCH-45")
@each_method
async def handle_that_ran_is_not_cancelled(method: str) -> None:
    loop = asyncio.get_running_loop()
    ran = loop.create_future()
    handle = schedule(loop, method, ran.set_result, None)
    await ran
    assert not handle.cancelled()


def a_callback_with_a_name() -> None: ...


@shows("SCH-46")
@each_method
async def repr_of_a_handle_names_the_callback(method: str) -> None:
    handle = schedule(asyncio.get_running_loop(), method, a_callback_with_a_name, delay=FAR)
    text = repr(handle)
    handle.cancel()
    assert a_callback_with_a_name.__name__ in text


@shows("SCH-46")
@each_method
async def repr_of_a_handle_says_cancelled(method: str) -> None:
    handle = schedule(asyncio.get_running_loop(), method, a_callback_with_a_name, delay=FAR)
    before = repr(handle)
    handle.cancel()
    assert "cancelled" not in before
    assert "cancelled" in repr(handle)


@shows("SCH-47")
@each_method
async def handle_can_be_referenced_weakly(method: str) -> None:
    handle = schedule(asyncio.get_running_loop(), method, print, delay=FAR)
    handle.cancel()
    assert weakref.ref(handle)() is handle


@shows("SCH-48")
async def timer_handles_compare(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    early, late = (loop.call_at(now + seconds, print) for seconds in (FAR, 2 * FAR))
    early.cancel()
    late.cancel()
    try:
        ordered = early < late <= late and late > early >= early and not late < early
    except TypeError:
        observe("no order")
    else:
        observe("ordered by deadline" if ordered else "ordered, but not by deadline")
    try:
        hash(early)
    except TypeError:
        observe("no hash")


@shows("SCH-49")
@pytest.mark.parametrize("kind", [int, float])
async def number_type_of_when(kind: type[float], observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    handle = loop.call_at(kind(loop.time() + FAR), print)
    due = handle.when()
    handle.cancel()
    observe(f"{kind.__name__} becomes {type(due).__name__}")


@shows("SCH-50")
def repr_of_a_loop_tells_its_state(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> str:
        return repr(loop)

    loop.set_debug(False)
    stopped = repr(loop)
    running = loop.run_until_complete(main())
    loop.set_debug(True)
    debugging = repr(loop)
    loop.close()
    closed = repr(loop)
    assert "running=False closed=False debug=False" in stopped
    assert "running=True closed=False debug=False" in running
    assert "running=False closed=False debug=True" in debugging
    assert "running=False closed=True debug=True" in closed


# Iterations


@shows("SCH-51")
async def order_within_one_iteration(socket_pair: SocketPair, observe: Observe) -> None:
    """All of it is ready before the loop turns; "next" is what the ready callback registers."""
    here, there = socket_pair
    loop = asyncio.get_running_loop()
    trace: list[str] = []

    def ready() -> None:
        trace.append("ready")
        loop.call_soon(trace.append, "next")

    def readable() -> None:
        loop.remove_reader(here.fileno())
        trace.append("I/O")

    there.send(b"x")
    loop.add_reader(here.fileno(), readable)
    loop.call_at(loop.time() - 1, trace.append, "timer")
    loop.call_soon(ready)
    give_up = time.monotonic() + PATIENCE
    while len(trace) < 4 and time.monotonic() < give_up:
        await everything_registered_ran()
    observe(", ".join(trace))


@shows("SCH-52")
async def sleep_zero_lets_registered_callbacks_run() -> None:
    calls: list[int] = []
    for number in range(3):
        asyncio.get_running_loop().call_soon(calls.append, number)
    await asyncio.sleep(0)
    assert calls == [0, 1, 2]


@shows("SCH-52")
async def sleep_zero_does_not_wait_for_callbacks_of_callbacks() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []

    def outer() -> None:
        loop.call_soon(calls.append, "inner")

    loop.call_soon(outer)
    await asyncio.sleep(0)
    seen = list(calls)
    await everything_registered_ran()
    assert seen == []


@shows("SCH-53")
def replaced_clock_moves_timers(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, observe: Observe
) -> None:
    calls: list[str] = []
    genuine, skipped = loop.time, 0.0
    if not replace_clock(monkeypatch, loop, lambda: genuine() + skipped):
        observe("loop.time() cannot be replaced")
        return
    timer = loop.call_later(FAR, calls.append, "fired")
    skipped = 2 * FAR
    turn(loop, 3)
    timer.cancel()
    observe("moves the scheduler" if calls else "does not move the scheduler")


@shows("SCH-54")
def random_schedules_are_called_in_a_legal_order(new_loop: LoopFactory, exploring: Exploring) -> None:
    search_schedules(exploring, new_loop)
