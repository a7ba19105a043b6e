"""FRK: processes that fork while a loop runs.

A forked child has a copy of everything: of the running loop, of its descriptors, of its signal handlers. None of that
may act there, and what the child does with a loop of its own may not reach the parent's.

What a child finds out it returns; see :mod:`everyloop.conformance.forking`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon
from .forking import forked, in_child
from .gates import FORK
from .peers import PATIENCE, InThread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .subject import LoopFactory, Observe

# What not every system has, untyped: the cases that use it are gated.
_signals: Any = signal
_posix: Any = os
SocketPair = tuple[socket.socket, socket.socket]


def _no_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def run_on(new_loop: LoopFactory, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run an async function as ``asyncio.run()`` does, on a loop of the kind under test."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main())


# FRK-01: no running loop


@shows("FRK-01", FORK)
async def forked_child_has_no_running_loop() -> None:
    assert in_child(_no_running_loop)
    assert not _no_running_loop()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="gh-139894 is fixed in Python 3.14")
@shows("FRK-01", FORK)
async def forked_child_has_no_current_task() -> None:
    loop = asyncio.get_running_loop()
    assert in_child(lambda: asyncio.current_task(loop) is None)
    assert asyncio.current_task() is not None


# FRK-02: signals


@shows("FRK-02", FORK)
async def signal_of_the_child_does_not_reach_the_parent() -> None:
    loop: Any = asyncio.get_running_loop()
    calls: list[str] = []
    loop.add_signal_handler(_signals.SIGUSR1, calls.append, "called")

    def signal_myself() -> list[str]:
        signal.raise_signal(_signals.SIGUSR1)
        return calls

    try:
        assert in_child(signal_myself) == []
        await asyncio.sleep(0.001)  # what came through a descriptor that both have is read by now
        await settle()
        assert calls == []
    finally:
        loop.remove_signal_handler(_signals.SIGUSR1)


@shows("FRK-02", FORK)
async def parent_gets_its_signals_beside_a_child() -> None:
    loop: Any = asyncio.get_running_loop()
    called = loop.create_future()
    loop.add_signal_handler(_signals.SIGUSR1, called.set_result, None)
    waiting, release = os.pipe()
    try:
        with forked(lambda: os.read(waiting, 1)) as child:
            signal.raise_signal(_signals.SIGUSR1)
            await soon(called)
            os.write(release, b"x")
            assert child.result() == b"x"
    finally:
        loop.remove_signal_handler(_signals.SIGUSR1)
        os.close(waiting)
        os.close(release)


# FRK-03: a loop of the child's own


@shows("FRK-03", FORK)
def child_runs_a_loop_of_its_own(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    async def work() -> str:
        await asyncio.sleep(0.001)
        return await asyncio.to_thread(lambda: "worked")

    async def fork() -> str:
        return in_child(lambda: str(run_on(new_loop, work)))

    assert loop.run_until_complete(fork()) == "worked"


@shows("FRK-03", FORK)
def child_runs_a_subprocess(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    async def work() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "echo output; exit 7", stdout=-1)
        output, _ = await process.communicate()
        return output, process.returncode

    async def fork() -> object:
        return in_child(lambda: run_on(new_loop, work))

    assert loop.run_until_complete(fork()) == (b"output\n", 7)


@shows("FRK-03", FORK)
def child_runs_a_subprocess_although_its_parent_has(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    async def work() -> int:
        return await (await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 7")).wait()

    async def fork() -> object:
        assert await soon(work()) == 7
        return in_child(lambda: run_on(new_loop, work))

    assert loop.run_until_complete(fork()) == 7


# FRK-07: executors


@shows("FRK-07", FORK)
def child_uses_an_executor_although_its_parent_has(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    async def work() -> int:
        return await asyncio.get_running_loop().run_in_executor(None, max, 3, 5)

    async def fork() -> object:
        assert await soon(work()) == 5
        return in_child(lambda: run_on(new_loop, work))

    assert loop.run_until_complete(fork()) == 5


# FRK-04: multiprocessing


def _double(number: int, answers: Any) -> None:
    answers.send(2 * number)
    answers.close()


@shows("FRK-04", FORK)
async def multiprocessing_child_does_its_work(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    context: Any = multiprocessing.get_context("fork")
    end = threading.Event()
    in_thread(end.wait, PATIENCE)  # another thread
    loop.call_later(3600, end.set).cancel()
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_double, args=(21, sending))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads
        process.start()
    sending.close()
    try:
        assert receiving.poll(PATIENCE)
        assert receiving.recv() == 42
        await asyncio.wrap_future(in_thread(process.join, PATIENCE))
        assert process.exitcode == 0
    finally:
        end.set()
        receiving.close()
        process.kill()
        process.join()
        process.close()


# FRK-05: timers, readers, signals


async def _wait_for_a_timer() -> str:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(0.001, done.set_result, "done")
    return str(await done)


async def _wait_for_a_reader() -> str:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    here, there = socket.socketpair()

    def ready() -> None:
        loop.remove_reader(here.fileno())
        done.set_result("done")

    with here, there:
        here.setblocking(False)
        loop.add_reader(here.fileno(), ready)
        loop.call_later(0.001, there.send, b"x")
        await done
    return str(done.result())


async def _wait_for_a_thread() -> str:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, "done"))
    thread.start()
    await done
    thread.join()
    return str(done.result())


async def _wait_for_a_signal() -> str:
    loop: Any = asyncio.get_running_loop()
    done = loop.create_future()
    loop.add_signal_handler(_signals.SIGUSR2, done.set_result, "done")
    os.kill(os.getpid(), _signals.SIGUSR2)
    return str(await done)


WAITS = {
    "timer": _wait_for_a_timer,
    "reader": _wait_for_a_reader,
    "thread": _wait_for_a_thread,
    "signal": _wait_for_a_signal,
}


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.parametrize("forked_by", ["loop's thread", "other thread"])
@shows("FRK-05", FORK)
def loop_of_the_child_works(
    forked_by: str, what: str, loop: asyncio.AbstractEventLoop, new_loop: LoopFactory, in_thread: InThread
) -> None:
    def work() -> str:
        return str(run_on(new_loop, WAITS[what]))

    async def fork() -> str:
        if forked_by == "loop's thread":
            return in_child(work)
        return await asyncio.wrap_future(in_thread(in_child, work))

    assert loop.run_until_complete(fork()) == "done"


@shows("FRK-05", FORK)
def loop_of_the_parent_is_not_disturbed(
    loop: asyncio.AbstractEventLoop, new_loop: LoopFactory, socket_pair: SocketPair
) -> None:
    here, there = socket_pair
    calls: list[str] = []

    async def work() -> None:
        for wait in (_wait_for_a_timer, _wait_for_a_reader, _wait_for_a_thread):
            await wait()

    async def fork() -> None:
        received = loop.create_future()
        fired = loop.create_future()

        def receive() -> None:
            loop.remove_reader(here.fileno())
            received.set_result(here.recv(10))

        loop.add_reader(here.fileno(), receive)
        loop.call_later(0.002, fired.set_result, None)
        loop.call_soon(calls.append, "called")
        in_child(lambda: run_on(new_loop, work))
        assert calls == []
        there.send(b"data")
        assert await soon(received) == b"data"
        await soon(fired)
        assert await _wait_for_a_thread() == "done"

    loop.run_until_complete(fork())
    assert calls == ["called"]


@shows("FRK-05", FORK)
def callbacks_of_the_parent_are_called_once(loop: asyncio.AbstractEventLoop, new_loop: LoopFactory) -> None:
    reading, writing = os.pipe()

    async def fork() -> None:
        loop.call_soon(os.write, writing, b"x")
        loop.call_later(0.001, os.write, writing, b"x")
        in_child(lambda: run_on(new_loop, _wait_for_a_timer))
        await asyncio.sleep(0.002)

    try:
        loop.run_until_complete(fork())
        assert os.read(reading, 10) == b"xx"
    finally:
        os.close(reading)
        os.close(writing)


# FRK-06: the inherited kqueue


@shows("FRK-06", FORK)
async def inherited_loop_in_a_child(observe: Observe) -> None:
    loop: Any = asyncio.get_running_loop()
    here, there = socket.socketpair()

    def watch_with_the_inherited_loop() -> str:
        try:
            loop.add_reader(here.fileno(), print)
        except (OSError, ValueError) as error:
            return f"it refuses to watch: {type(error).__name__}"
        return "it watches"

    with here, there:
        observe(in_child(watch_with_the_inherited_loop))
