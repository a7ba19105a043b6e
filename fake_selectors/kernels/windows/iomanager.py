"""Windows' I/O manager: the objects of one emulated kernel, and who may touch them.

One lock guards them all. Nobody waits for anything while holding it, and those who wait for a packet or an object give
it up. It is reentrant: a handler of a signal, which Python runs between any two steps, may close a socket.

The garbage collector may run at any step too. What it finds is put down (`drop`), and done at the next call.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import itertools
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from weakref import WeakValueDictionary

assert sys.platform == "linux", "Windows' completion ports are emulated over Linux' epoll"

from ...clocks import SECOND, WindowsClock
from .contexts import Contexts
from .errors import WSAENOTSOCK, error
from .files import File, SocketFile
from .handles import FILES, FIRST, INVALID_HANDLE_VALUE, Handles, Object
from .pipes import NamedPipes, PipeEnd
from .ports import INFINITE, CompletionPort
from .processes import Process
from .requests import Request
from .select import Closing
from .waits import Event, Wait, Waitable

ERROR_INVALID_HANDLE = 6
ERROR_INVALID_PARAMETER = 87
SWEPT = 16
"""Sockets of the process's own that are looked at before each wait."""


NewPort = Callable[[WindowsClock, threading.RLock], CompletionPort]
"""Makes a completion port for a clock and the lock of the kernel."""


class Port(Object):
    """A completion port, as handles stand for it."""

    def __init__(self, port: CompletionPort) -> None:
        self.port = port

    def close(self) -> None:
        """Close it."""
        self.port.close()


class IoManager:
    """The objects of one kernel.

    Args:
        clock: whose ticks end the waits.
        new_port: makes completion ports.

    Attributes:
        lock: that guards them.
        handles: of all but sockets.
        sockets: on which operations were started, by handle.
        pipes: the named ones.
        processes: that were started, by number.
        addresses: for new operations.
        contexts: of connections.
        dropped: what was put down for the next call.
    """

    def __init__(self, clock: WindowsClock, new_port: NewPort) -> None:
        self.lock = threading.RLock()
        self.handles = Handles()
        self.sockets: dict[int, SocketFile] = {}
        self.addresses = itertools.count(0x1_0000_0000, 0x40)
        self.contexts = Contexts()
        self._clock = clock
        self._new_port = new_port
        self.processes: WeakValueDictionary[int, Process] = WeakValueDictionary()
        self.pipes = NamedPipes(self._home)
        self._ports: list[CompletionPort] = []
        self._homes: list[CompletionPort] = []
        self._own: set[int] = set()
        """Handles of sockets that tell when they are closed."""
        self._others: deque[SocketFile] = deque()
        self.dropped: deque[tuple[Request | None, int]] = deque()

    # Sockets.

    def opened(self, handle: int) -> None:
        """Note that a socket of the platform's own module will tell when it is closed."""
        self._own.add(handle)
        self.contexts.forget(handle)

    def closing(self, handle: int) -> None:
        """End what is pending on a socket that is about to be closed."""
        self._own.discard(handle)
        self.contexts.forget(handle)
        if handle in self.sockets:
            with self.lock:
                if (file := self.sockets.pop(handle, None)) is not None:
                    file.end()

    def socket(self, handle: int) -> SocketFile:
        """Return a socket for operations on it.

        Raises:
            OSError: the handle is not one of a socket.
        """
        if (file := self.sockets.get(handle)) is not None:
            return file
        if not _is_socket(handle):
            raise error(WSAENOTSOCK)
        file = self.sockets[handle] = SocketFile(handle, self._home)
        if handle not in self._own:
            self._others.append(file)
        return file

    def file(self, handle: int) -> File:
        """Return what ``ReadFile`` and ``WriteFile`` are done on.

        Raises:
            OSError: it is nothing of that kind.
        """
        if handle < FIRST and (handle in self.sockets or _is_socket(handle)):
            return self.socket(handle)
        return self.handles.get(handle, PipeEnd).file

    def socket_for_connection(self, handle: int) -> None:
        """Check that a handle is one of a socket that a connection can be taken into.

        Raises:
            OSError: it is none.
        """
        if not _is_socket(handle):
            raise error(WSAENOTSOCK)

    # Completion ports.

    def new_port(self) -> int:
        """Return the handle of a new port."""
        return self.handles.add(Port(self._make_port()))

    def _make_port(self) -> CompletionPort:
        port = self._new_port(self._clock, self.lock)
        self._ports = [port, *(port for port in self._ports if not port.closed)]
        return port

    def _home(self) -> CompletionPort:
        """Return the port of all that belongs to none."""
        if not self._homes:
            self._homes.append(self._make_port())
        return self._homes[0]

    def port(self, handle: int) -> CompletionPort:
        """Return a port.

        Raises:
            OSError: the handle is not one of a port.
        """
        return self.handles.get(handle, Port).port

    def associate(self, handle: int, port: CompletionPort) -> None:
        """Make a socket or a pipe belong to a port.

        Raises:
            OSError: it belongs to one, or is nothing that can.
        """
        if handle == INVALID_HANDLE_VALUE:
            raise error(ERROR_INVALID_PARAMETER)
        if handle >= FILES:
            self.handles.descriptor(handle)
            raise error(ERROR_INVALID_PARAMETER)
        if handle >= FIRST:
            pipe = self.handles.get(handle, Object)
            if not isinstance(pipe, PipeEnd) or not pipe.overlapped:
                is_file = hasattr(pipe, "descriptor")
                raise error(ERROR_INVALID_PARAMETER if is_file else ERROR_INVALID_HANDLE)
            pipe.file.associate(port)
            return
        file = self.sockets.get(handle)
        if file is not None and not file.is_open:
            self._bury_socket(file)
            file = None
        if file is None:
            if not _is_socket(handle):
                raise error(ERROR_INVALID_HANDLE)
            file = self.socket(handle)
        file.associate(port)

    def sweep(self) -> None:
        """End what is pending on sockets that were closed without telling."""
        for _ in range(min(len(self._others), SWEPT)):
            file = self._others.popleft()
            if self.sockets.get(file.handle) is not file:
                continue
            if file.busy and not file.is_open:
                self._bury_socket(file)
            else:
                self._others.append(file)

    def _bury_socket(self, file: SocketFile) -> None:
        del self.sockets[file.handle]
        file.end()

    # What the garbage collector has found.

    def drop(self, request: Request | None, event: int) -> None:
        """Cancel an operation that nobody knows any more, and close its event, at the next call."""
        self.dropped.append((request, event))

    def settle(self) -> None:
        """Do what was put down for the next call."""
        while self.dropped:
            request, event = self.dropped.popleft()
            if request is not None and request.code is None:
                request.file.cancel(request)
            if event:
                self.handles.close(event)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the lock for a call."""
        with self.lock:
            self.settle()
            yield

    # Waiting.

    def wait(self, objects: Sequence[Waitable], *, everyone: bool, milliseconds: int) -> int | None:
        """Wait until an object is signalled.

        Args:
            objects: to wait for.
            everyone: whether all of them must be.
            milliseconds: at most.

        Returns:
            The index of the first that is; 0 if all must be; None if the time is over.
        """
        end = None
        if milliseconds != INFINITE:
            end = time.monotonic_ns() + round((self._clock.wait(milliseconds / 1000) or 0) * SECOND)
        with self.entered():
            found = self._signalled(objects, everyone=everyone)
        if found is not None or milliseconds == 0:
            return found
        bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

        def ring() -> None:
            os.eventfd_write(bell, 1)

        try:
            with self.lock:
                for thing in objects:
                    thing.add(ring)
            while True:
                with self.entered():
                    found = self._signalled(objects, everyone=everyone)
                    poll = select.poll()
                    for descriptor in self._to_poll(objects):
                        poll.register(descriptor, select.POLLIN)
                now = time.monotonic_ns()
                if found is not None or (end is not None and now >= end):
                    return found
                poll.register(bell, select.POLLIN)
                poll.poll(None if end is None else (end - now) / 1_000_000)
                _empty(bell)
        finally:
            with self.lock:
                for thing in objects:
                    thing.remove(ring)
            os.close(bell)

    def finish(self, request: Request) -> None:
        """Wait until an operation is complete."""
        with self.entered():
            if request.event is None:
                request.event = Event(manual=True, signalled=request.code is not None)
        while request.code is None:
            self.wait([request.event], everyone=True, milliseconds=INFINITE)

    def _to_poll(self, objects: Sequence[Waitable]) -> Iterator[int]:
        for port in self._ports:
            yield port.fileno()
        for thing in objects:
            if not thing.is_signalled() and (descriptor := thing.descriptor_to_poll()) is not None:
                yield descriptor

    def _signalled(self, objects: Sequence[Waitable], *, everyone: bool) -> int | None:
        self._ports = [port for port in self._ports if not port.closed]
        for port in self._ports:
            port.scan()
            port.catch_up()
        signalled = [index for index, thing in enumerate(objects) if thing.is_signalled()]
        if not signalled or (everyone and len(signalled) < len(objects)):
            return None
        for index in signalled if everyone else signalled[:1]:
            objects[index].consume()
        return 0 if everyone else signalled[0]

    def register_wait(self, handle: int, port: CompletionPort, address: int, milliseconds: int) -> int:
        """Return the handle of a wait that posts a packet; see `waits`."""
        deadline = None
        if milliseconds != INFINITE:
            deadline = time.monotonic_ns() + round((self._clock.wait(milliseconds / 1000) or 0) * SECOND)
        return self.handles.add(Wait(self.handles.get(handle, Waitable), port, address, deadline))

    def unregister_wait(self, handle: int, event: int) -> None:
        """End a wait, and set an event."""
        self.handles.get(handle, Wait)
        told = self.handles.get(event, Event) if event not in {0, INVALID_HANDLE_VALUE} else None
        self.handles.close(handle)
        if told is not None:
            told.set()


class Told(Closing):
    """Tells the I/O manager too which sockets are closed.

    Args:
        manager: that is told.
    """

    def __init__(self, manager: IoManager) -> None:
        super().__init__()
        self._manager = manager

    def opened(self, handle: int) -> None:
        """Note that a socket of the platform's will tell when it is closed."""
        self._manager.opened(handle)

    @contextmanager
    def of(self, handle: int) -> Iterator[None]:
        """Wrap the closing of a socket's handle."""
        self._manager.closing(handle)
        with super().of(handle):
            yield


def _empty(bell: int) -> None:
    with suppress(BlockingIOError):  # something else may have ended the wait
        os.eventfd_read(bell)


def _is_socket(handle: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(handle).st_mode)
    except (OSError, OverflowError):
        return False
