"""SIG: signals, with callbacks in the loop and without.

A signal may come at any time and, where nobody forbids it, in any thread. A loop that has a callback for it wakes and
calls it as one of its own; it returns to the system what it took, and leaves alone what it did not. Ctrl-C ends a loop
that has no callback for it, at once, and unharmed.

Signals are sent with ``pthread_kill()``, to the thread that is meant; SIGUSR1 and SIGUSR2 belong to the cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import run_until, settle, soon, turn
from .forking import forked, in_child
from .gates import FORK, POSIX
from .peers import PATIENCE, InThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .subject import LoopFactory, Observe

# What not every system has, untyped: the cases that use it are gated.
_signals: Any = signal
_posix: Any = os

ROUNDS = 20  # once is no proof that the loop waited when the signal came
OVERFLOW = 10_000
"""Calls from other threads at once. Loops wake by an eventfd, which counts, or by a pair of sockets, which holds some
hundred bytes on Linux and 8192 on macOS."""


def main_thread() -> int:
    """Return what ``pthread_kill()`` calls the main thread, where the loop runs and Python handles signals."""
    identifier = threading.main_thread().ident
    assert identifier is not None
    return identifier


def send(name: str, thread: int | None = None) -> None:
    """Send this process a signal, in the main thread if no other is named."""
    _signals.pthread_kill(main_thread() if thread is None else thread, number_of(name))


def number_of(name: str) -> int:
    return int(getattr(signal, name))


@pytest.fixture
def restored() -> Iterator[None]:
    """Put the handlers of the signals that cases use, and the wake-up descriptor, back as they were."""
    numbers = [number_of(name) for name in ("SIGUSR1", "SIGUSR2", "SIGINT", "SIGTERM")]
    handlers = [(number, signal.getsignal(number)) for number in numbers]
    wakeup = wakeup_descriptor()
    yield
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(wakeup)
    for number, handler in handlers:
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def send_until(happened: Callable[[float], bool], name: str) -> None:
    """Send this process's main thread a signal until something happens, which is waited for, for so many seconds.

    Once is enough but for a moment: a signal that comes when Python has looked for signals for the last time before it
    waits interrupts nothing, unless the loop has a wake-up descriptor. What is sent twice then is noticed once.
    """
    time.sleep(0.001)  # to come in the wait; before it would be as good
    for _ in range(int(PATIENCE)):
        send(name)
        if happened(1):
            return
    raise AssertionError(f"{name} had no effect on the loop")


def wakeup_descriptor() -> int:
    """Return the descriptor to which Python writes a byte for each signal, -1 for none."""
    descriptor = signal.set_wakeup_fd(-1)
    if descriptor != -1:
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    return descriptor


@contextlib.contextmanager
def handled(loop: Any, name: str, callback: Callable[..., Any], *arguments: Any) -> Iterator[None]:
    """Have the loop call back for a signal, for the length of the block."""
    loop.add_signal_handler(number_of(name), callback, *arguments)
    try:
        yield
    finally:
        if not loop.is_closed():
            loop.remove_signal_handler(number_of(name))


def ignore_signal(*_: object) -> None:
    """Do nothing: a handler, where the default would end the process."""


# SIG-01, SIG-02: callbacks


@shows("SIG-01", POSIX)
async def callback_gets_its_arguments() -> None:
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    with handled(loop, "SIGUSR1", lambda *arguments: called.set_result(arguments), 1, "two", None):
        send("SIGUSR1")
        assert await soon(called) == (1, "two", None)


@shows("SIG-01", POSIX)
async def callback_runs_in_the_loop_and_its_thread(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    called = loop.create_future()

    def note() -> None:
        called.set_result((asyncio.get_running_loop(), threading.get_ident()))

    with handled(loop, "SIGUSR1", note):
        in_thread(lambda: send("SIGUSR1", threading.get_ident()))
        assert await soon(called) == (loop, threading.get_ident())


@shows("SIG-01", POSIX)
async def callback_does_not_interrupt_another() -> None:
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    with handled(loop, "SIGUSR1", called.set_result, None):
        send("SIGUSR1")
        for _ in range(1000):  # Python's own handlers run between any two of its instructions
            pass
        assert not called.done()
        await soon(called)


@shows("SIG-01", POSIX)
async def every_signal_has_its_own_callback() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    done = loop.create_future()

    def note(name: str) -> None:
        calls.append(name)
        if len(calls) == 2:
            done.set_result(None)

    with handled(loop, "SIGUSR1", note, "SIGUSR1"), handled(loop, "SIGUSR2", note, "SIGUSR2"):
        send("SIGUSR1")
        send("SIGUSR2")
        await soon(done)
        await settle()
        assert sorted(calls) == ["SIGUSR1", "SIGUSR2"]


@shows("SIG-01", POSIX)
async def second_callback_replaces_the_first() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    done = loop.create_future()
    with handled(loop, "SIGUSR1", calls.append, "first"), handled(loop, "SIGUSR1", done.set_result, None):
        send("SIGUSR1")
        await soon(done)
        await settle()
        assert calls == []
        loop.add_signal_handler(number_of("SIGUSR1"), calls.append, "for the outer block")


@shows("SIG-01", POSIX)
async def callback_is_called_again_and_again() -> None:
    loop = asyncio.get_running_loop()
    calls: list[asyncio.Future[None]] = []
    with handled(loop, "SIGUSR1", lambda: calls[-1].set_result(None)):
        for _ in range(ROUNDS):
            calls.append(loop.create_future())
            send("SIGUSR1")
            await soon(calls[-1])


@shows("SIG-01", POSIX)
async def removed_callback_is_not_called() -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    with handled(loop, "SIGUSR1", calls.append, "called"):
        send("SIGUSR1")  # it is in the loop's hands by now, but not yet called
        loop.remove_signal_handler(number_of("SIGUSR1"))
        await settle(10)
        loop.add_signal_handler(number_of("SIGUSR1"), ignore_signal)
        assert calls == []


@pytest.mark.parametrize("receiver", ["loop's thread", "other thread"])
@shows("SIG-02", POSIX)
async def signal_wakes_a_waiting_loop(receiver: str, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    called = threading.Event()
    done = loop.create_future()

    def send_again_and_again() -> None:
        for _ in range(ROUNDS):
            called.clear()
            send("SIGUSR1", main_thread() if receiver == "loop's thread" else threading.get_ident())
            assert called.wait(PATIENCE), "the loop was not woken"
        loop.call_soon_threadsafe(done.set_result, None)

    with handled(loop, "SIGUSR1", called.set):
        in_thread(send_again_and_again)
        await done


# SIG-03, SIG-04, SIG-05: adding and removing


@pytest.mark.parametrize("number", ["SIGUSR1", 1.5, None], ids=["text", "float", "None"])
@shows("SIG-03", POSIX)
async def signal_that_is_no_int_is_refused(number: Any) -> None:
    loop: Any = asyncio.get_running_loop()
    with pytest.raises(TypeError):
        loop.add_signal_handler(number, ignore_signal)


async def _coroutine_function() -> None: ...


@shows("SIG-03", POSIX)
async def coroutine_function_is_refused() -> None:
    loop: Any = asyncio.get_running_loop()
    with pytest.raises(TypeError):
        loop.add_signal_handler(number_of("SIGUSR1"), _coroutine_function)


@pytest.mark.parametrize("number", [-1, 0, 10_000])
@shows("SIG-03", POSIX)
async def number_that_is_no_signal_is_refused(number: int) -> None:
    loop: Any = asyncio.get_running_loop()
    with pytest.raises(ValueError, match=r""):
        loop.add_signal_handler(number, ignore_signal)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
@shows("SIG-03", POSIX)
async def signal_that_cannot_be_caught_is_refused(name: str) -> None:
    loop: Any = asyncio.get_running_loop()
    with pytest.raises((ValueError, RuntimeError)):
        loop.add_signal_handler(number_of(name), ignore_signal)


@shows("SIG-03", POSIX)
async def refusal_leaves_other_callbacks_alone() -> None:
    loop: Any = asyncio.get_running_loop()
    called = loop.create_future()
    with handled(loop, "SIGUSR1", called.set_result, None):
        for wrong in (number_of("SIGKILL"), 10_000):
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(wrong, ignore_signal)
        send("SIGUSR1")
        await soon(called)


@shows("SIG-04", POSIX)
async def removing_tells_whether_there_was_a_callback(restored: None) -> None:  # noqa: ARG001
    loop: Any = asyncio.get_running_loop()
    number = number_of("SIGUSR1")
    loop.add_signal_handler(number, ignore_signal)
    assert [loop.remove_signal_handler(number), loop.remove_signal_handler(number)] == [True, False]


@shows("SIG-04", POSIX)
async def removing_what_was_never_added() -> None:
    loop: Any = asyncio.get_running_loop()
    before = signal.getsignal(number_of("SIGUSR1"))
    assert loop.remove_signal_handler(number_of("SIGUSR1")) is False
    assert signal.getsignal(number_of("SIGUSR1")) is before


DEFAULTS = {"SIGUSR1": signal.SIG_DFL, "SIGTERM": signal.SIG_DFL, "SIGINT": signal.default_int_handler}
every_default = pytest.mark.parametrize("name", DEFAULTS)


@every_default
@shows("SIG-04", POSIX)
async def removing_puts_the_default_handler_back(name: str, restored: None) -> None:  # noqa: ARG001
    loop: Any = asyncio.get_running_loop()
    loop.add_signal_handler(number_of(name), ignore_signal)
    assert signal.getsignal(number_of(name)) is not DEFAULTS[name]
    loop.remove_signal_handler(number_of(name))
    assert signal.getsignal(number_of(name)) is DEFAULTS[name]


@shows("SIG-04", POSIX)
async def removing_one_spares_the_others() -> None:
    loop: Any = asyncio.get_running_loop()
    called = loop.create_future()
    with handled(loop, "SIGUSR1", called.set_result, None):
        with handled(loop, "SIGUSR2", ignore_signal):
            pass
        send("SIGUSR1")
        await soon(called)


def _refusal(loop: Any) -> BaseException | None:
    """Try to add a callback; return what was raised."""
    try:
        loop.add_signal_handler(number_of("SIGUSR1"), ignore_signal)
    except (ValueError, RuntimeError) as error:
        # Some loops derive the one from the other: NotImplementedError is a RuntimeError, too.
        if isinstance(error, NotImplementedError):
            raise
        return error
    return None


@shows("SIG-05", POSIX)
async def another_thread_may_not_add(in_thread: InThread, restored: None) -> None:  # noqa: ARG001
    loop = asyncio.get_running_loop()
    before = signal.getsignal(number_of("SIGUSR1"))
    assert await asyncio.wrap_future(in_thread(_refusal, loop)) is not None
    assert signal.getsignal(number_of("SIGUSR1")) is before


@shows("SIG-05", POSIX)
def loop_of_another_thread_may_not_add(
    loop: asyncio.AbstractEventLoop,
    in_thread: InThread,
    restored: None,  # noqa: ARG001
) -> None:
    async def add() -> BaseException | None:
        return _refusal(loop)

    before = signal.getsignal(number_of("SIGUSR1"))
    assert in_thread(loop.run_until_complete, add()).result(PATIENCE) is not None
    assert signal.getsignal(number_of("SIGUSR1")) is before


# SIG-06, SIG-07: what is left of it


@every_default
@shows("SIG-06", POSIX)
def closing_puts_default_handlers_back(name: str, loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    handle: Any = loop
    handle.add_signal_handler(number_of(name), ignore_signal)
    turn(loop)
    loop.close()
    assert signal.getsignal(number_of(name)) is DEFAULTS[name]


@pytest.mark.parametrize("sent", ["before", "after"])
@shows("SIG-06", POSIX)
def closed_loop_calls_nothing(sent: str, loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    handle: Any = loop
    calls: list[str] = []
    turn(loop)
    handle.add_signal_handler(number_of("SIGUSR1"), calls.append, "called")
    if sent == "before":
        send("SIGUSR1")
    loop.close()
    signal.signal(number_of("SIGUSR1"), ignore_signal)
    if sent == "after":
        send("SIGUSR1")
    assert calls == []


@shows("SIG-06", POSIX)
def closing_takes_the_wakeup_descriptor_back(loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    handle: Any = loop
    handle.add_signal_handler(number_of("SIGUSR1"), ignore_signal)
    turn(loop)
    loop.close()
    left = wakeup_descriptor()
    if left != -1:  # a loop may keep a channel for the next one, but not name a closed descriptor
        os.fstat(left)


async def _be_woken(loop: asyncio.AbstractEventLoop) -> None:
    woken = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, None))
    thread.start()
    await woken
    thread.join()


@shows("SIG-07", POSIX)
def run_restores_the_wakeup_descriptor(
    loop: asyncio.AbstractEventLoop,
    socket_pair: tuple[socket.socket, socket.socket],
    restored: None,  # noqa: ARG001
) -> None:
    descriptor = socket_pair[0].fileno()
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    loop.run_until_complete(_be_woken(loop))
    loop.run_until_complete(asyncio.sleep(0.001))
    assert wakeup_descriptor() == descriptor


@shows("SIG-07", POSIX)
def loop_of_another_thread_leaves_the_wakeup_descriptor(
    loop: asyncio.AbstractEventLoop,
    socket_pair: tuple[socket.socket, socket.socket],
    in_thread: InThread,
    restored: None,  # noqa: ARG001
) -> None:
    descriptor = socket_pair[0].fileno()
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    in_thread(loop.run_until_complete, _be_woken(loop)).result(PATIENCE)
    assert wakeup_descriptor() == descriptor


# SIG-08: Ctrl-C


def _wait_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()


def _wait_for_a_future(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(loop.create_future())


def _wait_for_a_timer(loop: asyncio.AbstractEventLoop) -> None:
    timer = loop.call_later(3600, ignore_signal)
    try:
        loop.run_forever()
    finally:
        timer.cancel()


WAITS = {"run_forever": _wait_for_ever, "run_until_complete": _wait_for_a_future, "timer": _wait_for_a_timer}


@pytest.mark.parametrize("wait", WAITS)
@shows("SIG-08", POSIX)
def waiting_loop_is_interrupted(wait: str, loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    def interrupt(running: threading.Event, interrupted: threading.Event) -> None:
        assert running.wait(PATIENCE), "the loop did not start"
        send_until(interrupted.wait, "SIGINT")

    def wait_for(interrupted: threading.Event) -> None:
        try:
            WAITS[wait](loop)
        finally:
            interrupted.set()

    for _ in range(5):
        running, interrupted = threading.Event(), threading.Event()
        loop.call_soon(running.set)
        sender = in_thread(interrupt, running, interrupted)
        with pytest.raises(KeyboardInterrupt):
            wait_for(interrupted)
        sender.result(PATIENCE)
    turn(loop)


def _compute(running: threading.Event) -> None:
    """Keep Python busy until it is interrupted."""
    deadline = time.monotonic() + PATIENCE
    running.set()
    while time.monotonic() < deadline:
        pass
    raise AssertionError("Python was not interrupted")


async def _compute_in_a_task(running: threading.Event) -> None:
    _compute(running)


def _in_a_callback(loop: asyncio.AbstractEventLoop, running: threading.Event) -> None:
    loop.call_soon(_compute, running)
    loop.run_forever()


def _in_a_task(loop: asyncio.AbstractEventLoop, running: threading.Event) -> None:
    task = loop.create_task(_compute_in_a_task(running))
    try:
        loop.run_forever()
    finally:
        assert isinstance(task.exception(), KeyboardInterrupt)


def _in_the_main_task(loop: asyncio.AbstractEventLoop, running: threading.Event) -> None:
    loop.run_until_complete(_compute_in_a_task(running))


PLACES = {"callback": _in_a_callback, "task": _in_a_task, "main task": _in_the_main_task}


@pytest.mark.parametrize("place", PLACES)
@shows("SIG-08", POSIX)
def python_code_is_interrupted(place: str, loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    def interrupt() -> None:
        assert running.wait(PATIENCE), "the loop did not start"
        send("SIGINT")

    running = threading.Event()
    in_thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        PLACES[place](loop, running)
    assert loop.run_until_complete(asyncio.sleep(0, "it runs again")) == "it runs again"


@shows("SIG-08", POSIX)
def interrupted_loop_keeps_its_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    ran: list[int] = []
    loop.call_soon(ran.append, 1)
    loop.call_soon(send, "SIGINT")
    loop.call_soon(ran.append, 2)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    run_until(loop, lambda: 2 in ran)
    assert ran == [1, 2]


@shows("SIG-08", POSIX)
def removed_callback_gives_ctrl_c_back(loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    with handled(loop, "SIGINT", ignore_signal):
        turn(loop)
    loop.call_soon(send, "SIGINT")
    loop.call_later(0.5, loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()


# SIG-09: handlers of signal.signal()


@pytest.mark.parametrize("callbacks", [0, 1], ids=["no callback", "callback for another signal"])
@pytest.mark.parametrize("when", ["before", "while running"])
@shows("SIG-09", POSIX)
def own_handler_is_called(
    when: str,
    callbacks: int,
    loop: asyncio.AbstractEventLoop,
    in_thread: InThread,
    restored: None,  # noqa: ARG001
) -> None:
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()  # handlers may interrupt themselves: a lock would be held

    def called(seconds: float) -> bool:
        with contextlib.suppress(queue.Empty):
            calls.get(timeout=seconds)
            return True
        return False

    def send_again_and_again() -> None:
        for _ in range(3):
            send_until(called, "SIGUSR2")
        loop.call_soon_threadsafe(loop.stop)

    def handle() -> None:
        signal.signal(number_of("SIGUSR2"), lambda *_: calls.put(None))

    def start() -> None:
        if when == "while running":
            handle()
        in_thread(send_again_and_again)

    if when == "before":
        handle()
    with contextlib.ExitStack() as stack:
        if callbacks:
            stack.enter_context(handled(loop, "SIGUSR1", ignore_signal))
        loop.call_soon(start)
        loop.run_forever()


@shows("SIG-09", POSIX)
async def own_handler_and_callback_are_both_called(restored: None) -> None:  # noqa: ARG001
    loop = asyncio.get_running_loop()
    ran: list[str] = []
    called = loop.create_future()
    signal.signal(number_of("SIGUSR2"), lambda *_: ran.append("handler"))
    with handled(loop, "SIGUSR1", called.set_result, None):
        send("SIGUSR2")
        send("SIGUSR1")
        await soon(called)
    assert ran == ["handler"]


@shows("SIG-09", POSIX)
async def own_handler_of_ctrl_c_is_called(restored: None) -> None:  # noqa: ARG001
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    signal.signal(number_of("SIGINT"), lambda *_: loop.call_soon_threadsafe(called.set_result, None))
    send("SIGINT")
    await soon(called)


# SIG-10: between runs


@shows("SIG-10", POSIX)
def signal_between_runs_is_not_lost(loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    calls: list[str] = []
    turn(loop)
    with handled(loop, "SIGUSR1", calls.append, "called"):
        turn(loop)
        send("SIGUSR1")
        assert calls == []
        run_until(loop, lambda: bool(calls))
        turn(loop, 3)
        assert calls == ["called"]


@shows("SIG-10", POSIX)
def signal_before_the_first_run_is_not_lost(loop: asyncio.AbstractEventLoop, restored: None) -> None:  # noqa: ARG001
    calls: list[str] = []
    with handled(loop, "SIGUSR1", calls.append, "called"):
        send("SIGUSR1")
        run_until(loop, lambda: bool(calls))


# SIG-11: two loops


@shows("SIG-11", POSIX)
def closing_a_loop_beside_another_owner(new_loop: LoopFactory, observe: Observe, restored: None) -> None:  # noqa: ARG001
    calls: list[str] = []
    first: Any = new_loop()
    second: Any = new_loop()
    first.add_signal_handler(number_of("SIGUSR1"), calls.append, "first")
    second.add_signal_handler(number_of("SIGUSR1"), calls.append, "second")
    turn(second)
    first.close()
    default = signal.getsignal(number_of("SIGUSR1")) in {signal.SIG_DFL, None}
    if default:
        signal.signal(number_of("SIGUSR1"), ignore_signal)  # the default would end the process
    send("SIGUSR1")
    turn(second, 10)
    handler = "the default handler was put back" if default else "the handler was spared"
    observe(f"{handler}, {', '.join(calls) or 'none'} called")


# SIG-12: SIGCHLD


@shows("SIG-12", POSIX)
async def children_are_reaped_beside_a_callback() -> None:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    with handled(loop, "SIGCHLD", called.set):
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 7")
        assert await soon(process.wait()) == 7
        await soon(called.wait())


# SIG-13: asyncio.Runner


async def _be_cancelled(running: threading.Event, cancelled: threading.Event) -> None:
    running.set()
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        cancelled.set()
        raise


@shows("SIG-13", POSIX)
def runner_cancels_its_main_task(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    def interrupt(running: threading.Event, cancelled: threading.Event) -> None:
        assert running.wait(PATIENCE), "the main task did not start"
        send_until(cancelled.wait, "SIGINT")

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        for _ in range(5):
            running, cancelled = threading.Event(), threading.Event()
            sender = in_thread(interrupt, running, cancelled)
            with pytest.raises(KeyboardInterrupt):
                runner.run(_be_cancelled(running, cancelled))
            sender.result(PATIENCE)


@shows("SIG-13", POSIX)
def main_task_may_survive_the_first_interrupt(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    async def clean_up() -> str:
        try:
            await _be_cancelled(running, cancelled)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "cleaned up"
        raise AssertionError("nothing cancelled it")

    def interrupt() -> None:
        assert running.wait(PATIENCE), "the main task did not start"
        send_until(cancelled.wait, "SIGINT")

    running, cancelled = threading.Event(), threading.Event()
    in_thread(interrupt)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(clean_up()) == "cleaned up"


@shows("SIG-13", POSIX)
def second_interrupt_raises_at_once(loop: asyncio.AbstractEventLoop) -> None:
    steps: list[str] = []

    async def be_stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            send("SIGINT")
            await asyncio.get_running_loop().create_future()
        steps.append("survived the first")
        send("SIGINT")
        steps.append("survived the second")

    with (
        pytest.raises(KeyboardInterrupt),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        runner.run(be_stubborn())
    assert steps == ["survived the first"]


@shows("SIG-13", POSIX)
def second_interrupt_ends_the_wait(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    running, cancelled, interrupted = threading.Event(), threading.Event(), threading.Event()

    async def be_stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await _be_cancelled(running, cancelled)
        await asyncio.get_running_loop().create_future()

    def interrupt_twice() -> None:
        assert running.wait(PATIENCE), "the main task did not start"
        send_until(cancelled.wait, "SIGINT")
        send_until(interrupted.wait, "SIGINT")

    in_thread(interrupt_twice)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            with pytest.raises(KeyboardInterrupt):
                runner.run(be_stubborn())
        finally:
            interrupted.set()


@shows("SIG-13", POSIX)
def runner_puts_the_handler_back(loop: asyncio.AbstractEventLoop) -> None:
    async def handler() -> object:
        return signal.getsignal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(handler()) is not before
        assert signal.getsignal(signal.SIGINT) is before


# SIG-14: forks by other threads


@shows("SIG-14", FORK)
async def child_forked_by_another_thread_keeps_signals_to_itself(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    with handled(loop, "SIGUSR1", calls.append, "called"):

        def fork_and_signal() -> str:
            ready, say_ready = os.pipe()
            signalled, say_signalled = os.pipe()

            def survive() -> str:
                os.write(say_ready, b"x")
                os.read(signalled, 1)
                return "survived"

            try:
                with forked(survive) as child:
                    os.read(ready, 1)
                    os.kill(child.pid, number_of("SIGUSR1"))
                    os.write(say_signalled, b"x")
                    return child.result()
            finally:
                for descriptor in (ready, say_ready, signalled, say_signalled):
                    os.close(descriptor)

        assert await asyncio.wrap_future(in_thread(fork_and_signal)) == "survived"
        await asyncio.sleep(0.001)  # a byte in a channel that is shared with the child is read by now
        await settle()
    assert calls == []


# SIG-15, SIG-16: the channel that wakes the loop


@shows("SIG-15", FORK)
def loop_whose_wakeup_channel_has_ended(new_loop: LoopFactory, observe: Observe) -> None:
    """In a child, because the loop may not survive it."""

    async def end_the_channel() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(ignore_signal)
        with handled(loop, "SIGUSR1", ignore_signal):
            descriptor = wakeup_descriptor()
            if descriptor == -1:
                return "it has no wake-up descriptor"
            try:
                with socket.socket(fileno=os.dup(descriptor)) as channel:
                    channel.shutdown(socket.SHUT_WR)
            except OSError as error:
                return f"its wake-up descriptor cannot be shut down: {error.strerror}"
            wall, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(0.05)
            share = (time.process_time() - cpu) / (time.monotonic() - wall)
            return "it spins" if share > 0.5 else "it does not spin"

    observe(in_child(lambda: new_loop().run_until_complete(end_the_channel())))


@shows("SIG-16")
async def calls_beyond_the_channel_are_not_lost() -> None:
    loop = asyncio.get_running_loop()
    ran: list[int] = []
    done = loop.create_future()
    for number in range(OVERFLOW):
        loop.call_soon_threadsafe(ran.append, number)
    loop.call_soon_threadsafe(done.set_result, None)
    await done
    assert ran == list(range(OVERFLOW))


@shows("SIG-16")
async def loop_is_woken_after_its_channel_was_full(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    counted = Counter[str]()

    def overflow() -> None:
        for _ in range(OVERFLOW):
            loop.call_soon_threadsafe(counted.update, ("calls",))

    in_thread(overflow).result(PATIENCE)  # the loop's thread stands here meanwhile
    for _ in range(ROUNDS):
        woken = loop.create_future()
        in_thread(loop.call_soon_threadsafe, woken.set_result, None)
        await soon(woken)
    assert counted["calls"] == OVERFLOW


# SIG-17: Windows


@pytest.mark.parametrize("method", ["add_signal_handler", "remove_signal_handler"])
@shows("SIG-17")
async def windows_has_no_callbacks_for_signals(method: str, observe: Observe) -> None:
    arguments = (ignore_signal,) if method == "add_signal_handler" else ()
    try:
        getattr(asyncio.get_running_loop(), method)(signal.SIGINT, *arguments)
    except NotImplementedError:
        observe(f"{method}() raises NotImplementedError")
    else:
        observe(f"{method}() works")


@shows("SIG-17")
def ctrl_c_on_windows(loop: asyncio.AbstractEventLoop, in_thread: InThread, observe: Observe) -> None:
    ended = threading.Event()

    def interrupt() -> bool:
        assert running.wait(PATIENCE), "the loop did not start"
        signal.raise_signal(signal.SIGINT)  # Windows, too, does this in a thread of its own
        return ended.wait(0.1)

    running = threading.Event()
    loop.call_soon(running.set)
    loop.call_later(0.3, loop.stop)
    at_once = in_thread(interrupt)
    try:
        loop.run_forever()
        seen = "it is not noticed"
    except KeyboardInterrupt:
        seen = "it interrupts a waiting loop"
    ended.set()
    observe(f"{seen} {'at once' if at_once.result(PATIENCE) else 'when the wait ends'}")


# SIG-18: a loop that has no callback any more


@shows("SIG-18", POSIX)
def closing_a_loop_leaves_the_callback_of_another(new_loop: LoopFactory, restored: None) -> None:  # noqa: ARG001
    first: Any = new_loop()
    second: Any = new_loop()
    called = asyncio.Event()
    first.add_signal_handler(number_of("SIGUSR1"), print)
    first.remove_signal_handler(number_of("SIGUSR1"))

    async def be_called() -> None:
        send("SIGUSR1")
        await soon(called.wait())

    with handled(second, "SIGUSR1", called.set):
        first.close()
        assert signal.getsignal(number_of("SIGUSR1")) not in {signal.SIG_DFL, None}  # which would end the process
        second.run_until_complete(be_called())
