"""LIF: the end of a loop, and what is around it: close(), asynchronous generators, runners, policies.

A loop is closed once, while it does not run. Then nothing of it is left: no callback, no live generator, no
executor thread, no descriptor. ``asyncio.Runner`` sees to all of that in the right order, on any loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import itertools
import signal
import socket
import sys
import threading
import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from .declare import shows
from .descriptors import open_descriptors
from .driving import soon, turn
from .gates import POSIX, Gate
from .lives import LIVES
from .peers import PATIENCE, InThread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from .subject import LoopFactory

RUN_WITH_FACTORY = Gate(
    "asyncio-run-loop-factory",
    "asyncio.run() takes a loop_factory since Python 3.12",
    lambda: sys.version_info >= (3, 12),
)
POLICIES = Gate(
    "policies",
    "Python 3.16 has no event loop policies",
    lambda: sys.version_info < (3, 16),
)


# LIF-01, LIF-02: close()


@shows("LIF-01")
def loop_is_closed_after_close(loop: asyncio.AbstractEventLoop) -> None:
    assert not loop.is_closed()
    loop.close()
    assert loop.is_closed()


@shows("LIF-01")
def second_close_does_nothing(loop: asyncio.AbstractEventLoop) -> None:
    turn(loop)
    loop.close()
    loop.close()
    assert loop.is_closed()


@shows("LIF-01")
def close_discards_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    ran: list[str] = []
    turn(loop)
    loop.call_soon(ran.append, "call_soon")
    loop.call_soon_threadsafe(ran.append, "call_soon_threadsafe")
    loop.call_later(0, ran.append, "call_later")
    loop.close()
    assert ran == []


REFUSED: dict[str, Callable[[asyncio.AbstractEventLoop], object]] = {
    "run_forever": lambda loop: loop.run_forever(),
    "run_until_complete": lambda loop: loop.run_until_complete(loop.create_future()),
    "call_soon": lambda loop: loop.call_soon(print),
    "call_later": lambda loop: loop.call_later(1, print),
    "call_at": lambda loop: loop.call_at(1, print),
    "run_in_executor": lambda loop: loop.run_in_executor(None, print),
}


@pytest.mark.parametrize("method", REFUSED)
@shows("LIF-01")
def closed_loop_refuses(method: str, loop: asyncio.AbstractEventLoop) -> None:
    loop.close()
    with pytest.raises(RuntimeError):
        REFUSED[method](loop)


@shows("LIF-01")
def closed_loop_refuses_tasks(loop: asyncio.AbstractEventLoop) -> None:
    loop.close()
    never = asyncio.sleep(0)
    try:
        with pytest.raises(RuntimeError):
            loop.create_task(never)
    finally:
        never.close()


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
@shows("LIF-01")
def closed_loop_refuses_descriptors(
    method: str, loop: asyncio.AbstractEventLoop, socket_pair: tuple[socket.socket, socket.socket]
) -> None:
    loop.close()
    with pytest.raises(RuntimeError):
        getattr(loop, method)(socket_pair[0].fileno(), print)


@shows("LIF-01", POSIX)
def closed_loop_refuses_signal_handlers(loop: asyncio.AbstractEventLoop) -> None:
    if sys.platform == "win32":  # as the gate says: this is for type checkers
        return
    loop.close()
    with pytest.raises(RuntimeError):
        loop.add_signal_handler(signal.SIGUSR1, print)


@shows("LIF-02")
async def running_loop_refuses_close() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(RuntimeError):
        loop.close()
    assert not loop.is_closed()
    await asyncio.sleep(0)


@shows("LIF-02")
async def running_loop_refuses_close_from_another_thread(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()

    def close() -> None:
        with pytest.raises(RuntimeError):
            loop.close()

    await asyncio.wrap_future(in_thread(close))
    assert not loop.is_closed()


# LIF-03, LIF-04: what a loop leaves behind


def _let_die(things: list[Any]) -> list[str]:
    """Drop the last references to a loop and its belongings; return the ResourceWarnings that this gave."""
    gc.collect()  # what earlier cases left behind is none of this one's business
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        things.clear()
        gc.collect()
    return [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]


@pytest.mark.parametrize("ran", [False, True], ids=["new", "ran"])
@shows("LIF-03")
def unclosed_loop_warns(ran: bool, new_loop: LoopFactory) -> None:
    loops = [new_loop()]
    if ran:
        turn(loops[0])
    given = _let_die(loops)
    assert any("loop" in text for text in given), f"no warning of an unclosed loop: {given}"


@shows("LIF-03")
def closed_loop_does_not_warn(new_loop: LoopFactory) -> None:
    loops = [new_loop()]
    turn(loops[0])
    loops[0].close()
    assert _let_die(loops) == []


@pytest.mark.parametrize("life", ["unused", *LIVES])
@shows("LIF-04", POSIX)
def closed_loop_keeps_no_descriptor(life: str, new_loop: LoopFactory) -> None:
    def live_and_close() -> None:
        loop = new_loop()
        if life in LIVES:
            loop.run_until_complete(LIVES[life]())
        loop.close()

    live_and_close()  # loops open some descriptors only once in a process
    before = open_descriptors()
    for _ in range(3):
        live_and_close()
    assert open_descriptors() == before


@shows("LIF-04")
def socket_of_an_open_transport_is_closed(new_loop: LoopFactory, listener: socket.socket) -> None:
    async def adopt(sock: socket.socket) -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=sock)

    loop = new_loop()
    here = socket.create_connection(listener.getsockname(), PATIENCE)
    there, _ = listener.accept()
    with there:
        there.settimeout(1)  # only the kernel has to act
        loop.run_until_complete(adopt(here))
        loop.close()
        belongings = [loop, here]
        del loop, here
        _let_die(belongings)
        assert there.recv(1) == b""


@shows("LIF-04")
def socket_of_an_open_server_is_closed(new_loop: LoopFactory) -> None:
    async def serve(sock: socket.socket) -> None:
        await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=sock)

    loop = new_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    loop.run_until_complete(serve(listening))
    # A connection that nobody accepted ends with the socket that listens. (To connect afterwards would show
    # the same, unless the port has a new owner by then.)
    with socket.create_connection(address, PATIENCE) as client:
        loop.close()
        belongings = [loop, listening]
        del loop, listening
        _let_die(belongings)
        client.settimeout(1)  # only the kernel has to act
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


# LIF-05 to LIF-07: asynchronous generators


async def _endless(ended: Callable[[], object]) -> AsyncGenerator[int, None]:
    try:
        for number in itertools.count():
            yield number
    finally:
        await asyncio.sleep(0)  # it is the loop's to close it: nobody else could run this
        ended()


async def _fail_at_the_end() -> AsyncGenerator[int, None]:
    try:
        yield 1
    finally:
        raise LookupError("as it should")


@shows("LIF-05")
async def shutdown_closes_generators() -> None:
    ended: list[int] = []
    generators = [_endless(partial(ended.append, number)) for number in range(3)]
    for generator in generators:
        assert await anext(generator) == 0
    await asyncio.get_running_loop().shutdown_asyncgens()
    assert sorted(ended) == [0, 1, 2]
    for generator in generators:
        with pytest.raises(StopAsyncIteration):
            await anext(generator)


def _collect_reports(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """Collect what the exception handler is given; that it is given the loop, too, is another claim."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments[-1]))
    return reports


async def _shut_down_a_failing_generator(
    others: tuple[AsyncGenerator[int, None], ...] = (),
) -> tuple[AsyncGenerator[int, None], list[dict[str, Any]]]:
    """Return the generator and what the exception handler was given."""
    loop = asyncio.get_running_loop()
    reports = _collect_reports(loop)
    failing = _fail_at_the_end()
    for generator in (failing, *others):
        await anext(generator)
    await loop.shutdown_asyncgens()
    return failing, reports


@shows("LIF-05")
async def shutdown_reports_what_a_generator_raises() -> None:
    _, reports = await _shut_down_a_failing_generator()
    assert [type(report["exception"]) for report in reports] == [LookupError]


@shows("LIF-05")
async def shutdown_reports_which_generator_raised() -> None:
    failing, reports = await _shut_down_a_failing_generator()
    assert [report["asyncgen"] for report in reports] == [failing]


@shows("LIF-05")
async def shutdown_closes_generators_beside_a_failing_one() -> None:
    ended: list[str] = []
    await _shut_down_a_failing_generator((_endless(lambda: ended.append("other")),))
    assert ended == ["other"]


@shows("LIF-14")
async def cancelled_shutdown_of_generators_ends_at_once() -> None:
    loop = asyncio.get_running_loop()

    async def reluctant() -> AsyncGenerator[int, None]:
        try:
            yield 0
        finally:
            await loop.create_future()

    generator = reluctant()
    await anext(generator)
    ending = asyncio.ensure_future(loop.shutdown_asyncgens())
    for _ in range(5):
        await asyncio.sleep(0)
    waiting = not ending.done()  # LIF-05 is about those who close nothing
    ending.cancel()
    await asyncio.wait({ending}, timeout=PATIENCE)
    assert ending.cancelled() is waiting
    assert await asyncio.sleep(0, "on") == "on"


@shows("LIF-05")
async def generator_after_shutdown_warns() -> None:
    await asyncio.get_running_loop().shutdown_asyncgens()
    late = _endless(lambda: None)
    with pytest.warns(ResourceWarning):
        await anext(late)
    await late.aclose()


@shows("LIF-06")
async def dropped_generator_is_closed() -> None:
    ended = asyncio.get_running_loop().create_future()
    await anext(_endless(lambda: ended.set_result(None)))
    await soon(ended)


@shows("LIF-06")
async def generator_dropped_in_another_thread_is_closed_in_the_loops(in_thread: InThread) -> None:
    places: list[int] = []
    ended = threading.Event()

    def note_the_place() -> None:
        places.append(threading.get_ident())
        ended.set()

    def drop_one_after_another() -> None:
        while generators:
            ended.clear()
            generators.pop()
            assert ended.wait(PATIENCE), "the dropped generator was not closed"

    generators = [_endless(note_the_place) for _ in range(20)]
    for generator in generators:
        await anext(generator)
    del generator
    await asyncio.wrap_future(in_thread(drop_one_after_another))
    assert places == [threading.get_ident()] * 20


@shows("LIF-06")
def generator_dropped_between_runs_is_closed_in_the_next(loop: asyncio.AbstractEventLoop) -> None:
    ended = loop.create_future()

    async def iterate() -> AsyncGenerator[int, None]:
        generator = _endless(lambda: ended.set_result(None))
        await anext(generator)
        return generator

    generators = [loop.run_until_complete(iterate())]
    generators.clear()
    loop.run_until_complete(soon(ended))


@shows("LIF-06")
def generator_outlives_its_loop(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda error: complaints.append(repr(error.exc_value)))
    ended: list[str] = []

    async def iterate() -> AsyncGenerator[int, None]:
        generator = _endless(lambda: ended.append("closed"))
        await anext(generator)
        return generator

    generators = [loop.run_until_complete(iterate())]
    loop.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        generators.clear()
    assert [*complaints, *(str(warning.message) for warning in caught), *ended] == []


@shows("LIF-07")
async def running_loop_has_hooks() -> None:
    assert None not in sys.get_asyncgen_hooks()


def _exit() -> NoReturn:
    raise SystemExit


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(asyncio.sleep(0))


def _exit_from_a_callback(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(_exit)
    with contextlib.suppress(SystemExit):
        turn(loop)


ENDINGS: dict[str, Callable[[asyncio.AbstractEventLoop], None]] = {
    "finished": _finish,
    "stopped": turn,
    "exited": _exit_from_a_callback,
}


@pytest.mark.parametrize("ending", ENDINGS)
@shows("LIF-07")
def hooks_are_restored(ending: str, loop: asyncio.AbstractEventLoop) -> None:
    def first(_: object) -> None: ...

    def last(_: object) -> None: ...

    previous = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(first, last)
    try:
        ENDINGS[ending](loop)
        assert tuple(sys.get_asyncgen_hooks()) == (first, last)
    finally:
        sys.set_asyncgen_hooks(*previous)


# LIF-08, LIF-09: asyncio.Runner and asyncio.run()


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@shows("LIF-08")
def runner_runs_on_the_loop_of_its_factory(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.get_loop() is loop
        assert [runner.run(_running_loop()), runner.run(_running_loop())] == [loop, loop]


@shows("LIF-08", RUN_WITH_FACTORY)
def run_runs_on_the_loop_of_its_factory(loop: asyncio.AbstractEventLoop) -> None:
    run: Any = asyncio.run  # as Python 3.11 knows it, it takes no factory
    assert run(_running_loop(), loop_factory=lambda: loop) is loop
    assert loop.is_closed()


@shows("LIF-08")
def runner_closes_the_loop_after_an_exception(loop: asyncio.AbstractEventLoop) -> None:
    async def fail() -> None:
        raise LookupError("as it should")

    with (
        pytest.raises(LookupError, match="as it should"),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        runner.run(fail())
    assert loop.is_closed()


@shows("LIF-08")
def runs_of_a_runner_share_a_context(loop: asyncio.AbstractEventLoop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def exchange(value: str) -> str:
        previous = variable.get()
        variable.set(value)
        return previous

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(exchange("of the first run"))
        assert runner.run(exchange("of the second run")) == "of the first run"
    assert variable.get() == "unset"


@shows("LIF-15")
def run_of_a_runner_has_the_given_context(loop: asyncio.AbstractEventLoop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    async def exchange(value: str) -> str:
        previous = variable.get()
        variable.set(value)
        return previous

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(exchange("of the first run"), context=context) == "given"
        assert runner.run(exchange("of the second run")) == "unset"
    assert context[variable] == "of the first run"


@shows("LIF-08")
def runner_cancels_the_tasks_that_are_left(loop: asyncio.AbstractEventLoop) -> None:
    ended: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("cancelled")
            raise

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(wait_for_ever())
        await asyncio.sleep(0)
        return task

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        task = runner.run(main())
    assert (ended, task.cancelled()) == (["cancelled"], True)


@shows("LIF-08")
def runner_closes_generators(loop: asyncio.AbstractEventLoop) -> None:
    ended: list[str] = []
    generator = _endless(lambda: ended.append("closed"))

    async def iterate() -> None:
        await anext(generator)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(iterate())
        assert ended == []
    assert ended == ["closed"]


@shows("LIF-08")
def runner_ends_the_threads_of_the_default_executor(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> threading.Thread:
        return await asyncio.get_running_loop().run_in_executor(None, threading.current_thread)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        thread = runner.run(main())
    assert not thread.is_alive()


@shows("LIF-09")
async def run_refuses_to_run_in_a_running_loop() -> None:
    main = asyncio.sleep(0)
    try:
        with pytest.raises(RuntimeError):
            asyncio.run(main)
    finally:
        main.close()


@shows("LIF-09")
def errors_of_cancelled_tasks_are_reported(loop: asyncio.AbstractEventLoop) -> None:
    reports = _collect_reports(loop)

    async def fail_when_cancelled() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise LookupError("as it should")

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(fail_when_cancelled())
        await asyncio.sleep(0)
        return task

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        task = runner.run(main())
    assert [(type(report["exception"]), report["task"]) for report in reports] == [(LookupError, task)]


# LIF-10, LIF-11: the loop as an object among others


@shows("LIF-10")
async def loop_is_an_abstract_event_loop() -> None:
    assert isinstance(asyncio.get_running_loop(), asyncio.AbstractEventLoop)


# What is current, and whether anybody ever said so, is known for each thread: one of its own leaves nothing.
@shows("LIF-10")
def loop_is_set_as_current(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    def set_and_get() -> asyncio.AbstractEventLoop:
        asyncio.set_event_loop(loop)
        return asyncio.get_event_loop()

    assert in_thread(set_and_get).result(PATIENCE) is loop


@shows("LIF-10", POLICIES)
def loop_comes_from_a_policy(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    def run_under_the_policy() -> asyncio.AbstractEventLoop:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of policies altogether, since Python 3.14

            class Policy(asyncio.DefaultEventLoopPolicy):
                def new_event_loop(self) -> asyncio.AbstractEventLoop:
                    return loop

            previous = asyncio.get_event_loop_policy()
            asyncio.set_event_loop_policy(Policy())
            try:
                return asyncio.run(_running_loop())
            finally:
                asyncio.set_event_loop_policy(previous)

    assert in_thread(run_under_the_policy).result(PATIENCE) is loop


@shows("LIF-11")
async def loop_is_weakly_referable() -> None:
    loop = asyncio.get_running_loop()
    assert weakref.ref(loop)() is loop


@shows("LIF-11")
async def loop_is_a_weak_key() -> None:
    loop = asyncio.get_running_loop()
    names = weakref.WeakKeyDictionary({loop: "the loop under test"})
    assert names[loop] == "the loop under test"


# LIF-12, LIF-13: loops that do not start, and loops that start again


@contextlib.contextmanager
def _spare_descriptors(count: int) -> Iterator[None]:
    """Let this process open so many descriptors more, and then no other."""
    if sys.platform == "win32":
        raise OSError("Windows has no limit to set")
    import resource

    taken = open_descriptors()
    free = (number for number in itertools.count() if number not in taken)
    # The limit is not on how many are open: it is the first number that a new one cannot have.
    limit = next(itertools.islice(free, count, None))
    previous = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, previous)


@shows("LIF-12", POSIX)
def failed_construction_leaves_no_descriptor(new_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    # A half-made loop may complain when it dies: not the claim here.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    loop = new_loop()  # loops open some descriptors only once in a process
    turn(loop)
    loop.close()
    before = open_descriptors()
    for spare in range(32):
        made: list[asyncio.AbstractEventLoop] = []
        with _spare_descriptors(spare), contextlib.suppress(Exception):
            made.append(new_loop())
        if made:
            made[0].close()
            return
        _let_die(made)
        assert open_descriptors() == before, f"left open when the loop got only {spare} descriptors"
    raise AssertionError("32 descriptors were not enough for a loop")


@shows("LIF-13")
def restarted_loop_is_woken(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    reports = _collect_reports(loop)

    def stop(running: threading.Event) -> None:
        assert running.wait(PATIENCE), "the loop did not start"
        loop.call_soon_threadsafe(loop.stop)

    for _ in range(5):
        loop.call_soon_threadsafe(lambda: None)  # a wake-up is under way when the loop stops
        turn(loop)
        running = threading.Event()
        loop.call_soon(running.set)
        in_thread(stop, running)
        loop.run_forever()
    assert reports == []
