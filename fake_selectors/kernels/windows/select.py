"""Windows' ``select()``.

Some facts:

1. An ``fd_set`` is a list of handles, and CPython is built with room for 512 (``FD_SETSIZE``, CPython's
   Modules/selectmodule.c). What is counted is the entries of one list, duplicates included; the values of the handles
   do not matter. Of each entry, the number is looked at before the count. The 513th: ``ValueError: too many file
   descriptors in select()``. https://docs.python.org/3/library/asyncio-platforms.html#windows
2. The time-out is looked at first, then the lists one after another, then the system is called.
3. Three empty lists: ``[WinError 10022]``, at once, whatever the time-out. It is no way to sleep.
   https://docs.python.org/3/library/select.html#select.select
4. Sockets only. One other handle, or one that is closed, fails the whole call: ``[WinError 10038]``.
   https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select
5. A connection that fails is reported in the third set, and only there. One that succeeds is reported in the second.
   A socket that was never connected is in none. Looking does not consume the error that ``SO_ERROR`` tells.
6. Data out of band are reported in the third set, unless ``SO_OOBINLINE`` puts them among the others.
7. A reset, a graceful close, a waiting connection: readable. An error of an earlier datagram: readable.
8. A wait ends at a tick of the system's timer (``clocks``), and no signal ends it (``interrupts``).
9. A socket that another thread closes during the call ends it: in the first list it counts as readable, in the others
   alone it fails the call: ``[WinError 10038]``. https://github.com/wine-mirror/wine/blob/master/dlls/ws2_32/tests/sock.c
   (``test_select``, which runs on Windows too). anyio and Tornado, whose threads wait with ``select()``, rely on it.

How this machine's ``poll()`` tells them apart: after a failed connection it reports a hang-up, as of a socket that was
never connected, and of one that was reset. What the connection has seen is in ``TCP_INFO``: never connected, no segment
went out; failed, nothing that was sent has been acknowledged, and at most one segment, the refusal, came in.

Known differences, which concern handles whose sockets are not of this platform's ``socket`` module, but the process's
own. That another thread closes one is not noticed during the call. And where its number is used again at once, for a
pipe, that is noticed when the pipe is ready, when nothing has been for 20 ms, or after a quarter of a second: asking
the kernel about 500 handles takes ten times as long as ``poll()`` does, so a call does not ask about those of the call
before.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import errno
import math
import operator
import os
import select
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ... import clocks
from ...views import Fake
from .errors import WSAEINVAL, WSAENOTSOCK, error
from .interrupts import deferred

READ, WRITE, EXCEPT = select.POLLIN, select.POLLOUT, select.POLLPRI
_TROUBLE = select.POLLERR | select.POLLHUP
_LONG_MAX = 2**31 - 1  # C's long has 32 bits on Windows: seconds of a timeval
_INT_MAX = 2**31 - 1
_QUIET = 0.02  # seconds without an event after which known handles are looked at again
_STALE = 0.25  # seconds after which they are in any case
_LOG = 1000  # handles that were closed


def module(clock: clocks.WindowsClock, max_sockets: int, closing: Closing) -> ModuleType:
    """Return :mod:`select` of Windows.

    Args:
        clock: whose ticks end the waits.
        max_sockets: that a list has room for.
        closing: which of the platform's sockets are being closed.
    """
    return Fake("select", {"select": Select(clock, max_sockets, closing).select, "error": OSError})


class Closing:
    """What the calls of ``select()`` must know of the platform's sockets: which handles are no longer what they were.

    It wakes calls that wait for a socket that another thread closes, and keeps a log of what was closed.

    Attributes:
        lock: held while a socket is closed: who holds it sees no socket in between.
    """

    def __init__(self) -> None:
        # Reentrant: the garbage collector may close a socket while its thread holds the lock.
        self.lock = threading.RLock()
        self._waiting: set[Alarm] = set()
        self._log: list[int] = []
        self._start = 0

    def opened(self, handle: int) -> None:
        """Note that a socket of the platform's will tell when it is closed."""

    @contextmanager
    def of(self, handle: int) -> Iterator[None]:
        """Wrap the closing of a socket's handle."""
        with self.lock:
            for alarm in self._waiting:
                alarm.sound(handle)
            yield
            if len(self._log) == _LOG:
                self.forget()
            self._log.append(handle)

    def watch(self, handles: Iterable[int]) -> Alarm:
        """Return what sounds from now on when one of the handles is closed; it must be ended."""
        alarm = Alarm(frozenset(handles))
        with self.lock:
            self._waiting.add(alarm)
        return alarm

    def end(self, alarm: Alarm) -> None:
        """Let an alarm sound no more."""
        with self.lock:
            self._waiting.discard(alarm)
        os.close(alarm.descriptor)

    @property
    def position(self) -> int:
        """How many entries the log has had."""
        return self._start + len(self._log)

    def since(self, position: int) -> set[int] | None:
        """Return which handles were closed since the log had so many entries; None: that was forgotten."""
        with self.lock:
            return set(self._log[position - self._start :]) if position >= self._start else None

    def forget(self) -> None:
        """Let every call look at all of its handles."""
        with self.lock:
            self._start = self.position + 1
            self._log.clear()


class Alarm:
    """What tells a wait that another thread closes one of its handles.

    Args:
        handles: of the wait.

    Attributes:
        descriptor: becomes readable.
        closed: which of them.
    """

    def __init__(self, handles: frozenset[int]) -> None:
        self._handles = handles
        self.closed: set[int] = set()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def sound(self, handle: int) -> None:
        """Tell that a handle is going to be closed."""
        if handle in self._handles:
            self.closed.add(handle)
            os.eventfd_write(self.descriptor, 1)


class _Last(threading.local):
    """What is left of this thread's last call, if it ended well."""

    call: _Call | None = None


class Select:
    """The system call, and CPython's function around it."""

    def __init__(self, clock: clocks.WindowsClock, max_sockets: int, closing: Closing) -> None:
        self._clock = clock
        self._room = max_sockets
        self._closing = closing
        self._last = _Last()

    def select(
        self, rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: Any = None, /
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Wait until a socket is ready to be read or written, or has failed.

        Args:
            rlist: sockets to read from: handles, or objects with a ``fileno()``.
            wlist: sockets to write to, or that are being connected.
            xlist: sockets whose connection may fail, or that may get data out of band.
            timeout: in seconds; None waits for ever.

        Raises:
            ValueError: a list has too many entries.
            OSError: something is not a socket, or all lists are empty.
        """
        seconds = _seconds(timeout)
        alarm = None
        # A handler that raises must find nothing half made.
        with nullcontext() if seconds == 0 else deferred():
            try:
                # As CPython holds its lock, nobody closes a socket before the system is called.
                with self._closing.lock:
                    lists = [(objects, self._handles(objects)) for objects in map(_sequence, (rlist, wlist, xlist))]
                    call = self._call([handles for _, handles in lists])
                    if seconds != 0 and threading.active_count() > 1:
                        alarm = self._closing.watch(call.interest)
                found = call.look(0) if seconds == 0 else call.wait(self._clock.wait(seconds), alarm)
            finally:
                if alarm is not None:
                    self._closing.end(alarm)
        self._last.call = call
        ready = [_chosen(objects, handles, found, flag) for (objects, handles), flag in zip(lists, _FLAGS, strict=True)]
        return ready[0], ready[1], ready[2]

    def _call(self, handles: list[list[int]]) -> _Call:
        if not any(handles):
            raise error(WSAEINVAL)
        # While it is in use, nobody else shall find it: a handler of a signal may call select(), too.
        last, self._last.call = self._last.call, None
        return last if last is not None and last.can_repeat(handles) else _Call(handles, last, self._closing)

    def _handles(self, objects: list[Any] | tuple[Any, ...]) -> list[int]:
        looked_at = objects[: self._room + 1]
        if set(map(type, looked_at)) <= {int} and not (looked_at and (min(looked_at) < 0 or max(looked_at) > _INT_MAX)):
            handles = list(looked_at)
        else:
            handles = [_handle(item) for item in looked_at]
        if len(handles) > self._room:
            raise ValueError("too many file descriptors in select()")
        return handles


class _Call:
    """One wait for some handles.

    Args:
        lists: handles to read from, to write to, and those that may fail.
        last: the call before. Its handles were sockets.
        closing: which of them were closed since.

    Attributes:
        interest: flags by handle.
        since: when all of them were looked at.
    """

    def __init__(self, lists: list[list[int]], last: _Call | None, closing: Closing) -> None:
        self._lists = lists
        self._closing = closing
        self._position = closing.position
        self.interest = _interest(*lists)
        self._poll = select.poll()
        register = self._poll.register
        for handle, flags in self.interest.items():
            register(handle, flags)
        self._alarm: Alarm | None = None
        self._pristine = True
        """Whether poll() is asked for exactly this."""
        self._sure: set[int] = set()
        """Of these it is certain, in this call, that they are sockets."""
        known = last.known() if last is not None else None
        if last is None or known is None:
            self.since = time.monotonic()
            self._check(self.interest)
        else:
            self.since = last.since
            self._check(self.interest.keys() - known)

    def known(self) -> Set[int] | None:
        """Return which handles are probably sockets still; None: all must be looked at."""
        if time.monotonic() - self.since > _STALE:
            return None
        closed = self._closing.since(self._position)
        if closed:
            return self.interest.keys() - closed
        return None if closed is None else self.interest.keys()

    def can_repeat(self, lists: list[list[int]]) -> bool:
        """Make it ready for another wait, if that is for the same handles."""
        if self._pristine and self._lists == lists and (known := self.known()) and len(known) == len(self.interest):
            self._position = self._closing.position
            self._sure.clear()
            return True
        return False

    def wait(self, seconds: float | None, alarm: Alarm | None = None) -> dict[int, int]:
        """Return what is ready within so many seconds; an alarm may end it."""
        if alarm is None:
            return self._wait(seconds)
        self._alarm = alarm
        self._poll.register(alarm.descriptor, select.POLLIN)
        try:
            return self._wait(seconds)
        finally:
            self._alarm = None
            self._poll.unregister(alarm.descriptor)

    def _wait(self, seconds: float | None) -> dict[int, int]:
        end = math.inf if seconds is None else time.monotonic() + seconds
        while True:
            left = max(end - time.monotonic(), 0)
            sure = len(self._sure) == len(self.interest)
            found = self.look(left if sure else min(left, _QUIET))
            if found or time.monotonic() >= end:
                return found
            if not sure:
                with self._closing.lock:
                    self._check(self.interest.keys() - self._sure)
                self.since = time.monotonic()

    def look(self, seconds: float) -> dict[int, int]:
        """Return what is ready within so many seconds; nothing, earlier, if it is not to be looked at any longer."""
        events = clocks.poll(self._poll.poll, None if seconds == math.inf else seconds)
        with self._closing.lock:
            return self._found(events)

    def _found(self, events: Iterable[tuple[int, int]]) -> dict[int, int]:
        found = self._closed()
        for handle, happened in events:
            if handle in found or (self._alarm is not None and handle == self._alarm.descriptor):
                continue
            if happened & select.POLLNVAL:
                raise error(WSAENOTSOCK)
            if handle not in self._sure:
                self._check((handle,))
            wanted = self.interest[handle]
            if flags := _flags(handle, happened, wanted) & wanted:
                found[handle] = flags
                continue
            self._pristine = False
            if happened & _TROUBLE:  # which poll() reports without being asked, and Windows does not
                self._poll.unregister(handle)
            else:
                self._poll.modify(handle, wanted & ~EXCEPT)
        return found

    def _closed(self) -> dict[int, int]:
        """Return the sockets that another thread has closed since the wait began, as readable."""
        closed = frozenset(self._alarm.closed) if self._alarm is not None else frozenset()
        if any(not self.interest[handle] & READ for handle in closed):
            raise error(WSAENOTSOCK)
        return dict.fromkeys(closed, READ)

    def _check(self, handles: Iterable[int]) -> None:
        closed = self._alarm.closed if self._alarm is not None else ()
        for handle in handles:
            if handle in closed:  # the next look tells
                continue
            try:
                mode = os.fstat(handle).st_mode
            except OSError as failure:
                if failure.errno != errno.EBADF:
                    raise
                raise error(WSAENOTSOCK) from None
            if not stat.S_ISSOCK(mode):
                raise error(WSAENOTSOCK)
        self._sure.update(handles)


def _sequence(value: Iterable[Any]) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return value
    try:
        items = iter(value)
    except TypeError:
        raise TypeError("arguments 1-3 must be sequences") from None
    return list(items)


def _handle(item: Any) -> int:
    if isinstance(item, int):
        handle = int(item)
    else:
        try:
            fileno = item.fileno
        except AttributeError:
            raise TypeError("argument must be an int, or have a fileno() method.") from None
        handle = fileno()
        if not isinstance(handle, int):
            raise TypeError("fileno() returned a non-integer")
    if handle > _INT_MAX or handle < -_INT_MAX - 1:
        raise OverflowError("Python int too large to convert to C int")
    if handle < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({handle})")
    return handle


def _seconds(timeout: Any) -> float | None:
    """Return a time-out as ``select()`` takes it: whole microseconds, rounded up."""
    if timeout is None:
        return None
    if isinstance(timeout, float):
        if math.isnan(timeout):
            raise ValueError("Invalid value NaN (not a number)")
    else:
        try:
            timeout = operator.index(timeout)
        except TypeError:
            raise TypeError("timeout must be a float or None") from None
    if not -(2**63) <= timeout * 10**9 < 2**63:
        kind = "_PyTime_t" if sys.version_info < (3, 13) else "PyTime_t"
        raise OverflowError(f"timestamp too large to convert to C {kind}")
    if timeout > _LONG_MAX:
        raise OverflowError("timestamp out of range for platform time_t")
    if timeout < 0:
        raise ValueError("timeout must be non-negative")
    microseconds: int = math.ceil(timeout * 1e6)
    return microseconds / 1e6


_FLAGS = (READ, WRITE, EXCEPT)


def _interest(reading: list[int], writing: list[int], failing: list[int]) -> dict[int, int]:
    interest = dict.fromkeys(reading, READ)
    if writing == failing:  # as CPython's selector has it
        for handle in writing:
            interest[handle] = interest.get(handle, 0) | WRITE | EXCEPT
        return interest
    for handles, flag in ((writing, WRITE), (failing, EXCEPT)):
        for handle in handles:
            interest[handle] = interest.get(handle, 0) | flag
    return interest


def _chosen(objects: Iterable[Any], handles: list[int], found: dict[int, int], flag: int) -> list[Any]:
    ready = {handle for handle, flags in found.items() if flags & flag}
    if not ready:
        return []
    return [item for item, handle in zip(objects, handles, strict=False) if handle in ready]


def _flags(handle: int, happened: int, wanted: int) -> int:
    """Return Winsock's view of what ``poll()`` has reported."""
    if happened & _TROUBLE:
        seen = _option(handle, socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        if len(seen) == _TCP_INFO.size:
            state, acknowledged, sent, received = _TCP_INFO.unpack(seen)
            if state == _TCP_CLOSE and not acknowledged and received <= 1:
                return EXCEPT if sent else 0
    flags = happened & (READ | WRITE | EXCEPT)
    if happened & _TROUBLE:
        flags |= READ
    if flags & wanted & EXCEPT and any(_option(handle, socket.SOL_SOCKET, socket.SO_OOBINLINE, 4)):
        flags &= ~EXCEPT
    return flags


_TCP_INFO = struct.Struct("=B119xQ8xII")
"""Of Linux' ``struct tcp_info``: state, bytes that were acknowledged (SYN included), segments sent and received."""
_TCP_CLOSE = 7


def never_connected(handle: int) -> bool:
    """Whether a socket for streams never tried to connect."""
    seen = _option(handle, socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    return len(seen) == _TCP_INFO.size and _TCP_INFO.unpack(seen)[2:] == (0, 0)


def tcp_state(handle: int) -> int:
    """Return the state of a connection by linux/tcp_states.h; 0 for what is no TCP."""
    seen = _option(handle, socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return seen[0] if seen else 0


def _option(handle: int, level: int, option: int, size: int) -> bytes:
    """Return an option of a socket that others own; empty, if it has no such option."""
    blocking = os.get_blocking(handle)
    borrowed = socket.socket(fileno=handle)
    try:
        return borrowed.getsockopt(level, option, size)
    except OSError:
        return b""
    finally:
        borrowed.detach()
        if os.get_blocking(handle) != blocking:  # socket.setdefaulttimeout() has changed it
            os.set_blocking(handle, blocking)
