"""Windows' I/O completion ports.

Some facts:

1. A port is a queue of packets, first in, first out. A thread that takes one waits until there is one, or for so many
   milliseconds. https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports
2. ``GetQueuedCompletionStatus`` gives a packet of a failed operation as a packet, with the error's number. It raises
   only without a packet: ``[WinError 6]``, the port is none, ``[WinError 735]``, it was closed during the wait.
   https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus#return-value
3. An operation on a handle that belongs to a port gives exactly one packet, also if it is complete as soon as it is
   started, and also if it is cancelled. One that could not be started gives none.
   ``asyncio.windows_events.IocpProactor.close`` waits for ever for one that is missing.
4. A packet of a wait (``RegisterWaitWithQueue``) has error 0 and, where others tell bytes, whether it was the time-out
   that ended it. CPython's Modules/overlapped.c
5. Its waits end at ticks of the system's timer (``clocks``).

Here a port is an epoll and a queue. Who waits for a packet waits for the epoll, and does what has become possible:
takes the bytes that came, sends those that there is room for now. The epoll tells news (``EPOLLET``), so that nothing
has to be registered per operation.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import heapq
import itertools
import os
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Protocol

assert sys.platform == "linux", "Windows' completion ports are emulated over Linux' epoll"

from threading import RLock

from ... import clocks
from .errors import error

INFINITE = 0xFFFFFFFF
ERROR_ABANDONED_WAIT_0 = 735

Packet = tuple[int, int, int, int]
"""The number of an error or 0, bytes that were transferred, a key, the operation's address."""


class Source(Protocol):
    """What a port's epoll watches."""

    def deferred(self) -> None:
        """Do what was put off until somebody takes a packet."""

    def happened(self, mask: int) -> None:
        """Do what is possible now that the kernel has reported this."""


class Timer(Protocol):
    """What ends at a time."""

    def due(self) -> None:
        """Note that its time has come."""


class CompletionPort:
    """A queue of packets.

    Args:
        clock: whose ticks end the waits.
        lock: of the kernel; it is held by those who call the methods, apart from `take`.
    """

    def __init__(self, clock: clocks.WindowsClock, lock: RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._packets: deque[Packet] = deque()
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._sources: dict[int, Source] = {}
        self._arrived: deque[tuple[int, int]] = deque()
        self._waiting = 0
        self._deferred: list[Source] = []
        self._timers: list[tuple[int, int, Timer]] = []
        self._counter = itertools.count()
        self._looked = False
        """Whether the epoll has been asked just now: who empties the port after a wait need not ask it again."""
        self.closed = False

    def fileno(self) -> int:
        """Return the descriptor that is readable while `scan` may have something to do."""
        return self._epoll.fileno()

    def post(self, code: int, transferred: int, key: int, address: int) -> None:
        """Queue a packet."""
        if not self.closed:
            self._packets.append((code, transferred, key, address))
            if self._waiting:
                self._ring()

    def _ring(self) -> None:
        if self._waiting:
            os.eventfd_write(self._bell, 1)

    def defer(self, source: Source) -> None:
        """Tell a source when the next packet is asked for."""
        self._deferred.append(source)
        self._ring()

    def watch(self, descriptor: int, source: Source, mask: int) -> None:
        """Report to a source, from now on, what becomes true of a descriptor; what is true already too."""
        if self.closed:
            return
        try:
            self._epoll.register(descriptor, mask)
        except FileExistsError:
            self._epoll.modify(descriptor, mask)
        self._sources[descriptor] = source

    @property
    def is_empty(self) -> bool:
        """Whether no packet waits to be taken."""
        return not self._packets

    def forget(self, descriptor: int) -> None:
        """Report no more of a descriptor; nothing happens if it is not watched, or closed."""
        if self._sources.pop(descriptor, None) is not None:
            with suppress(OSError):  # the kernel has forgotten it if it was closed
                self._epoll.unregister(descriptor)

    def call_at(self, when: int, timer: Timer) -> None:
        """Tell a timer when its time has come, in nanoseconds of `time.monotonic_ns`."""
        if not self.closed:
            heapq.heappush(self._timers, (when, next(self._counter), timer))
            self._ring()

    def scan(self) -> None:
        """Do what is possible now, without waiting."""
        self._arrived.extend(self._epoll.poll(0))
        if self._arrived or self._timers:
            self._work()
            if self._packets:
                self._ring()

    def take(self, milliseconds: int) -> Packet | None:
        """Return the next packet; None if there is none after so many milliseconds.

        Raises:
            OSError: the port was closed meanwhile.
        """
        if self._packets and not self._deferred:
            with suppress(IndexError):  # another thread has just taken it
                return self._packets.popleft()
        if milliseconds:
            return self._await_packet(milliseconds)
        with self._lock:
            if self._deferred:
                self.catch_up()
            if not self._packets and not self._looked:
                self._arrived.extend(self._epoll.poll(0))
                self._work()
                self.catch_up()
            self._looked = False
            return self._packets.popleft() if self._packets else None

    def _await_packet(self, milliseconds: int) -> Packet | None:
        end = None
        if milliseconds != INFINITE:
            end = time.monotonic_ns() + round((self._clock.wait(milliseconds / 1000) or 0) * clocks.SECOND)
        while True:
            with self._lock:
                if self._deferred:
                    self.catch_up()
                if self._packets:
                    return self._next()
                if self.closed:
                    self._release()
                    raise error(ERROR_ABANDONED_WAIT_0)
                timeout = None
                if end is not None or self._timers:
                    now = time.monotonic_ns()
                    if end is not None and now >= end:
                        return None
                    timeout = max(self._next_end(end) - now, 0) / clocks.SECOND
                self._waiting += 1
            try:
                self._wait(timeout)
            finally:
                with self._lock:
                    self._waiting -= 1
                    self._work()
                    self._looked = True

    def _next_end(self, end: int | None) -> int:
        """Return when the wait or the first timer ends."""
        return min(when for when in (end, self._timers[0][0] if self._timers else None) if when is not None)

    def _wait(self, timeout: float | None) -> None:
        if timeout is None:
            milliseconds, rest = -1.0, 0.0
        else:  # the system call counts in milliseconds, and CPython rounds up
            milliseconds, rest = divmod(timeout * 1000, 1)
            milliseconds = min(milliseconds, clocks.LONGEST_POLL) - 0.5 if milliseconds else 0.0
        # In one step of the interpreter: an exception that a signal's handler raises loses no event.
        self._arrived.extend(itertools.chain.from_iterable(map(self._epoll.poll, (milliseconds / 1000,))))
        if rest and not self._arrived:
            clocks.sleep(rest / 1000)

    def _next(self) -> Packet:
        packet = self._packets.popleft()
        if self._packets:  # for the next thread that waits
            self._ring()
        return packet

    def catch_up(self) -> None:
        """Do what was put off."""
        while self._deferred:
            self._deferred.pop(0).deferred()

    def _work(self) -> None:
        """Do what has become possible."""
        while self._arrived:
            descriptor, mask = self._arrived.popleft()
            if descriptor == self._bell:
                self._hush()
            elif (source := self._sources.get(descriptor)) is not None:
                source.happened(mask)
        if self._timers:
            now = time.monotonic_ns()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2].due()

    def _hush(self) -> None:
        with suppress(BlockingIOError):  # another thread may have heard it
            os.eventfd_read(self._bell)

    def close(self) -> None:
        """Wake who waits; nothing can be taken any more."""
        self.closed = True
        self._ring()
        self._release()

    def _release(self) -> None:
        if not self._waiting and not self._epoll.closed:
            self._sources.clear()
            self._epoll.close()
            os.close(self._bell)
