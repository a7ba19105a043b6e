"""TSK: tasks, who makes them, and the context variables that they and callbacks see.

``create_task()`` hands on what it is given, to the factory if there is one. Whatever a loop calls on somebody's behalf
sees that somebody's context variables, and what it sets itself is seen by nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import decimal
import gc
import signal
import socket
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon
from .gates import POSIX
from .peers import PATIENCE, InThread, receive_all

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from .subject import LoopFactory, Observe

SocketPair = tuple[socket.socket, socket.socket]
Task = asyncio.Task[Any]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def context_with(value: str) -> contextvars.Context:
    """Make a context in which the variable has a value."""
    context = contextvars.copy_context()
    context.run(variable.set, value)
    return context


async def get_variable() -> str:
    return variable.get()


def do_nothing() -> None: ...


# TSK-01, TSK-02: create_task() and its factory


@shows("TSK-01")
async def task_belongs_to_the_loop() -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(asyncio.sleep(0, "result"))
    assert isinstance(task, asyncio.Task)
    assert task.get_loop() is loop
    assert await task == "result"


@shows("TSK-01")
async def task_does_not_start_at_once() -> None:
    started: list[str] = []

    async def start() -> None:
        started.append("started")

    task = asyncio.get_running_loop().create_task(start())
    assert started == []
    await task
    assert started == ["started"]


@shows("TSK-01")
async def task_has_its_name() -> None:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(0), name="a name")
    assert task.get_name() == "a name"
    await task


@shows("TSK-01")
async def task_runs_in_its_context() -> None:
    loop = asyncio.get_running_loop()
    assert await loop.create_task(get_variable(), context=context_with("given")) == "given"


@shows("TSK-01")
async def task_changes_its_context() -> None:
    async def change() -> None:
        variable.set("changed")

    context = contextvars.copy_context()
    await asyncio.get_running_loop().create_task(change(), context=context)
    assert context[variable] == "changed"
    assert variable.get() == "unset"


class Named(asyncio.Task[Any]):
    """A kind of task of its own."""


@pytest.fixture
def factory_calls() -> list[tuple[asyncio.AbstractEventLoop, dict[str, Any]]]:
    return []


def factory_into(
    calls: list[tuple[asyncio.AbstractEventLoop, dict[str, Any]]],
) -> Callable[..., Task]:
    """Make a factory that notes the loop and the keywords it gets."""

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **keywords: Any) -> Task:
        calls.append((loop, keywords))
        return Named(coroutine, loop=loop, **keywords)

    return factory


@contextlib.contextmanager
def task_factory(factory: Any) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(None)


Calls = list[tuple[asyncio.AbstractEventLoop, dict[str, Any]]]


@shows("TSK-01")
async def factory_makes_the_tasks(factory_calls: Calls) -> None:
    loop = asyncio.get_running_loop()
    with task_factory(factory_into(factory_calls)):
        task = loop.create_task(asyncio.sleep(0, "result"))
        assert type(task) is Named
        assert await task == "result"
    assert [given for given, _ in factory_calls] == [loop]


@pytest.mark.parametrize("make", ["asyncio.create_task", "asyncio.ensure_future", "asyncio.gather"])
@shows("TSK-01")
async def factory_makes_the_tasks_of_asyncio(make: str, factory_calls: Calls) -> None:
    with task_factory(factory_into(factory_calls)):
        made: Any = getattr(asyncio, make.removeprefix("asyncio."))(asyncio.sleep(0))
        await made
    assert len(factory_calls) == 1


@shows("TSK-01")
async def factory_gets_the_context(factory_calls: Calls) -> None:
    context = context_with("given")
    with task_factory(factory_into(factory_calls)):
        assert await asyncio.get_running_loop().create_task(get_variable(), context=context) == "given"
    assert factory_calls[0][1]["context"] is context


@shows("TSK-01")
async def task_of_a_factory_has_its_name(factory_calls: Calls) -> None:
    with task_factory(factory_into(factory_calls)):
        task = asyncio.get_running_loop().create_task(asyncio.sleep(0), name="a name")
        await task
    assert task.get_name() == "a name"


@shows("TSK-01")
async def factory_is_what_was_set(factory_calls: Calls) -> None:
    loop = asyncio.get_running_loop()
    factory: Any = factory_into(factory_calls)
    before = loop.get_task_factory()
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    loop.set_task_factory(None)
    assert loop.get_task_factory() is before is None


@shows("TSK-01")
async def no_factory_after_none(factory_calls: Calls) -> None:
    loop = asyncio.get_running_loop()
    with task_factory(factory_into(factory_calls)):
        pass
    assert type(loop.create_task(asyncio.sleep(0))) is not Named
    await settle()
    assert factory_calls == []


@pytest.mark.parametrize("wrong", ["a text", 1])
@shows("TSK-01")
async def factory_that_cannot_be_called_is_refused(wrong: Any) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(TypeError):
        loop.set_task_factory(wrong)
    assert loop.get_task_factory() is None


@shows("TSK-02")
async def factory_gets_every_keyword(factory_calls: Calls) -> None:
    loop: Any = asyncio.get_running_loop()

    def factory(given: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **keywords: Any) -> Task:
        factory_calls.append((given, dict(keywords)))
        return asyncio.Task(coroutine, loop=given)

    with task_factory(factory):
        await loop.create_task(asyncio.sleep(0), name="a name", my_own=1)
    assert factory_calls[0][1] == {"name": "a name", "my_own": 1}


@shows("TSK-02")
async def task_starts_eagerly() -> None:
    loop: Any = asyncio.get_running_loop()
    started: list[str] = []

    async def start() -> None:
        started.append("started")

    task = loop.create_task(start(), eager_start=True)
    assert started == ["started"]
    assert task.done()


@shows("TSK-02")
async def task_of_an_eager_factory_may_start_late() -> None:
    loop: Any = asyncio.get_running_loop()
    started: list[str] = []

    async def start() -> None:
        started.append("started")

    with eager():
        task = loop.create_task(start(), eager_start=False)
    assert started == []
    await task
    assert started == ["started"]


@shows("TSK-02")
async def unknown_keyword_is_refused() -> None:
    loop: Any = asyncio.get_running_loop()
    never = asyncio.sleep(0)
    with pytest.raises(TypeError):
        loop.create_task(never, my_own=1)  # noqa: RUF006 - there is none
    never.close()


# TSK-03: closed loops


@shows("TSK-03")
def coroutine_of_a_closed_loop_is_closed(loop: asyncio.AbstractEventLoop) -> None:
    loop.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError):
            asyncio.ensure_future(asyncio.sleep(0), loop=loop)  # noqa: RUF006 - there is none
        gc.collect()
    assert [str(warning.message) for warning in caught if warning.category is RuntimeWarning] == []


# TSK-04: eager tasks


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Have all tasks be eager. What the factory refuses, the loop gave it: that is no keyword of the loop."""
    with task_factory(getattr(asyncio, "eager_task_factory")):  # noqa: B009 - unknown to Python 3.11
        try:
            yield
        except TypeError as error:
            raise AssertionError(
                f"the loop called eager_task_factory as this Python's cannot be called: {error}"
            ) from None


@shows("TSK-04")
async def eager_task_is_done_at_once() -> None:
    async def answer() -> str:
        return "result"

    with eager():
        task = asyncio.get_running_loop().create_task(answer())
        assert task.done()
    assert task.result() == "result"


@shows("TSK-04")
async def eager_task_runs_until_it_waits() -> None:
    steps: list[str] = []
    waiting = asyncio.get_running_loop().create_future()

    async def step() -> None:
        steps.append("before")
        await waiting
        steps.append("after")

    with eager():
        task = asyncio.get_running_loop().create_task(step())
        assert steps == ["before"]
        assert not task.done()
        waiting.set_result(None)
        await task
    assert steps == ["before", "after"]


@shows("TSK-04")
async def eager_task_is_the_current_one_meanwhile() -> None:
    async def current() -> Any:
        return asyncio.current_task()

    me = asyncio.current_task()
    with eager():
        task = asyncio.get_running_loop().create_task(current())
    assert task.result() is task
    assert asyncio.current_task() is me


@shows("TSK-04")
async def eager_task_keeps_its_exception() -> None:
    async def fail() -> None:
        raise LookupError("as it should")

    with eager():
        task = asyncio.get_running_loop().create_task(fail())
    assert type(task.exception()) is LookupError


@shows("TSK-04")
async def eager_tasks_use_the_loop(socket_pair: SocketPair) -> None:
    loop = asyncio.get_running_loop()
    here, there = socket_pair
    with eager():
        receiving = loop.create_task(loop.sock_recv(here, 10))
        sleeping = loop.create_task(asyncio.sleep(0.001, "slept"))
        there.send(b"data")
        assert await soon(receiving) == b"data"
        assert await soon(sleeping) == "slept"


# TSK-05, TSK-06: tasks and futures of the loop


@shows("TSK-05")
async def running_task_is_the_current_one() -> None:
    async def current() -> Any:
        await asyncio.sleep(0)
        return asyncio.current_task()

    tasks = [asyncio.create_task(current()) for _ in range(3)]
    assert await asyncio.gather(*tasks) == tasks


@shows("TSK-05")
async def callbacks_have_no_current_task() -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[Any] = loop.create_future()
    loop.call_soon(lambda: seen.set_result(asyncio.current_task(loop)))
    assert await seen is None


@shows("TSK-05")
async def all_tasks_are_those_that_are_not_done() -> None:
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    waiting = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(3)]
    done = asyncio.create_task(asyncio.sleep(0))
    assert asyncio.all_tasks(loop) - before == {*waiting, done}
    await done
    assert asyncio.all_tasks(loop) - before == {*waiting}
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert asyncio.all_tasks() == before
    assert asyncio.current_task() in before


@pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs are new in Python 3.14")
@shows("TSK-05")
async def call_graph_of_a_task_shows_who_waits() -> None:
    async def wait_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait_for_ever())
    await settle()
    introspection: Any = asyncio
    graph = introspection.capture_call_graph(task)
    assert graph.future is task
    assert graph.call_stack
    task.cancel()
    await asyncio.wait([task])


@shows("TSK-06")
async def future_belongs_to_its_loop_while_another_runs(new_loop: LoopFactory) -> None:
    other = new_loop()
    try:
        assert other.create_future().get_loop() is other
    finally:
        other.close()


@shows("TSK-06")
async def future_is_pending_and_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    assert asyncio.isfuture(future)
    assert not future.done()
    assert future.get_loop() is loop


@shows("TSK-06")
async def future_gives_its_result() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, "result")
    assert await future == "result"


# TSK-15, TSK-16: loops may bring futures and tasks of their own


@shows("TSK-15")
async def pending_future_has_neither_result_nor_exception() -> None:
    future = asyncio.get_running_loop().create_future()
    for ask in future.result, future.exception:
        with pytest.raises(asyncio.InvalidStateError):
            ask()
    assert (future.done(), future.cancelled()) == (False, False)


@pytest.mark.parametrize("end", ["result", "exception", "cancelled"])
@shows("TSK-15")
async def future_is_done_once(end: str) -> None:
    future = asyncio.get_running_loop().create_future()
    error = LookupError("mine")
    if end == "result":
        future.set_result(1)
    elif end == "exception":
        future.set_exception(error)
    else:
        assert future.cancel()
    with pytest.raises(asyncio.InvalidStateError):
        future.set_result(2)
    with pytest.raises(asyncio.InvalidStateError):
        future.set_exception(ValueError())
    assert not future.cancel()
    assert (future.done(), future.cancelled()) == (True, end == "cancelled")
    if end == "result":
        assert (future.result(), future.exception()) == (1, None)
    elif end == "exception":
        assert future.exception() is error
        with pytest.raises(LookupError, match="mine"):
            future.result()
    else:
        for ask in future.result, future.exception:
            with pytest.raises(asyncio.CancelledError):
                ask()


@shows("TSK-15")
async def cancelled_future_passes_its_message_on() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel(msg="enough")
    with pytest.raises(asyncio.CancelledError) as raised:
        await future
    assert raised.value.args == ("enough",)


@shows("TSK-15")
async def future_calls_back_soon_and_not_at_once() -> None:
    future = asyncio.get_running_loop().create_future()
    called: list[Any] = []
    future.add_done_callback(called.append)
    future.set_result(None)
    future.add_done_callback(called.append)
    before = list(called)
    await settle()
    assert (before, called) == ([], [future, future])


@shows("TSK-15")
async def removed_callback_of_a_future_is_not_called() -> None:
    future = asyncio.get_running_loop().create_future()
    called: list[Any] = []
    append = called.append
    future.add_done_callback(append)
    future.add_done_callback(append)
    assert [future.remove_done_callback(append), future.remove_done_callback(append)] == [2, 0]
    future.set_result(None)
    await settle()
    assert called == []


@shows("TSK-16")
async def pending_task_has_neither_result_nor_exception() -> None:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(0, "result"))
    for ask in task.result, task.exception:
        with pytest.raises(asyncio.InvalidStateError):
            ask()
    assert await task == "result"
    assert (task.result(), task.exception(), task.done(), task.cancelled()) == ("result", None, True, False)


@shows("TSK-16")
async def cancelled_task_raises_where_it_waits() -> None:
    seen: list[Any] = []

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise

    task = asyncio.get_running_loop().create_task(wait())
    await settle()
    assert (task.cancelling(), task.cancel(msg="enough"), task.cancelling()) == (0, True, 1)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (seen, task.cancelled(), task.cancel()) == ([("enough",)], True, False)


@shows("TSK-16")
async def task_may_survive_its_cancellation() -> None:
    async def survive() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
        return "survived"

    task = asyncio.get_running_loop().create_task(survive())
    await settle()
    task.cancel()
    assert await task == "survived"
    assert not task.cancelled()
    assert task.uncancel() == 0


@shows("TSK-16")
async def task_can_be_renamed() -> None:
    coroutine = asyncio.sleep(0)
    task = asyncio.get_running_loop().create_task(coroutine)
    assert task.get_name()
    task.set_name("renamed")
    assert task.get_name() == "renamed"
    assert task.get_coro() is coroutine
    await task


# TSK-07: callbacks


SCHEDULES: dict[str, Callable[..., asyncio.Handle]] = {
    "call_soon": lambda loop, *rest, **given: loop.call_soon(*rest, **given),
    "call_soon_threadsafe": lambda loop, *rest, **given: loop.call_soon_threadsafe(*rest, **given),
    "call_later": lambda loop, *rest, **given: loop.call_later(0.001, *rest, **given),
    "call_later at once": lambda loop, *rest, **given: loop.call_later(0, *rest, **given),
    "call_at": lambda loop, *rest, **given: loop.call_at(loop.time() + 0.001, *rest, **given),
}
every_schedule = pytest.mark.parametrize("method", SCHEDULES)


@every_schedule
@shows("TSK-07")
async def callback_runs_in_the_given_context(method: str) -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[str] = loop.create_future()
    SCHEDULES[method](loop, lambda: seen.set_result(variable.get()), context=context_with("given"))
    assert await soon(seen) == "given"


@every_schedule
@shows("TSK-07")
async def callback_sees_variables_of_the_call(method: str) -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[str] = loop.create_future()
    variable.set("at the call")
    SCHEDULES[method](loop, lambda: seen.set_result(variable.get()))
    variable.set("afterwards")
    assert await soon(seen) == "at the call"


@every_schedule
@shows("TSK-07")
async def callback_changes_nobodys_variables(method: str) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def change() -> None:
        variable.set("changed")
        done.set_result(None)

    SCHEDULES[method](loop, change)
    await soon(done)
    assert variable.get() == "unset"


@shows("TSK-07")
async def callback_sees_variables_of_the_calling_thread(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[str] = loop.create_future()

    def call() -> None:
        variable.set("of the thread")
        loop.call_soon_threadsafe(lambda: seen.set_result(variable.get()))

    in_thread(call)
    assert await soon(seen) == "of the thread"


@shows("TSK-07")
async def futures_callback_runs_in_the_given_context() -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[str] = loop.create_future()
    future = loop.create_future()
    future.add_done_callback(lambda _: seen.set_result(variable.get()), context=context_with("given"))
    future.set_result(None)
    assert await soon(seen) == "given"


# TSK-08, TSK-09: tasks


@shows("TSK-08")
async def task_starts_with_variables_of_its_creator() -> None:
    variable.set("of the creator")
    task = asyncio.create_task(get_variable())
    variable.set("afterwards")
    assert await task == "of the creator"


@shows("TSK-08")
async def tasks_do_not_see_each_others_variables() -> None:
    async def set_and_get(number: int) -> bool:
        variable.set(f"of {number}")
        for _ in range(5):
            await asyncio.sleep(0)
            if variable.get() != f"of {number}":
                return False
        return True

    assert all(await asyncio.gather(*map(set_and_get, range(100))))
    assert variable.get() == "unset"


@shows("TSK-08")
async def tasks_keep_their_variables_beyond_io(socket_pair: SocketPair) -> None:
    loop = asyncio.get_running_loop()
    here, there = socket_pair

    async def receive() -> str:
        variable.set("of the task")
        await loop.sock_recv(here, 10)
        await asyncio.sleep(0.001)
        return variable.get()

    task = asyncio.create_task(receive())
    await settle()
    there.send(b"x")
    assert await soon(task) == "of the task"


@shows("TSK-08")
async def tasks_have_decimal_contexts_of_their_own() -> None:
    async def divide(precision: int) -> str:
        with decimal.localcontext() as context:
            context.prec = precision
            await asyncio.sleep(0)
            return str(decimal.Decimal(1) / decimal.Decimal(3))

    assert await asyncio.gather(*map(divide, (3, 6, 9))) == ["0.333", "0.333333", "0.333333333"]


class Mortal:
    """Something whose death is seen."""


@pytest.mark.parametrize("ending", ["returned", "raised", "cancelled"])
@shows("TSK-09")
async def value_is_freed_with_the_task(ending: str) -> None:
    holder: contextvars.ContextVar[Mortal] = contextvars.ContextVar("holder")
    references: list[weakref.ref[Mortal]] = []

    async def hold() -> None:
        value = Mortal()
        references.append(weakref.ref(value))
        holder.set(value)
        del value
        await asyncio.sleep(0)
        if ending == "raised":
            raise LookupError("as it should")
        if ending == "cancelled":
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(hold())
    await settle()
    assert references[0]() is not None
    task.cancel()
    await asyncio.wait([task])
    if ending == "raised":
        task.exception()
    del task
    await settle()
    gc.collect()
    assert references[0]() is None


# TSK-10, TSK-11: protocols


class Noting(asyncio.Protocol):
    """Notes the variable's value at each call."""

    def __init__(self, seen: dict[str, str]) -> None:
        self.seen = seen
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002
        self.seen["connection_made"] = variable.get()

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self.seen["data_received"] = variable.get()

    def eof_received(self) -> None:
        self.seen["eof_received"] = variable.get()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.seen["connection_lost"] = variable.get()
        self.lost.set_result(None)


EVENTS = ("connection_made", "data_received", "eof_received", "connection_lost")


@shows("TSK-10")
async def protocol_sees_variables_of_create_connection(listener: socket.socket, in_thread: InThread) -> None:
    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"data")

    loop = asyncio.get_running_loop()
    served = in_thread(serve)
    seen: dict[str, str] = {}

    async def connect() -> Noting:
        variable.set("of the call")
        _, protocol = await loop.create_connection(lambda: Noting(seen), *listener.getsockname())
        return protocol

    protocol = await asyncio.create_task(connect())
    await soon(protocol.lost)
    served.result(PATIENCE)
    assert seen == dict.fromkeys(EVENTS, "of the call")


@shows("TSK-10")
async def protocol_sees_variables_of_create_server(in_thread: InThread) -> None:
    loop = asyncio.get_running_loop()
    seen: dict[str, str] = {}
    protocols: asyncio.Future[Noting] = loop.create_future()

    def make() -> Noting:
        protocol = Noting(seen)
        protocols.set_result(protocol)
        return protocol

    def talk(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, PATIENCE) as peer:
            peer.sendall(b"data")
            peer.shutdown(socket.SHUT_WR)
            return receive_all(peer)

    async def serve() -> asyncio.Server:
        variable.set("of the call")
        return await loop.create_server(make, "127.0.0.1", 0)

    server = await asyncio.create_task(serve())
    talked = in_thread(talk, server.sockets[0].getsockname())
    protocol = await soon(protocols)
    await soon(protocol.lost)
    server.close()
    await asyncio.wrap_future(talked)
    assert seen == dict.fromkeys(EVENTS, "of the call")


class NotingDatagrams(asyncio.DatagramProtocol):
    """Notes the variable's value at each call."""

    def __init__(self, seen: dict[str, str]) -> None:
        self.seen = seen
        loop = asyncio.get_running_loop()
        self.received, self.lost = loop.create_future(), loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002
        self.seen["connection_made"] = variable.get()

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        self.seen["datagram_received"] = variable.get()
        self.received.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.seen["connection_lost"] = variable.get()
        self.lost.set_result(None)


@shows("TSK-11")
async def variables_that_datagram_protocols_see(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    seen: dict[str, str] = {}

    async def create() -> tuple[asyncio.DatagramTransport, NotingDatagrams]:
        variable.set("of the call")
        return await loop.create_datagram_endpoint(lambda: NotingDatagrams(seen), local_addr=("127.0.0.1", 0))

    transport, protocol = await asyncio.create_task(create())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"data", transport.get_extra_info("sockname"))
        await soon(protocol.received)
    transport.close()
    await soon(protocol.lost)
    observe(", ".join(f"{event}: {value}" for event, value in seen.items()))


class NotingProcess(asyncio.SubprocessProtocol):
    """Notes the variable's value at each call."""

    def __init__(self, seen: dict[str, str]) -> None:
        self.seen = seen
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002
        self.seen["connection_made"] = variable.get()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        self.seen["pipe_data_received"] = variable.get()

    def process_exited(self) -> None:
        self.seen["process_exited"] = variable.get()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.seen["connection_lost"] = variable.get()
        self.lost.set_result(None)


@shows("TSK-11", POSIX)
async def variables_that_subprocess_protocols_see(observe: Observe) -> None:
    loop = asyncio.get_running_loop()
    seen: dict[str, str] = {}

    async def create() -> tuple[asyncio.SubprocessTransport, NotingProcess]:
        variable.set("of the call")
        return await loop.subprocess_exec(lambda: NotingProcess(seen), "/bin/sh", "-c", "echo data", stdin=None)

    transport, protocol = await asyncio.create_task(create())
    await soon(protocol.lost)
    transport.close()
    observe(", ".join(f"{event}: {value}" for event, value in sorted(seen.items())))


# TSK-12: descriptors and signals


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
@shows("TSK-12")
async def watcher_sees_variables_of_its_registration(method: str, socket_pair: SocketPair) -> None:
    loop = asyncio.get_running_loop()
    here, there = socket_pair
    seen: asyncio.Future[str] = loop.create_future()

    def note() -> None:
        getattr(loop, method.replace("add", "remove"))(here.fileno())
        seen.set_result(variable.get())

    variable.set("at the registration")
    getattr(loop, method)(here.fileno(), note)
    variable.set("afterwards")
    there.send(b"x")
    assert await soon(seen) == "at the registration"


@shows("TSK-12", POSIX)
async def signals_callback_sees_variables_of_its_registration() -> None:
    loop: Any = asyncio.get_running_loop()
    signals: Any = signal
    seen: asyncio.Future[str] = loop.create_future()
    variable.set("at the registration")
    loop.add_signal_handler(signals.SIGUSR1, lambda: seen.set_result(variable.get()))
    variable.set("afterwards")
    try:
        signal.raise_signal(signals.SIGUSR1)
        assert await soon(seen) == "at the registration"
    finally:
        loop.remove_signal_handler(signals.SIGUSR1)


# TSK-13: what is no coroutine


@pytest.mark.parametrize("what", ["future", "function", "number"])
@shows("TSK-13")
async def create_task_refuses_what_is_no_coroutine(what: str) -> None:
    loop: Any = asyncio.get_running_loop()
    given: dict[str, object] = {"future": loop.create_future(), "function": get_variable, "number": 1}
    with pytest.raises(TypeError):
        await loop.create_task(given[what])


@pytest.mark.parametrize("method", SCHEDULES)
@shows("TSK-14")
async def handle_knows_the_given_context(method: str) -> None:
    loop = asyncio.get_running_loop()
    context = context_with("given")
    handle: Any = SCHEDULES[method](loop, do_nothing, context=context)
    if handle is not None:  # API-04 is about those that return none
        assert handle.get_context() is context
        handle.cancel()


@pytest.mark.parametrize("method", SCHEDULES)
@shows("TSK-14")
async def handle_knows_the_context_of_its_callback(method: str) -> None:
    loop = asyncio.get_running_loop()
    seen = loop.create_future()
    handle: Any = SCHEDULES[method](loop, lambda: seen.set_result(variable.set("set by the callback")))
    await soon(seen)
    if handle is not None:
        assert handle.get_context()[variable] == "set by the callback"
