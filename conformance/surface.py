"""API: what loops, handles, transports and servers have and accept, found out with hardly any I/O.

The documented surface is that of the running Python: the methods and parameters of asyncio.AbstractEventLoop
and of the interfaces of transports, handles and servers, and the few documented keywords missing there.

A method is judged by calling it. Neither a look at it nor its signature is enough: a loop may inherit a stub,
or override it with another, and compile either. So it is called with arguments that nobody can do anything
with: a stub still raises NotImplementedError, and other complaints come from somebody who looked at them.
Calling a coroutine function binds the arguments and does no more, which shows whether it takes a keyword.
What a method refuses only when it could do it is found by the cases of the area that is about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .declare import shows
from .gates import POSIX, UNIX_SOCKETS
from .peers import PATIENCE
from .scripts.searching import search_operations

if TYPE_CHECKING:
    from .subject import Exploring, Observe

UNUSABLE = object()
"""An argument of no type that any method could use."""

LATER: tuple[tuple[str, str, object, tuple[int, int]], ...] = (
    ("create_connection", "all_errors", False, (3, 12)),
    ("create_task", "context", None, (3, 11)),  # AbstractEventLoop has only **kwargs since 3.14
    ("create_task", "eager_start", None, (3, 14)),
    ("create_task", "name", None, (3, 8)),
    ("create_unix_server", "cleanup_socket", True, (3, 13)),
    ("shutdown_default_executor", "timeout", None, (3, 12)),
)
"""Keywords that AbstractEventLoop does not show, their defaults, and the version that documents them."""

WITHDRAWN = ("create_datagram_endpoint", "reuse_address")  # in 3.11, but AbstractEventLoop still has it


def public(*kinds: type) -> list[str]:
    """Return the names of the public methods and properties of some classes."""
    return sorted({name for kind in kinds for name in dir(kind) if not name.startswith("_")})


def parameters(method: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters of a function of a class, without ``self``."""
    return list(inspect.signature(method).parameters.values())[1:]


def optional(method: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters that have a default: the names of others differ within the standard library."""
    return [parameter for parameter in parameters(method) if parameter.default is not parameter.empty]


def of_loop(name: str) -> Callable[..., object]:
    """Return the method of asyncio's abstract loop."""
    method: Callable[..., object] = getattr(asyncio.AbstractEventLoop, name)
    return method


def optional_by_position(method: Callable[..., object]) -> list[object]:
    """Return the defaults of what may be given by position."""
    return [parameter.default for parameter in optional(method) if parameter.kind is not parameter.KEYWORD_ONLY]


METHODS = public(asyncio.AbstractEventLoop)
COROUTINES = [name for name in METHODS if inspect.iscoroutinefunction(of_loop(name))]
PLAIN = [name for name in METHODS if name not in COROUTINES]
DEFAULTS = {(name, parameter.name): parameter.default for name in METHODS for parameter in optional(of_loop(name))} | {
    (name, keyword): default for name, keyword, default, since in LATER if sys.version_info >= since
}
DEFAULTS.pop(WITHDRAWN, None)
KEYWORDS = sorted(DEFAULTS)


GIVEN: dict[str, tuple[object, ...]] = {
    "call_at": (0, int),
    "call_later": (0, int),
    "call_soon": (int,),
    "call_soon_threadsafe": (int,),
    "set_debug": (False,),
    "set_default_executor": (ThreadPoolExecutor(),),  # has no threads before it is used
    "set_exception_handler": (None,),
    "set_task_factory": (None,),
    "get_extra_info": ("peername",),
    "get_pipe_transport": (0,),
    "sendto": (b"x",),
    "write": (b"x",),
    "writelines": ([b"x"],),
}
"""What a method is called with that might keep an unusable argument, or that can well be called for real."""

INTEGERS = {"bufsize": 1, "nbytes": 1, "port": 0}  # parameters whose type compiled functions may check early

NOT_CALLED = frozenset(
    {
        *("close", "run_forever", "run_until_complete", "stop"),  # whoever runs a case has called them
        *("getaddrinfo", "getnameinfo", "shutdown_default_executor"),  # start threads
        *("serve_forever", "wait_closed"),  # wait for others
        *("kill", "terminate"),  # Popen polls before it kills: closing the transport might reap a dead child
    }
)


def arguments(method: Callable[..., object]) -> tuple[object, ...]:
    """Return what a method of asyncio's own classes must be given, and one more if it takes any number."""
    return GIVEN.get(method.__name__) or tuple(
        INTEGERS.get(parameter.name, UNUSABLE)
        for parameter in parameters(method)
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    )


def implemented(thing: object, interface: type, name: str, *given: object) -> Any:
    """Return a method of `thing` that is there and does more than raise NotImplementedError.

    Raises:
        AttributeError: it is not there.
        NotImplementedError: it is a stub, inherited or not.
    """
    method = getattr(thing, name)
    full_name = f"{type(thing).__qualname__}.{name}()"
    if _is_abstract(method):
        raise NotImplementedError(f"{full_name} is the one of asyncio's abstract class")
    if name not in NOT_CALLED and callable(method):
        try:
            _begin(method(*(given or arguments(getattr(interface, name)))))
        except NotImplementedError as error:
            raise NotImplementedError(f"{full_name} raises {error!r}") from error
        except Exception:  # noqa: BLE001 - what it says to such arguments is for the cases of other areas
            pass
    return method


def _is_abstract(method: object) -> bool:
    """Whether it is a method of asyncio's abstract classes that only raises NotImplementedError."""
    return (
        inspect.ismethod(method)
        and method.__func__.__module__ in {"asyncio.events", "asyncio.transports"}
        and method.__func__.__code__.co_names == ("NotImplementedError",)
    )


def _begin(returned: object) -> None:
    """Run what a coroutine function returned up to the first thing it would wait for."""
    if asyncio.iscoroutine(returned):
        with contextlib.closing(returned):
            returned.send(None)


@contextlib.contextmanager
def telling_refusals(keyword: str) -> Iterator[None]:
    """Make a NotImplementedError of the TypeError that says that a keyword is not accepted."""
    try:
        yield
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        raise NotImplementedError(f"{keyword}= is not accepted: {error}") from error


def bind(method: Callable[..., Any], *given: object, **options: object) -> None:
    """Bind arguments to the parameters of a method that is documented as a coroutine, without running it.

    Calling a coroutine function does just that; of any other kind of function the signature is asked.

    Raises:
        TypeError: they cannot be bound.
    """
    try:
        signature = inspect.signature(method)
    except ValueError:  # a compiled function need not have one
        signature = None
    if signature:
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        by_position = inspect.Parameter.VAR_POSITIONAL in kinds and not options
        by_keyword = inspect.Parameter.VAR_KEYWORD in kinds and not options.keys() <= signature.parameters.keys()
        if by_position or by_keyword:
            pytest.skip(f"only a real call shows what {method.__name__}{signature} accepts")
    if inspect.iscoroutinefunction(method):
        method(*given, **options).close()
    elif signature:
        signature.bind(*given, **options)
    else:
        pytest.skip(f"only a real call shows what {method.__name__}() accepts: it has no signature")


def returns_a_coroutine(method: Callable[..., object], *given: object) -> None:
    """Assert that calling the method makes a coroutine object and does nothing yet."""
    try:
        returned = method(*given)
    except TypeError as error:  # a compiled function may check types before it makes the coroutine
        pytest.skip(f"only a real call shows what it returns: {error}")
    except Exception as error:
        raise AssertionError(f"the call itself raised {error!r}: a coroutine would when awaited") from error
    assert asyncio.iscoroutine(returned)
    returned.close()


# Loops


@shows("API-01")
@pytest.mark.parametrize("name", METHODS)
async def loop_method_is_present(name: str) -> None:
    implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)


@shows("API-02")
@pytest.mark.parametrize(("name", "keyword"), [(name, word) for name, word in KEYWORDS if name in COROUTINES])
async def loop_coroutine_accepts_keyword(name: str, keyword: str) -> None:
    method = implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)
    with telling_refusals(keyword):
        bind(method, *arguments(of_loop(name)), **{keyword: DEFAULTS[name, keyword]})


@shows("API-02")
@pytest.mark.parametrize("name", [name for name, word in KEYWORDS if word == "context" and name != "create_task"])
async def loop_callback_method_accepts_context(name: str) -> None:
    method = implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)
    with telling_refusals("context"):
        method(*GIVEN[name], context=contextvars.copy_context())


@shows("API-02")
@pytest.mark.parametrize("keyword", [word for name, word in KEYWORDS if name == "create_task"])
async def create_task_accepts_keyword(keyword: str) -> None:
    loop: Any = asyncio.get_running_loop()
    with contextlib.closing(asyncio.sleep(0)) as coroutine:
        with telling_refusals(keyword):
            task = loop.create_task(coroutine, **{keyword: DEFAULTS["create_task", keyword]})
        await task


@shows("API-02")
@pytest.mark.parametrize("name", [name for name in COROUTINES if optional_by_position(of_loop(name))])
async def loop_coroutine_takes_optional_arguments_by_position(name: str) -> None:
    method = implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)
    bind(method, *arguments(of_loop(name)), *optional_by_position(of_loop(name)))


@shows("API-03")
@pytest.mark.parametrize("name", COROUTINES)
async def loop_coroutine_method_returns_a_coroutine(name: str) -> None:
    method = implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)
    returns_a_coroutine(method, *arguments(of_loop(name)))


@shows("API-03")
@pytest.mark.parametrize("name", PLAIN)
async def loop_method_is_no_coroutine_function(name: str) -> None:
    method = implemented(asyncio.get_running_loop(), asyncio.AbstractEventLoop, name)
    assert not inspect.iscoroutinefunction(method)


@shows("API-03")
async def run_in_executor_returns_a_future() -> None:
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, int)
    assert asyncio.isfuture(future)
    await future
    with contextlib.suppress(NotImplementedError):  # only tidies up: the executor's thread has ended
        await loop.shutdown_default_executor()


@shows("API-04")
async def create_future_returns_a_future() -> None:
    assert asyncio.isfuture(asyncio.get_running_loop().create_future())


@shows("API-04")
async def create_task_returns_a_task() -> None:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(0))
    await task
    assert isinstance(task, asyncio.Task)


# Handles


@contextlib.contextmanager
def later(name: str) -> Iterator[Any]:
    """Schedule a callback for a time that does not come."""
    loop = asyncio.get_running_loop()
    handle = getattr(loop, name)(loop.time() + 1000, int)
    try:
        yield handle
    finally:
        handle.cancel()


@shows("API-01")
@pytest.mark.parametrize("name", public(asyncio.Handle))
async def handle_method_is_present(name: str) -> None:
    implemented(asyncio.get_running_loop().call_soon(int), asyncio.Handle, name)


@shows("API-01")
@pytest.mark.parametrize("name", public(asyncio.TimerHandle))
async def timer_handle_method_is_present(name: str) -> None:
    with later("call_later") as handle:
        implemented(handle, asyncio.TimerHandle, name)


@shows("API-04")
@pytest.mark.parametrize("name", ["call_soon", "call_soon_threadsafe"])
async def callback_method_returns_a_handle(name: str) -> None:
    assert isinstance(getattr(asyncio.get_running_loop(), name)(int), asyncio.Handle)


@shows("API-04")
@pytest.mark.parametrize("name", ["call_at", "call_later"])
async def delayed_callback_method_returns_a_timer_handle(name: str) -> None:
    with later(name) as handle:
        assert isinstance(handle, asyncio.TimerHandle)


@shows("API-04")
@pytest.mark.parametrize("name", ["call_at", "call_later"])
async def handle_of_a_callback_that_is_due_has_when(name: str) -> None:
    loop = asyncio.get_running_loop()
    assert getattr(loop, name)(0, int).when() <= loop.time()


# Servers


@contextlib.asynccontextmanager
async def opened_server() -> AsyncIterator[asyncio.AbstractServer]:
    """Open a server on the loop under test; nobody connects to it."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()


@shows("API-01")
@pytest.mark.parametrize("name", public(asyncio.Server))
async def server_method_is_present(name: str) -> None:
    async with opened_server() as server:
        implemented(server, asyncio.Server, name)


@shows("API-03")
@pytest.mark.parametrize("name", ["serve_forever", "start_serving", "wait_closed"])
async def server_coroutine_method_returns_a_coroutine(name: str) -> None:
    async with opened_server() as server:
        returns_a_coroutine(implemented(server, asyncio.Server, name))


@shows("API-04")
async def create_server_returns_a_server() -> None:
    async with opened_server() as server:
        assert isinstance(server, asyncio.AbstractServer)


# Transports


class Witness(asyncio.Protocol, asyncio.DatagramProtocol, asyncio.SubprocessProtocol):
    """A protocol for every kind of transport, which knows when the transport is done."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end, whatever its reason."""
        self.ended.set_result(exc)


Opener: TypeAlias = Callable[[Any, Witness, contextlib.ExitStack], Any]


def _stream(loop: Any, witness: Witness, stack: contextlib.ExitStack) -> Any:
    here, _there = map(stack.enter_context, socket.socketpair())
    here.setblocking(False)
    return loop.create_connection(lambda: witness, sock=here)


def _datagram(loop: Any, witness: Witness, stack: contextlib.ExitStack) -> Any:
    there = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    there.bind(("127.0.0.1", 0))
    return loop.create_datagram_endpoint(lambda: witness, remote_addr=there.getsockname())


def _pipe(stack: contextlib.ExitStack) -> tuple[FileIO, FileIO]:
    reader, writer = os.pipe()
    return stack.enter_context(FileIO(reader, "rb")), stack.enter_context(FileIO(writer, "wb"))


def _read_pipe(loop: Any, witness: Witness, stack: contextlib.ExitStack) -> Any:
    return loop.connect_read_pipe(lambda: witness, _pipe(stack)[0])


def _write_pipe(loop: Any, witness: Witness, stack: contextlib.ExitStack) -> Any:
    return loop.connect_write_pipe(lambda: witness, _pipe(stack)[1])


def _subprocess(loop: Any, witness: Witness, _: contextlib.ExitStack) -> Any:
    return loop.subprocess_exec(lambda: witness, "cat", stdout=subprocess.DEVNULL)


PORTABLE: dict[type, Opener] = {asyncio.Transport: _stream, asyncio.DatagramTransport: _datagram}
PIPES: dict[type, Opener] = {
    asyncio.ReadTransport: _read_pipe,
    asyncio.WriteTransport: _write_pipe,
    asyncio.SubprocessTransport: _subprocess,
}


@contextlib.asynccontextmanager
async def opened(interface: type) -> AsyncIterator[Any]:
    """Open a transport with that interface on the loop under test; wait for its end afterwards."""
    witness = Witness()
    with contextlib.ExitStack() as stack:
        transport, _ = await (PORTABLE | PIPES)[interface](asyncio.get_running_loop(), witness, stack)
        try:
            yield transport
        finally:
            transport.close()
            await asyncio.wait_for(witness.ended, PATIENCE)


def methods(kinds: Iterable[type]) -> list[Any]:
    """Return parameters: each interface with each of its methods."""
    return [pytest.param(kind, name, id=f"{kind.__name__}-{name}") for kind in kinds for name in public(kind)]


async def transport_has(interface: type, name: str) -> None:
    async with opened(interface) as transport:
        given = (transport.get_protocol(),) if name == "set_protocol" else ()
        implemented(transport, interface, name, *given)


@shows("API-01")
@pytest.mark.parametrize(("interface", "name"), methods(PORTABLE))
async def transport_method_is_present(interface: type, name: str) -> None:
    await transport_has(interface, name)


@shows("API-01", POSIX)
@pytest.mark.parametrize(("interface", "name"), methods(PIPES))
async def pipe_transport_method_is_present(interface: type, name: str) -> None:
    await transport_has(interface, name)


@shows("API-02")
@pytest.mark.parametrize(
    ("interface", "name", "keyword"),
    [
        pytest.param(interface, name, keyword, id=f"{interface.__name__}-{name}-{keyword}")
        for interface in PORTABLE
        for name in public(interface)
        for keyword in (parameter.name for parameter in optional(getattr(interface, name)))
    ],
)
async def transport_method_accepts_keyword(interface: type, name: str, keyword: str) -> None:
    async with opened(interface) as transport:
        with telling_refusals(keyword):
            getattr(transport, name)(*arguments(getattr(interface, name)), **{keyword: None})


@shows("API-04")
@pytest.mark.parametrize(
    "interface",
    # The selector loops' own datagram transport is one since 3.12.
    [kind for kind in PORTABLE if kind is not asyncio.DatagramTransport or sys.version_info >= (3, 12)],
    ids=lambda interface: interface.__name__,
)
async def transport_is_an_instance(interface: type) -> None:
    async with opened(interface) as transport:
        assert isinstance(transport, interface)


@shows("API-04", POSIX)
@pytest.mark.parametrize("interface", PIPES, ids=lambda interface: interface.__name__)
async def pipe_transport_is_an_instance(interface: type) -> None:
    async with opened(interface) as transport:
        assert isinstance(transport, interface)


# Private attributes: nobody promises them, and yet people ask why their library breaks on another loop.


def note(thing: object, name: str, observe: Observe) -> None:
    """Record whether the object has the attribute, and of which type it is."""
    missing = object()
    found = getattr(thing, name, missing)
    observe("absent" if found is missing else type(found).__qualname__)


@shows("API-05")
@pytest.mark.parametrize(
    "name",
    [
        *("_asyncgens", "_check_closed", "_clock_resolution", "_default_executor", "_exception_handler"),
        *("_make_socket_transport", "_process_events", "_ready", "_run_once", "_scheduled", "_selector"),
        *("_signal_handlers", "_task_factory", "_thread_id", "_timer_handle_cancelled", "_write_to_self"),
    ],
)
async def private_attribute_of_loop(name: str, observe: Observe) -> None:
    note(asyncio.get_running_loop(), name, observe)


@shows("API-05")
@pytest.mark.parametrize("name", ["_args", "_callback", "_cancelled", "_run", "_scheduled", "_when"])
async def private_attribute_of_timer_handle(name: str, observe: Observe) -> None:
    note(asyncio.get_running_loop().call_later(0, int), name, observe)


@shows("API-05")
@pytest.mark.parametrize("name", ["_loop", "_protocol_factory", "_sockets", "_ssl_context", "_waiters"])
async def private_attribute_of_server(name: str, observe: Observe) -> None:
    async with opened_server() as server:
        note(server, name, observe)


@shows("API-05")
@pytest.mark.parametrize("name", ["_buffer", "_extra", "_loop", "_paused", "_protocol", "_sock", "_sock_fd"])
async def private_attribute_of_transport(name: str, observe: Observe) -> None:
    async with opened(asyncio.Transport) as transport:
        note(transport, name, observe)


@shows("API-05")
async def private_transport_of_stream_reader(observe: Observe) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=here)
        note(reader, "_transport", observe)
        writer.close()
        await writer.wait_closed()


@shows("API-06")
def random_operations_leave_the_trace_of_the_control(exploring: Exploring, platform: str) -> None:
    search_operations(exploring, unix=UNIX_SOCKETS.holds_on(platform))
