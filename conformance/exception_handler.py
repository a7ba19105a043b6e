"""EXC: where exceptions go that nobody awaits.

A callback cannot raise to anybody, and of a future that is dropped nobody asks. Such an exception goes to the exception
handler of the loop, with a context that says where it comes from, and by default to the log. The loop goes on, even
if the handler itself is at fault; only what ends a program ends it.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import signal
import socket
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from .declare import shows
from .driving import settle, soon, turn
from .gates import POSIX
from .logs import logged, text_of
from .protocols import Recorder, connection_of, unhandled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .subject import Observe

Report = dict[str, Any]
SocketPair = tuple[socket.socket, socket.socket]


def fail(kind: type[BaseException] = LookupError) -> NoReturn:
    raise kind("as it should")


async def fail_in_a_task() -> None:
    fail()


def collect_reports(loop: asyncio.AbstractEventLoop) -> list[Report]:
    """Collect what the exception handler is given; that it is given the loop, too, is another claim."""
    reports: list[Report] = []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments[-1]))
    return reports


async def first_of(reports: list[Report]) -> Report:
    """Let the loop run until there is a report."""
    for _ in range(100):
        if reports:
            return reports[0]
        await asyncio.sleep(0.001)
    raise AssertionError("the exception handler was not called")


# EXC-01: callbacks


WAYS: dict[str, Callable[[asyncio.AbstractEventLoop], asyncio.Handle]] = {
    "call_soon": lambda loop: loop.call_soon(fail),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(fail),
    "call_later": lambda loop: loop.call_later(0.001, fail),
    "call_later at once": lambda loop: loop.call_later(0, fail),
    "call_at": lambda loop: loop.call_at(loop.time() + 0.001, fail),
}
every_way = pytest.mark.parametrize("way", WAYS)


@every_way
@shows("EXC-01")
async def exception_of_a_callback_is_reported(way: str) -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    handle = WAYS[way](loop)
    report = await first_of(reports)
    assert type(report["exception"]) is LookupError
    assert isinstance(report["message"], str)
    assert report["message"]
    assert report["handle"] is handle
    await settle()
    assert len(reports) == 1


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
@shows("EXC-01")
async def exception_of_a_watcher_is_reported(method: str, socket_pair: SocketPair) -> None:
    loop = asyncio.get_running_loop()
    here, there = socket_pair
    there.send(b"x")

    def fail_once() -> None:
        getattr(loop, method.replace("add", "remove"))(here.fileno())
        fail()

    reports = collect_reports(loop)
    getattr(loop, method)(here.fileno(), fail_once)
    report = await first_of(reports)
    assert type(report["exception"]) is LookupError
    assert {"message", "handle"} <= report.keys()


@shows("EXC-01", POSIX)
async def exception_of_a_signals_callback_is_reported() -> None:
    loop: Any = asyncio.get_running_loop()
    signals: Any = signal
    reports = collect_reports(loop)
    loop.add_signal_handler(signals.SIGUSR1, fail)
    try:
        signal.raise_signal(signals.SIGUSR1)
        report = await first_of(reports)
    finally:
        loop.remove_signal_handler(signals.SIGUSR1)
    assert type(report["exception"]) is LookupError
    assert {"message", "handle"} <= report.keys()


@shows("EXC-01")
async def exception_of_a_futures_callback_is_reported() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    future = loop.create_future()
    future.add_done_callback(lambda _: fail())
    future.set_result(None)
    assert type((await first_of(reports))["exception"]) is LookupError


@shows("EXC-01")
async def callbacks_after_a_failing_one_run() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    ran = loop.create_future()
    for _ in range(3):
        loop.call_soon(fail)
    loop.call_soon(ran.set_result, None)
    await soon(ran)
    assert len(reports) == 3


@shows("EXC-01")
async def handler_gets_its_loop() -> None:
    loop = asyncio.get_running_loop()
    loops: list[object] = []
    loop.set_exception_handler(lambda *arguments: loops.append(arguments[0]))
    loop.call_soon(fail)
    await settle()
    assert loops == [loop]


@shows("EXC-01")
async def exception_of_a_callback_is_logged_by_default() -> None:
    loop = asyncio.get_running_loop()
    with logged() as records:
        loop.call_soon(fail)
        await settle()
    assert [record.levelno for record in records] == [logging.ERROR]
    assert "LookupError: as it should" in text_of(records)


@shows("EXC-01")
async def handler_is_called_with_any_context() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    context = {"message": "as it should", "future": loop.create_future(), "my own": 1}
    loop.call_exception_handler(context)
    assert reports == [context]


# EXC-02: what nobody retrieved


def _fail_a_task(loop: asyncio.AbstractEventLoop) -> None:
    loop.create_task(fail_in_a_task())


def _fail_a_future(loop: asyncio.AbstractEventLoop) -> None:
    loop.create_future().set_exception(LookupError("as it should"))


DROPPED = {"task": _fail_a_task, "future": _fail_a_future}


@pytest.mark.parametrize("kind", DROPPED)
@shows("EXC-02")
async def exception_that_nobody_retrieved_is_reported(kind: str) -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    DROPPED[kind](loop)
    await settle()
    gc.collect()
    assert [type(report["exception"]) for report in reports] == [LookupError]
    assert isinstance(reports[0]["future"], asyncio.Task if kind == "task" else asyncio.Future)


@shows("EXC-02")
async def exception_is_not_reported_while_it_may_be_retrieved() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    task = loop.create_task(fail_in_a_task())
    await settle()
    gc.collect()
    assert reports == []
    assert type(task.exception()) is LookupError


@shows("EXC-02")
async def retrieved_exception_is_not_reported() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    task = loop.create_task(fail_in_a_task())
    with pytest.raises(LookupError, match="as it should"):
        await task
    del task
    gc.collect()
    await settle()
    assert reports == []


# EXC-03: setting it


@shows("EXC-03")
async def handler_is_none_at_first() -> None:
    assert asyncio.get_running_loop().get_exception_handler() is None


@shows("EXC-03")
async def handler_is_what_was_set() -> None:
    loop = asyncio.get_running_loop()

    def handler(*_: object) -> None: ...

    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


@shows("EXC-03")
async def none_brings_the_default_back() -> None:
    loop = asyncio.get_running_loop()
    reports = collect_reports(loop)
    loop.set_exception_handler(None)
    with logged() as records:
        loop.call_exception_handler({"message": "as it should"})
    assert reports == []
    assert "as it should" in text_of(records)


@pytest.mark.parametrize("wrong", ["a text", 1])
@shows("EXC-03")
async def handler_that_cannot_be_called_is_refused(wrong: Any) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(TypeError):
        loop.set_exception_handler(wrong)
    assert loop.get_exception_handler() is None


@shows("EXC-03")
async def handler_may_call_the_default() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda given, context: given.default_exception_handler(context))
    with logged() as records:
        loop.call_exception_handler({"message": "as it should", "my own": "detail of mine"})
    assert [record.levelno for record in records] == [logging.ERROR]
    assert "as it should" in text_of(records)
    assert "detail of mine" in text_of(records)


# EXC-04, EXC-05: handlers that fail


def _fail_in_a_custom_handler(loop: asyncio.AbstractEventLoop, kind: type[BaseException]) -> None:
    loop.set_exception_handler(lambda *_: fail(kind))


def _fail_in_an_overridden_default(loop: Any, kind: type[BaseException]) -> None:
    loop.default_exception_handler = lambda *_: fail(kind)


HANDLERS = {"custom": _fail_in_a_custom_handler, "default": _fail_in_an_overridden_default}


@pytest.mark.parametrize("handler", HANDLERS)
@shows("EXC-04")
async def exception_of_a_handler_is_logged(handler: str) -> None:
    loop = asyncio.get_running_loop()
    HANDLERS[handler](loop, LookupError)
    with logged() as records:
        loop.call_exception_handler({"message": "first fault"})
        HANDLERS[handler](loop, KeyError)
        loop.call_soon(fail, ArithmeticError)
        await settle()
    said = text_of(records)
    assert "LookupError: as it should" in said
    assert "KeyError: 'as it should'" in said


@shows("EXC-04")
async def context_of_a_failing_handler_is_logged() -> None:
    loop = asyncio.get_running_loop()
    _fail_in_a_custom_handler(loop, LookupError)
    with logged() as records:
        loop.call_exception_handler({"message": "first fault", "my own": "detail of mine"})
    assert "first fault" in text_of(records)
    assert "detail of mine" in text_of(records)


ENDS = {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}


@pytest.mark.parametrize("run", ["run_forever", "run_until_complete"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("handler", HANDLERS)
@shows("EXC-05")
def handler_ends_the_run(handler: str, end: str, run: str, loop: asyncio.AbstractEventLoop) -> None:
    HANDLERS[handler](loop, ENDS[end])
    loop.call_soon(fail)
    timer = loop.call_later(5, loop.stop)
    with pytest.raises(ENDS[end]):
        loop.run_forever() if run == "run_forever" else loop.run_until_complete(loop.create_future())
    timer.cancel()
    turn(loop)


# EXC-06: context variables


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def _collect_values(loop: asyncio.AbstractEventLoop) -> list[str]:
    values: list[str] = []
    loop.set_exception_handler(lambda *_: values.append(variable.get()))
    return values


def _set_and_fail() -> None:
    variable.set("of the callback")
    fail()


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
@shows("EXC-06")
async def handler_sees_variables_of_the_callback(method: str) -> None:
    loop = asyncio.get_running_loop()
    values = _collect_values(loop)
    arguments = (0, _set_and_fail) if method == "call_later" else (_set_and_fail,)
    getattr(loop, method)(*arguments)
    for _ in range(100):
        await asyncio.sleep(0 if values else 0.001)
    assert values == ["of the callback"]
    assert variable.get() == "unset"


@shows("EXC-06")
async def handler_sees_variables_of_the_task() -> None:
    async def set_and_fail() -> None:
        variable.set("of the task")
        fail()

    loop = asyncio.get_running_loop()
    values = _collect_values(loop)
    loop.create_task(set_and_fail())  # noqa: RUF006 - it is to be dropped
    await settle()
    gc.collect()
    assert values == ["of the task"]


# EXC-07, EXC-08


class Unspeakable:
    """Something whose repr() raises."""

    def __repr__(self) -> str:
        raise ArithmeticError("as it should")


@pytest.mark.parametrize("handler", ["default", "failing"])
@shows("EXC-07")
async def value_without_repr_does_no_harm(handler: str) -> None:
    loop = asyncio.get_running_loop()
    if handler == "failing":
        _fail_in_a_custom_handler(loop, LookupError)
    with logged() as records:
        loop.call_exception_handler({"message": "fault", "my own": Unspeakable()})
    assert records
    await settle()


@shows("EXC-08")
def exception_of_a_callback_and_the_run(loop: asyncio.AbstractEventLoop, observe: Observe) -> None:
    collect_reports(loop)
    loop.call_soon(fail)
    try:
        turn(loop)
    except LookupError:
        observe("it comes out of run_forever()")
    else:
        observe("it does not come out of run_forever()")


# EXC-09: a handler that sets another


@shows("EXC-09")
async def handler_that_a_handler_sets_stays_set() -> None:
    loop = asyncio.get_running_loop()
    reports: list[str] = []
    called = asyncio.Event()

    def second(*_: object) -> None:
        reports.append("second")
        called.set()

    def first(*_: object) -> None:
        reports.append("first")
        loop.set_exception_handler(second)
        loop.call_soon(fail)

    loop.set_exception_handler(first)
    loop.call_soon(fail)
    await soon(called.wait())
    assert reports == ["first", "second"]


async def report_of(method: str, socket_pair: SocketPair) -> None:
    """Let a method of a protocol fail, and look at what is said of it."""
    here, there = socket_pair

    def fail_now(_: Any) -> None:
        raise LookupError

    with unhandled() as reports:
        async with connection_of(here, lambda: Recorder(**{method: fail_now})) as (transport, recorder):
            if method == "data_received":
                there.send(b"data")
            else:
                there.shutdown(socket.SHUT_WR)
            await recorder.is_told(method)
            await settle()
        # TCP-19 and TCP-22 are about those who report nothing.
        for report in reports:
            assert (report["transport"], report["protocol"]) == (transport, recorder)


# To Windows' proactor an exception out of data_received() is one out of a callback of its own.
@shows("EXC-10", POSIX)
async def report_of_data_received_tells_the_protocol(socket_pair: SocketPair) -> None:
    await report_of("data_received", socket_pair)


@shows("EXC-10")
async def report_of_eof_received_tells_the_protocol(socket_pair: SocketPair) -> None:
    await report_of("eof_received", socket_pair)
