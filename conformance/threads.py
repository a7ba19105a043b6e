"""THR: what a loop and the threads around it do to each other.

``call_soon_threadsafe()`` is the one door into a running loop: whoever calls it, from wherever, the callback
runs once, soon, and in the loop's thread. A loop itself belongs to the thread that runs it, which may be any;
loops in different threads share nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import soon, turn
from .gates import FREE_THREADED, POSIX
from .peers import PATIENCE, InThread, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .subject import LoopFactory, Observe

THREADS = 4


@pytest.mark.parametrize("timer_pending", [False, True], ids=["idle", "timer"])
@shows("THR-01")
async def another_thread_wakes_the_loop(timer_pending: bool, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake_again_and_again() -> None:
        for _ in range(50):  # once is no proof: the loop might not have waited yet
            ran = threading.Event()
            loop.call_soon_threadsafe(ran.set)
            assert ran.wait(PATIENCE), "the loop was not woken"
        loop.call_soon_threadsafe(done.set_result, None)

    timer = loop.call_later(3600, lambda: None) if timer_pending else None
    in_thread(wake_again_and_again)
    await done
    if timer is not None:
        timer.cancel()


@shows("THR-01")
async def callback_runs_in_the_loops_thread(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    place = loop.create_future()
    in_thread(loop.call_soon_threadsafe, lambda: place.set_result(threading.get_ident()))
    assert await place == threading.get_ident()


@shows("THR-01")
def another_thread_stops_the_loop(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    running = threading.Event()

    def stop() -> None:
        assert running.wait(PATIENCE), "the loop did not start"
        loop.call_soon_threadsafe(loop.stop)

    in_thread(stop)
    loop.call_soon(running.set)
    loop.run_forever()
    assert not loop.is_running()


@shows("THR-02")
async def own_calls_run_in_order() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    order: list[int] = []
    for number in range(100):
        loop.call_soon_threadsafe(order.append, number)
    loop.call_soon_threadsafe(done.set_result, None)
    await done
    assert order == list(range(100))


@shows("THR-02")
async def own_calls_keep_their_place_among_call_soon() -> None:
    loop = asyncio.get_running_loop()
    finished = loop.create_future()
    order: list[str] = []

    def note(name: str) -> None:
        order.append(name)
        if len(order) == 4:
            finished.set_result(None)

    loop.call_soon(note, "soon 1")
    loop.call_soon_threadsafe(note, "threadsafe 2")
    loop.call_soon(note, "soon 3")
    loop.call_soon_threadsafe(note, "threadsafe 4")
    await finished
    assert order == ["soon 1", "threadsafe 2", "soon 3", "threadsafe 4"]


@shows("THR-03")
def closed_loop_refuses_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    loop.close()
    with pytest.raises(RuntimeError):
        loop.call_soon_threadsafe(lambda: None)


@shows("THR-03")
def closed_loop_refuses_callbacks_of_another_thread(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    turn(loop)
    loop.close()

    def call() -> None:
        with pytest.raises(RuntimeError):
            loop.call_soon_threadsafe(lambda: None)

    in_thread(call).result(PATIENCE)


@shows("THR-03")
async def callback_is_required() -> None:
    call: Callable[..., object] = asyncio.get_running_loop().call_soon_threadsafe
    with pytest.raises(TypeError):
        call()


# A wake-up is often a byte in a socket pair, which holds a few hundred of them (each is accounted as a whole
# buffer): what does not fit is dropped, but not the callbacks it stands for.
@pytest.mark.parametrize("count", [1, 2, 1000])
@shows("THR-04")
async def wakeups_precede_the_wait(count: int, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    ran: list[int] = []
    done = loop.create_future()

    def burst() -> None:
        for number in range(count):
            loop.call_soon_threadsafe(ran.append, number)

    in_thread(burst).result(PATIENCE)  # the loop's thread stands here meanwhile
    in_thread(loop.call_soon_threadsafe, done.set_result, None).result(PATIENCE)
    await done
    assert ran == list(range(count))


@pytest.mark.parametrize("ran_before", [False, True], ids=["new", "stopped"])
@shows("THR-04")
def wakeup_precedes_the_run(ran_before: bool, loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    if ran_before:
        turn(loop)
    in_thread(loop.call_soon_threadsafe, loop.stop).result(PATIENCE)
    loop.run_forever()
    assert not loop.is_running()


# The second of two wake-ups often comes while the loop still clears the first away.
@shows("THR-04")
async def wakeups_follow_each_other(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake_twice_again_and_again() -> None:
        for _ in range(50):
            first, second = threading.Event(), threading.Event()
            loop.call_soon_threadsafe(first.set)
            loop.call_soon_threadsafe(second.set)
            assert second.wait(PATIENCE), "the second wake-up was lost"
            assert first.is_set(), "the first wake-up was lost"
        loop.call_soon_threadsafe(done.set_result, None)

    in_thread(wake_twice_again_and_again)
    await done


@shows("THR-05")
async def callbacks_of_many_threads_run_once_and_in_order(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    per_thread = 500
    ran: list[tuple[int, int]] = []
    everything = loop.create_future()
    together = threading.Barrier(THREADS)

    def note(thread: int, number: int) -> None:
        ran.append((thread, number))
        if len(ran) == THREADS * per_thread:
            everything.set_result(None)

    def call(thread: int) -> None:
        together.wait(PATIENCE)
        for number in range(per_thread):
            loop.call_soon_threadsafe(note, thread, number)

    for thread in range(THREADS):
        in_thread(call, thread)
    await soon(everything)
    await asyncio.sleep(0)  # what runs a second time would run now
    for thread in range(THREADS):
        assert [number for which, number in ran if which == thread] == list(range(per_thread))


@shows("THR-05")
async def callbacks_of_threads_race_timers(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    per_thread = 100
    ran: Counter[str] = Counter()
    everything = loop.create_future()

    def note(kind: str) -> None:
        ran[kind] += 1
        if min(ran["call"], ran["timer"]) == THREADS * per_thread and not everything.done():
            everything.set_result(None)

    def note_and_schedule() -> None:
        note("call")
        loop.call_later(0.001, note, "timer")
        loop.call_later(0.001, note, "cancelled timer").cancel()

    def call() -> None:
        for _ in range(per_thread):
            loop.call_soon_threadsafe(note_and_schedule)

    for _ in range(THREADS):
        in_thread(call)
    await soon(everything)
    await asyncio.sleep(0.002)  # beyond the time of whatever was cancelled
    assert ran == {"call": THREADS * per_thread, "timer": THREADS * per_thread}


@shows("THR-06", POSIX)
async def called_from_a_signal_handler() -> None:
    if sys.platform == "win32":  # as the gate says: this is for type checkers
        return
    loop = asyncio.get_running_loop()
    handled = loop.create_future()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(handled.set_result, None)

    previous = signal.signal(signal.SIGUSR1, handle)
    try:
        signal.raise_signal(signal.SIGUSR1)
        await handled
    finally:
        signal.signal(signal.SIGUSR1, previous)


# Python runs signal handlers and finalizers between the instructions of whatever runs, and calls a trace
# function at each line: at such places too, but at all of them and every time. A plain lock deadlocks here.
@shows("THR-06")
async def entered_again_at_every_line() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    ran: Counter[str] = Counter()
    entered = 0

    def enter_again(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal entered
        entered += 1
        loop.call_soon_threadsafe(ran.update, ["inner"])
        return enter_again

    previous = sys.gettrace()
    sys.settrace(enter_again)
    try:
        loop.call_soon_threadsafe(ran.update, ["outer"])
    finally:
        sys.settrace(previous)
    loop.call_soon_threadsafe(done.set_result, None)
    await done
    assert (ran["outer"], ran["inner"]) == (1, entered)


@shows("THR-06")
async def called_from_a_destructor() -> None:
    loop = asyncio.get_running_loop()
    died = loop.create_future()

    class Mortal:
        def __del__(self) -> None:
            loop.call_soon_threadsafe(died.set_result, None)

    loop.call_soon_threadsafe(lambda _: None, Mortal())  # dies when the loop drops the callback
    await soon(died)


async def _returns_during_the_callback(use: Callable[[asyncio.Handle], object], in_thread: InThread) -> bool:
    """Use a handle in another thread while its callback runs; return whether that ended before it."""
    loop = asyncio.get_running_loop()
    during: asyncio.Future[bool] = loop.create_future()
    running, returned = threading.Event(), threading.Event()

    def callback() -> None:
        running.set()
        # Nobody can see that a call waits, only that it returned: the longer the look, the surer.
        during.set_result(returned.wait(0.05))

    def use_it() -> None:
        assert running.wait(PATIENCE), "the callback did not start"
        use(handle)
        returned.set()

    handle = loop.call_soon_threadsafe(callback)
    peer = in_thread(use_it)
    early = await during
    await asyncio.wrap_future(peer)
    return early


@shows("THR-07")
async def cancel_waits_for_the_running_callback(in_thread: InThread) -> None:
    assert not await _returns_during_the_callback(lambda handle: handle.cancel(), in_thread)


@shows("THR-07")
async def callback_cancels_its_own_handle() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def callback() -> None:
        handle.cancel()
        done.set_result(None)

    handle = loop.call_soon_threadsafe(callback)
    await soon(done)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["own-thread", "another-thread"])
@shows("THR-08")
async def cancelled_callback_never_runs(elsewhere: bool, in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    ran: list[str] = []
    done = loop.create_future()

    def call_and_cancel() -> None:
        loop.call_soon_threadsafe(ran.append, "cancelled").cancel()
        loop.call_soon_threadsafe(ran.append, "kept")
        loop.call_soon_threadsafe(done.set_result, None)

    if elsewhere:
        in_thread(call_and_cancel).result(PATIENCE)  # the loop's thread stands here: no callback can start
    else:
        call_and_cancel()
    await done
    assert ran == ["kept"]


@shows("THR-09")
async def cancelled_waits_for_the_running_callback(in_thread: InThread) -> None:
    assert not await _returns_during_the_callback(lambda handle: handle.cancelled(), in_thread)


@shows("THR-10")
def callbacks_race_close(new_loop: LoopFactory, in_thread: InThread) -> None:
    def call_until_closed(loop: asyncio.AbstractEventLoop, calling: threading.Event, closed: threading.Event) -> None:
        while not closed.is_set():
            try:
                loop.call_soon_threadsafe(lambda: None)
            except RuntimeError:
                return
            finally:
                calling.set()

    for _ in range(3):
        loop = new_loop()
        turn(loop)
        calling, closed = threading.Event(), threading.Event()
        peer = in_thread(call_until_closed, loop, calling, closed)
        try:
            assert calling.wait(PATIENCE), "the thread did not start"
            loop.close()
        finally:
            closed.set()
        peer.result(PATIENCE)


@shows("THR-10")
def loops_open_and_close_in_many_threads(new_loop: LoopFactory, in_thread: InThread) -> None:
    together = threading.Barrier(THREADS)

    def open_and_close() -> None:
        together.wait(PATIENCE)
        for _ in range(5):
            loop = new_loop()
            loop.call_soon_threadsafe(loop.stop)
            loop.run_forever()
            loop.close()

    for peer in [in_thread(open_and_close) for _ in range(THREADS)]:
        peer.result(PATIENCE)


@pytest.mark.parametrize("made_there", [False, True], ids=["made-here", "made-there"])
@shows("THR-11")
def loop_runs_in_another_thread(made_there: bool, new_loop: LoopFactory, in_thread: InThread) -> None:
    made_here = None if made_there else new_loop()

    async def main() -> tuple[int, asyncio.AbstractEventLoop]:
        await asyncio.sleep(0.001)
        return threading.get_ident(), asyncio.get_running_loop()

    def run() -> None:
        loop = made_here or new_loop()
        assert loop.run_until_complete(main()) == (threading.get_ident(), loop)
        loop.close()

    in_thread(run).result(PATIENCE)


@shows("THR-11")
def loop_of_another_thread_does_io(
    loop: asyncio.AbstractEventLoop,
    in_thread: InThread,
    socket_pair: tuple[socket.socket, socket.socket],
) -> None:
    here, there = socket_pair

    async def answer() -> None:
        await loop.sock_sendall(here, await loop.sock_recv(here, 8) + b"!")

    peer = in_thread(lambda: loop.run_until_complete(answer()))
    there.sendall(b"hello")
    assert receive_exactly(there, 6) == b"hello!"
    peer.result(PATIENCE)


@shows("THR-11")
def running_loop_is_its_threads_alone(loop: asyncio.AbstractEventLoop, in_thread: InThread) -> None:
    running = threading.Event()
    loop.call_soon(running.set)
    peer = in_thread(loop.run_forever)
    try:
        assert running.wait(PATIENCE), "the loop did not start"
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        peer.result(PATIENCE)


def _run_in_threads(
    new_loop: LoopFactory, in_thread: InThread, main: Callable[[int], Any], count: int = 3
) -> list[Any]:
    """Run ``main(number)`` on a loop of its own in each of so many threads; return their results."""

    def run(number: int) -> Any:
        loop = new_loop()
        try:
            return loop.run_until_complete(main(number))
        finally:
            loop.close()

    return [peer.result(PATIENCE) for peer in [in_thread(run, number) for number in range(count)]]


@shows("THR-12")
def loops_run_at_the_same_time(new_loop: LoopFactory, in_thread: InThread) -> None:
    together = threading.Barrier(3)

    async def meet(number: int) -> int:
        for _ in range(10):
            together.wait(PATIENCE)  # holds every loop up in mid-callback until all are there
            await asyncio.sleep(0)
        return number

    assert _run_in_threads(new_loop, in_thread, meet) == [0, 1, 2]


@shows("THR-12")
def loops_call_each_other(new_loop: LoopFactory, in_thread: InThread) -> None:
    rounds = 100
    loops: dict[int, asyncio.AbstractEventLoop] = {}
    finished: dict[int, asyncio.Future[None]] = {}
    places: list[tuple[int, asyncio.AbstractEventLoop, int]] = []
    known = threading.Barrier(3)

    def hand_on(number: int, turn_number: int) -> None:
        places.append((number, asyncio.get_running_loop(), threading.get_ident()))
        if turn_number < rounds:
            following = (number + 1) % 3
            loops[following].call_soon_threadsafe(hand_on, following, turn_number + 1)
        else:
            for other, future in finished.items():
                loops[other].call_soon_threadsafe(future.set_result, None)

    async def take_part(number: int) -> int:
        loops[number] = loop = asyncio.get_running_loop()
        finished[number] = loop.create_future()
        known.wait(PATIENCE)
        if number == 0:
            hand_on(0, 1)
        await finished[number]
        return threading.get_ident()

    threads = _run_in_threads(new_loop, in_thread, take_part)
    numbers = itertools.islice(itertools.cycle(range(3)), rounds)
    assert places == [(number, loops[number], threads[number]) for number in numbers]


@shows("THR-12")
def sockets_of_parallel_loops_do_not_mix(new_loop: LoopFactory, in_thread: InThread) -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    sent = [bytes([number]) * 1000 for number in range(3)]

    async def echo(number: int) -> bytes:
        loop = asyncio.get_running_loop()
        here, there = pairs[number]
        received = b""
        for start in range(0, 1000, 100):
            there.sendall(sent[number][start : start + 100])
            while len(received) < start + 100:
                received += await loop.sock_recv(here, 100)
        return received

    try:
        for here, _ in pairs:
            here.setblocking(False)
        assert _run_in_threads(new_loop, in_thread, echo) == sent
    finally:
        for sock in itertools.chain(*pairs):
            sock.close()


# Importing an extension that does not declare itself safe without the GIL turns that on for the process.
@shows("THR-13", FREE_THREADED)
async def import_leaves_the_gil_off() -> None:
    package = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    script = f"import sys; before = sys._is_gil_enabled(); import {package}; print(before, sys._is_gil_enabled())"
    # A process of its own: in this one, another extension may have turned it on.
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)  # noqa: ASYNC221
    before, after = answer.stdout.split()
    assert after == before, answer.stderr


@shows("THR-13", FREE_THREADED)
async def executor_jobs_run_side_by_side() -> None:
    loop = asyncio.get_running_loop()
    together = threading.Barrier(2)

    def spin_together() -> None:
        for _ in range(100):
            together.wait(PATIENCE)

    try:
        await asyncio.gather(*(loop.run_in_executor(None, spin_together) for _ in range(2)))
    finally:
        await loop.shutdown_default_executor()


@shows("THR-14")
async def many_threads_submit_coroutines(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    def submit(thread: int) -> list[int]:
        numbers = range(thread * 10, thread * 10 + 10)
        futures = [asyncio.run_coroutine_threadsafe(double(number), loop) for number in numbers]
        return [future.result(PATIENCE) for future in futures]

    peers = [in_thread(submit, thread) for thread in range(THREADS)]
    results = await asyncio.gather(*map(asyncio.wrap_future, peers))
    assert list(itertools.chain(*results)) == [2 * number for number in range(THREADS * 10)]


@shows("THR-14")
async def submitted_coroutine_raises(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()

    async def fail() -> None:
        raise LookupError("as it should")

    def submit() -> None:
        with pytest.raises(LookupError, match="as it should"):
            asyncio.run_coroutine_threadsafe(fail(), loop).result(PATIENCE)

    await asyncio.wrap_future(in_thread(submit))


@shows("THR-14")
async def submitted_coroutine_is_cancelled_from_its_thread(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    started = threading.Event()
    ended = loop.create_future()

    async def wait_for_ever() -> None:
        started.set()
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise

    def submit_and_cancel() -> None:
        submitted = asyncio.run_coroutine_threadsafe(wait_for_ever(), loop)
        assert started.wait(PATIENCE), "the coroutine did not start"
        submitted.cancel()

    in_thread(submit_and_cancel)
    assert await ended == "cancelled"


@shows("THR-14")
async def all_tasks_are_seen_while_others_come_and_go(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()

    def look() -> bool:
        return all(me in asyncio.all_tasks(loop) for _ in range(100))

    looking = asyncio.wrap_future(in_thread(look))
    while not looking.done():
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(20)))
    assert await looking


@shows("THR-15")
async def callback_of_an_executor_job(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    ran = loop.create_future()

    def job() -> None:
        loop.call_soon_threadsafe(ran.set_result, None)

    await loop.run_in_executor(None, job)
    observe(f"the callback ran {'before' if ran.done() else 'after'} the await of run_in_executor() ended")
    await ran
    await loop.shutdown_default_executor()
