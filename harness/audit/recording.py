"""Recording what a program asks of its event loops, while it runs, on whatever loops it runs.

Methods are replaced in classes, not in loops: a loop stays an instance of the very class that it was, and it does not
matter who makes it. A loop whose methods are written in C (uvloop's) is reached through the Python class that it is
made from. A class that is made meanwhile is reached when it is made (``__init_subclass__`` of
:class:`asyncio.AbstractEventLoop`).

What every loop has on every platform, and asyncio itself uses all the time, is left alone: ``call_soon()``,
``create_future()``, ``time()``. So recording costs a microsecond a call that matters, and nothing in between.
"""

from __future__ import annotations

import asyncio
import asyncio.base_subprocess
import asyncio.selector_events
import asyncio.subprocess
import contextlib
import functools
import inspect
import os
import signal
import socket
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, ModuleType
from typing import Any

from ...fake_selectors.limits import AMOUNTS, LEAST, LIMITS
from . import circumstances, descriptors
from .record import NOWHERE, Record, Site, Use

Method = Callable[..., Any]
Loop = asyncio.AbstractEventLoop

CALLS = frozenset(
    {
        *("add_reader", "remove_reader", "add_writer", "remove_writer"),
        *("add_signal_handler", "remove_signal_handler"),
        *("connect_read_pipe", "connect_write_pipe", "subprocess_exec", "subprocess_shell"),
        *("create_connection", "create_server", "create_unix_connection", "create_unix_server"),
        *("create_datagram_endpoint", "connect_accepted_socket", "start_tls", "sendfile"),
        *("sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall", "sock_sendto"),
        *("sock_connect", "sock_accept", "sock_sendfile"),
        *("run_in_executor", "getaddrinfo", "getnameinfo"),
    }
)
"""The methods of loops whose calls are recorded."""
FUNCTIONS = ("Process.send_signal", "SubprocessTransport.send_signal", "signal.signal")
"""What else is recorded."""
TIMERS = ("call_later", "call_at")

_FACTORIES = CALLS & {name for name in circumstances.OF if name.startswith("create_")}
_RUNNING = ("run_forever", "run_until_complete")
_THROUGH = "close"
"""Calls methods of the loop itself, which is seen once it is a call of ours: a loop in C has no frame."""
_WATCHING = {"_add_reader": (0, True), "_add_writer": (1, True), "_remove_reader": (0, False)}
_WATCHING |= {"_remove_writer": (1, False)}
"""What the standard library's transports call, and its public methods: the set it is about, and whether it adds."""

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep  # noqa: PTH120 - the start of names of files
_IMPLEMENTATION = frozenset(
    f"{_ASYNCIO}{name}.py"
    for name in (
        *("base_events", "base_subprocess", "proactor_events", "selector_events", "sslproto"),
        *("unix_events", "windows_events", "windows_utils"),
    )
) | {__file__}
"""The files of what calls methods of a loop because another one was called."""
_TOOLS = ("_pytest", "pluggy", "pytest_", "xdist", "execnet", "everyloop.harness")
"""Whose signal handlers are not the program's."""
_HEAP, _IMMUTABLE = 1 << 9, 1 << 8  # Py_TPFLAGS_HEAPTYPE and Py_TPFLAGS_IMMUTABLETYPE
_ABSENT: Any = object()
_MANY = 10_000
"""So many places are remembered; a program that compiles code again and again has more."""


class _Place:
    """An instruction of somebody's code that calls a method of a loop, and what is known of it for good.

    Attributes:
        code: the code, kept so that no other gets its identity.
        internal: whether the method is called because another one was.
        site: the line to name; None: that depends on who called this code.
        counts: how many calls were made, by their circumstances.
    """

    __slots__ = ("code", "counts", "internal", "site")

    def __init__(self, code: CodeType, internal: bool, site: Site | None) -> None:
        self.code = code
        self.internal = internal
        self.site = site
        self.counts: dict[tuple[str, ...], int] = {}


_Places = dict[tuple[int, int, type], _Place]
"""By the identity of the code, the instruction and the class of the loop: a code's own hash reads all of it."""


@functools.cache
def _notable(amount: str) -> float:
    """Where an amount begins to matter on some platform: from there on every place that has it is of interest."""
    numbers = [limit.number for limit in LIMITS if limit.amount == amount and limit.number is not None]
    return max(numbers) if AMOUNTS[amount] == LEAST else min(numbers)


class Recorder:
    """Records while it is entered; leaving puts everything back.

    What happens in every call that matters is written for speed: a test suite may make a million of them. Files are
    told apart instead of modules, since their names are at hand, and objects by their identity. What is found out about
    an instruction that calls is remembered.
    """

    def __init__(self) -> None:
        self._record = Record()
        self._uses: dict[tuple[str, tuple[str, ...], Site], int] = {}
        self._places: list[tuple[str, _Places]] = []
        self._undo: list[tuple[type | ModuleType, str, Any]] = []
        self._boundaries: set[CodeType] = set()
        self._files: dict[type, frozenset[str]] = {}
        # By the identity of a code, with the code, and the instruction.
        self._lines: dict[tuple[int, int], tuple[CodeType, Site]] = {}
        # By the identity of a task. A stale entry does no harm: who has frames of his own is never looked up here.
        self._started: dict[int, Site] = {}
        # By the identity of a socket, with the socket, for an identity is used again.
        self._owners: dict[int, tuple[weakref.ref[Any], weakref.ref[Loop]]] = {}
        # By the identity of a loop, until it is gone.
        self._watched: dict[int, tuple[set[int | None], set[int | None]]] = {}
        self._loops: dict[int, weakref.ref[Loop]] = {}
        self._opened = NOWHERE
        self._peak = 0
        self._living = 0
        self._protocols: set[weakref.ref[Any]] = set()
        self._next_count = 0.0
        self._open_before = descriptors.open_sockets()
        self._highest = -1
        self._short = float("inf")  # then it is the shortest so far, or what is too short somewhere
        self._longest = -1
        self._long = _notable("longest-datagram")

    @property
    def record(self) -> Record:
        """What was seen so far."""
        for name, places in self._places:
            self._collect(name, places)
        self._record.uses.update({Use(*use): count for use, count in self._uses.items()})
        self._uses.clear()
        return self._record

    def __enter__(self) -> Recorder:
        def made(kind: type[Loop], /, **options: Any) -> None:
            super(Loop, kind).__init_subclass__(**options)
            self._instrument(kind)

        for kind in [*_subclasses(Loop)]:
            self._instrument(kind)
        self._put(Loop, "__init_subclass__", classmethod(made))
        self._wrap(asyncio.subprocess.Process, "send_signal", self._sending("Process"))
        self._wrap(asyncio.base_subprocess.BaseSubprocessTransport, "send_signal", self._sending("SubprocessTransport"))
        self._wrap(getattr(asyncio.selector_events, "_SelectorDatagramTransport"), "sendto", self._sending_datagrams)  # noqa: B009 - it is private
        self._wrap(signal, "signal", self._handling)
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            owner, name, before = self._undo.pop()
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    # How methods are replaced.

    def _put(self, owner: type | ModuleType, name: str, value: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def _wrap(self, owner: type | ModuleType, name: str, wrap: Callable[[Method], Method]) -> None:
        original = vars(owner)[name]
        self._put(owner, name, _disguised(wrap(original), original))

    def _instrument(self, kind: type) -> None:
        """Replace the methods of a class of loops that are its own, or that a class in C gave it."""
        if not _is_open(kind):
            return
        for name in (*CALLS, *TIMERS, *_RUNNING, *_WATCHING, _THROUGH, "create_task"):
            owner = next((parent for parent in kind.__mro__ if name in vars(parent)), Loop)
            if owner is Loop or (owner is not kind and _is_open(owner) and issubclass(owner, Loop)):
                continue
            original = vars(owner)[name]
            if callable(original):
                self._put(kind, name, _disguised(self._recording(kind, name, original), original))

    def _recording(self, kind: type, name: str, original: Method) -> Method:
        if name == "create_task":
            return self._starting(original)
        if name == _THROUGH:
            return lambda loop, *arguments, **options: original(loop, *arguments, **options)
        if name in TIMERS:
            return self._timing(name, original)
        if name in _RUNNING:
            return self._running(original)
        if name in _WATCHING:
            return self._watching(original, *_WATCHING[name], own=1)
        exact = any("_add_reader" in vars(parent) for parent in kind.__mro__)
        if not exact and f"_{name}" in _WATCHING:
            original = self._watching(original, *_WATCHING[f"_{name}"], own=0)
        return self._calling(name, original)

    def _calling(self, name: str, original: Method) -> Method:
        words = circumstances.OF.get(name)
        amount, measure = circumstances.AMOUNTS.get(name, (None, None))
        on_socket = name.startswith("sock_")
        connects = name in _FACTORIES and self._open_before is not None

        places: _Places = {}
        self._places.append((name, places))
        watches = on_socket or name in _FACTORIES or name == "add_reader"

        def call(loop: Any, *arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1)  # noqa: SLF001
            place = places.get((id(caller.f_code), caller.f_lasti, type(loop)))
            if place is None:
                place = self._place(name, places, caller, loop)
            if not place.internal:
                said = () if words is None else tuple(words(*arguments, **options))
                if (on_socket or "sock" in options) and self._is_of_another_loop(
                    loop, arguments[0] if on_socket and arguments else options.get("sock")
                ):
                    said = (*said, "socket of another loop")
                site = place.site
                if site is None:
                    site = self._note(name, said, caller, loop)
                else:
                    place.counts[said] = place.counts.get(said, 0) + 1
                if watches:
                    self._opened = site
                if measure is not None and amount is not None and (length := measure(*arguments, **options)):
                    self._record.measure(amount, length, site)
            if connects and not hasattr(loop, "_add_reader"):
                arguments, options = self._counting(arguments, options)
            return original(loop, *arguments, **options)

        return call

    def _starting(self, original: Method) -> Method:
        """Remember who starts a coroutine of asyncio's own: none of its frames is the program's."""

        def create_task(loop: Any, coro: Any, **options: Any) -> Any:
            task = original(loop, coro, **options)
            code = getattr(coro, "cr_code", None)
            if code is not None and code.co_filename.startswith(_ASYNCIO):
                frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
                while frame is not None and _is_ours_or_asyncios(frame.f_code.co_filename):
                    frame = frame.f_back
                if frame is not None:
                    self._started[id(task)] = self._line(frame)
            return task

        return create_task

    def _timing(self, name: str, original: Method) -> Method:
        def note(loop: Any, delay: float, caller: FrameType) -> None:
            if not self._is_internal(caller, loop, name):
                self._short = max(delay, _notable("shortest-timer"))
                self._record.measure("shortest-timer", delay, self._note(name, (), caller, loop))

        def call_later(loop: Any, delay: Any, *arguments: Any, **options: Any) -> Any:
            if (type(delay) is float or type(delay) is int) and 0 < delay < self._short:
                note(loop, delay, sys._getframe(1))  # noqa: SLF001
            return original(loop, delay, *arguments, **options)

        def call_at(loop: Any, when: Any, *arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1)  # noqa: SLF001
            if caller.f_code.co_filename not in _IMPLEMENTATION and (type(when) is float or type(when) is int):
                delay = when - loop.time()
                if 0 < delay < self._short:
                    note(loop, delay, caller)
            return original(loop, when, *arguments, **options)

        return call_later if name == "call_later" else call_at

    def _running(self, original: Method) -> Method:
        """Where a loop begins to run: the program above called nothing that is called below."""

        def run(loop: Any, *arguments: Any, **options: Any) -> Any:
            if type(loop) not in self._files:
                self._files_of(loop)
                self._record.loops.add(f"{type(loop).__module__}.{type(loop).__qualname__}")
            return original(loop, *arguments, **options)

        self._boundaries.add(run.__code__)
        return run

    def _watching(self, original: Method, which: int, adds: bool, *, own: int) -> Method:
        watched = self._watched

        def add(loop: Any, fd: Any, *arguments: Any, **options: Any) -> Any:
            done = original(loop, fd, *arguments, **options)
            number = fd if type(fd) is int else descriptors.number_of(fd)
            if number is not None:
                sets = watched.get(id(loop)) or self._watch(loop)
                sets[which].add(number)
                if len(sets[which]) > self._peak:
                    self._count(max(len(sets[0]) - own, len(sets[1])))  # one wakes the loop
                if number > self._highest:
                    self._highest = number
                    self._record.measure("highest-descriptor", number, self._opened)
            return done

        def remove(loop: Any, fd: Any) -> Any:
            done = original(loop, fd)
            sets = watched.get(id(loop))
            if sets is not None:
                sets[which].discard(fd if type(fd) is int else descriptors.number_of(fd))
            return done

        return add if adds else remove

    def _watch(self, loop: Loop) -> tuple[set[int | None], set[int | None]]:
        """Begin with a loop: return what it will watch, for reading and for writing."""
        key = id(loop)

        def forget(_: object) -> None:
            del self._watched[key], self._loops[key]

        found: tuple[set[int | None], set[int | None]] = (set(), set())
        self._loops[key] = weakref.ref(loop, forget)
        self._watched[key] = found
        return found

    def _sending(self, owner: str) -> Callable[[Method], Method]:
        def wrap(original: Method) -> Method:
            def send_signal(process: Any, number: Any) -> Any:
                caller = sys._getframe(1)  # noqa: SLF001
                if caller.f_globals.get("__name__") != "asyncio.subprocess":
                    name = circumstances.signal_name(number)
                    self._note(f"{owner}.send_signal", (name,) if name else (), caller)
                return original(process, number)

            return send_signal

        return wrap

    def _sending_datagrams(self, original: Method) -> Method:
        def sendto(transport: Any, data: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(data, (bytes, bytearray, memoryview)) and (
                len(data) > self._longest or len(data) > self._long
            ):
                self._longest = max(len(data), self._longest)
                self._record.measure("longest-datagram", len(data), self._site(sys._getframe(1)))  # noqa: SLF001
            return original(transport, data, *arguments, **options)

        return sendto

    def _handling(self, original: Method) -> Method:
        def handle(signalnum: Any, handler: Any) -> Any:
            caller = sys._getframe(1)  # noqa: SLF001
            module = caller.f_globals.get("__name__", "")
            if not module.startswith(("asyncio.", *_TOOLS)) and (name := circumstances.signal_name(signalnum)):
                self._note("signal.signal", (name,), caller)
            return original(signalnum, handler)

        return handle

    # What is noted.

    def _place(self, name: str, places: _Places, caller: FrameType, loop: Any) -> _Place:
        """Find out about an instruction that calls a method for the first time."""
        if len(places) > _MANY:
            self._collect(name, places)
            places.clear()
        code = caller.f_code
        file = code.co_filename
        inside = _is_ours_or_asyncios(file) or file in self._files_of(loop)
        place = _Place(code, self._is_internal(caller, loop, name), None if inside else self._line(caller))
        places[id(code), caller.f_lasti, type(loop)] = place
        return place

    def _collect(self, name: str, places: _Places) -> None:
        """Add what was counted in places to the uses, and begin anew with them."""
        for place in places.values():
            if place.site is not None:
                for said, count in place.counts.items():
                    use = (name, said, place.site)
                    self._uses[use] = self._uses.get(use, 0) + count
                place.counts.clear()

    def _note(self, call: str, said: tuple[str, ...], caller: FrameType, loop: Any = None) -> Site:
        site = self._site(caller, loop)
        use = (call, said, site)
        self._uses[use] = self._uses.get(use, 0) + 1
        return site

    def _site(self, frame: FrameType | None, loop: Any = None) -> Site:
        """Return the first line outside of asyncio and of the loop's own modules.

        Where there is none, it is the line that started the task: ``gather(open_connection(…), …)``.
        """
        files = self._files_of(loop)
        own: Site | None = None
        while frame is not None:
            code = frame.f_code
            file = code.co_filename
            if file == __file__:
                if code in self._boundaries:
                    break
            elif not file.startswith(_ASYNCIO):
                if file not in files:
                    return self._line(frame)
                own = own or self._line(frame)
            frame = frame.f_back
        if own is not None:  # the loop's class and what uses it are in one file
            return own
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return NOWHERE
        return self._started.get(id(task), NOWHERE)

    def _line(self, frame: FrameType) -> Site:
        """Return the line that a frame is at, the same object every time."""
        code = frame.f_code
        key = (id(code), frame.f_lasti)
        known = self._lines.get(key)
        if known is None:
            if len(self._lines) > _MANY:
                self._lines.clear()
            known = self._lines[key] = (code, Site(code.co_filename, frame.f_lineno, code.co_qualname))
        return known[1]

    def _files_of(self, loop: Any) -> frozenset[str]:
        """Return the files that the classes of a loop are in."""
        kind = type(loop)
        files = self._files.get(kind)
        if files is None:
            modules = (sys.modules.get(parent.__module__) for parent in kind.__mro__ if issubclass(parent, Loop))
            files = self._files[kind] = frozenset(filter(None, (getattr(one, "__file__", None) for one in modules)))
        return files

    def _is_internal(self, caller: FrameType, loop: Any, name: str) -> bool:
        """Whether a method is called because another one was: by its loop, or by the override that extends it."""
        code = caller.f_code
        return code.co_filename in _IMPLEMENTATION or (
            code.co_name == name and code.co_filename in self._files_of(loop)
        )

    def _is_of_another_loop(self, loop: Loop, sock: Any) -> bool:
        known = self._owners.get(id(sock))
        if known is not None and known[0]() is sock:
            return known[1]() is not loop
        if isinstance(sock, socket.socket):
            self._owners[id(sock)] = (weakref.ref(sock), weakref.ref(loop))
        return False

    def _count(self, sockets: int) -> None:
        if sockets > self._peak:
            self._peak = sockets
            self._record.measure("sockets-at-once", sockets, self._opened)

    def _counting(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Have a loop in C, whose transports nobody sees, tell when it makes one: it then asks for a protocol."""
        factory = arguments[0] if arguments else options.get("protocol_factory")
        if not callable(factory):
            return arguments, options

        def make() -> Any:
            protocol = factory()
            self._one_more(protocol)
            return protocol

        return ((make, *arguments[1:]), options) if arguments else ((), {**options, "protocol_factory": make})

    def _one_more(self, protocol: Any) -> None:
        """Count the open sockets if there are a tenth more protocols than ever there were sockets.

        A protocol may outlive its transport, so their number is no answer, only a reason to count; as counting takes a
        system call for each, no more than a fiftieth of the time is spent with it in vain.
        """
        self._living += 1
        with contextlib.suppress(TypeError):  # it is of a class in C, and lives on for us
            self._protocols.add(weakref.ref(protocol, self._one_less))
        if self._living <= self._peak + max(self._peak // 10, 4) or (begun := time.perf_counter()) < self._next_count:
            return
        before = self._peak
        self._count((descriptors.open_sockets() or 0) - (self._open_before or 0))
        if self._peak == before:
            ended = time.perf_counter()
            self._next_count = ended + 50 * (ended - begun)

    def _one_less(self, protocol: weakref.ref[Any]) -> None:
        self._protocols.discard(protocol)
        self._living -= 1


def _is_ours_or_asyncios(file: str) -> bool:
    return file.startswith(_ASYNCIO) or file == __file__


def _subclasses(kind: type) -> Iterator[type]:
    """Every class below one, each after its parents."""
    found: set[type] = set()
    pending = [kind]
    while pending:
        children: set[type] = {*pending.pop().__subclasses__()} - found
        found |= children
        pending += children
    yield from sorted(found, key=lambda child: len(child.__mro__))


def _is_open(kind: type) -> bool:
    """Whether attributes of a class can be set."""
    return bool(kind.__flags__ & _HEAP) and not kind.__flags__ & _IMMUTABLE


def _disguised(replacement: Method, original: Method) -> Method:
    """Let a function look like the one that it replaces, to those who ask whether it is a coroutine function, too."""
    functools.update_wrapper(replacement, original)
    if inspect.iscoroutinefunction(original) or hasattr(original, "_is_coroutine"):
        if sys.version_info >= (3, 12):
            inspect.markcoroutinefunction(replacement)
        else:
            vars(replacement)["_is_coroutine"] = getattr(asyncio.coroutines, "_is_coroutine")  # noqa: B009 - it is private
    return replacement
