"""Waiting for objects of the kernel: events and processes.

Some facts:

1. An object is signalled or not. An event is set and reset by programs; one that resets itself lets one wait end. A
   process is signalled from its end on. https://learn.microsoft.com/windows/win32/sync/wait-functions
2. ``RegisterWaitForSingleObject`` waits in a thread of the system and calls back, once. CPython's callback posts a
   packet to a completion port: 1 where it was the time-out, 0 where the object was signalled. An object that is
   signalled already gives its packet at once. CPython's Modules/overlapped.c
3. A wait has a handle of its own, and is ended with ``UnregisterWaitEx``, also after it was called back. The event that
   is named there is set when nothing of the wait is under way any more.
   https://learn.microsoft.com/windows/win32/api/threadpoollegacyapiset/nf-threadpoollegacyapiset-unregisterwaitex
4. ``WaitForMultipleObjects`` takes at most 64 objects, of which CPython keeps one for Ctrl-C.
   CPython's Modules/_winapi.c

Here no thread waits. A process is a pidfd in the port's epoll, time-outs are the port's, and an event tells its waits.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from .handles import Object

if TYPE_CHECKING:
    from .ports import CompletionPort


class Waitable(Object):
    """Something that can be waited for."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[], None]] = []

    def is_signalled(self) -> bool:
        """Whether a wait for it would end now."""
        raise NotImplementedError

    def consume(self) -> None:
        """A wait for it has ended: an event that resets itself does."""

    def add(self, watcher: Callable[[], None]) -> None:
        """Call this when it may have been signalled."""
        self._watchers.append(watcher)

    def remove(self, watcher: Callable[[], None]) -> None:
        """Do not call this any more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def tell(self) -> None:
        """Call all who want to know."""
        for watcher in list(self._watchers):
            watcher()

    def descriptor_to_poll(self) -> int | None:
        """Return a descriptor that is readable once it is signalled, where this process does not signal it itself."""
        return None


class Event(Waitable):
    """An event.

    Args:
        manual: whether it stays set until it is reset.
        signalled: whether it is set from the start.
    """

    def __init__(self, *, manual: bool, signalled: bool) -> None:
        super().__init__()
        self._manual = manual
        self._signalled = signalled

    def is_signalled(self) -> bool:
        """Whether it is set."""
        return self._signalled

    def set(self) -> None:
        """Set it."""
        self._signalled = True
        self.tell()

    def reset(self) -> None:
        """Reset it."""
        self._signalled = False

    def consume(self) -> None:
        """Reset it if it resets itself."""
        if not self._manual:
            self._signalled = False

    def close(self) -> None:
        """Nothing is left of it."""


class Wait(Object):
    """A registered wait that posts a packet.

    Args:
        waited: the object.
        port: for the packet.
        address: in the packet.
        deadline: in nanoseconds of `time.monotonic_ns`; None: never.
    """

    def __init__(self, waited: Waitable, port: CompletionPort, address: int, deadline: int | None) -> None:
        self._waited: Waitable | None = waited
        self._port = port
        self._address = address
        self._descriptor: int | None = None
        waited.add(self._look)
        self._look()
        if self._waited is not None:
            if (descriptor := waited.descriptor_to_poll()) is not None:
                self._descriptor = os.dup(descriptor)  # others may wait for the same
                port.watch(self._descriptor, self, select.EPOLLIN)
            if deadline is not None:
                port.call_at(deadline, self)

    def _look(self) -> None:
        waited = self._waited
        # Asking a process whether it has ended may tell all who wait for it.
        if waited is not None and waited.is_signalled() and self._waited is not None:
            waited.consume()
            self._fire(timed_out=False)

    def happened(self, _mask: int) -> None:
        """Look whether it has ended."""
        self._look()

    def deferred(self) -> None:
        """Nothing is put off."""

    def due(self) -> None:
        """Note that its time is over."""
        if self._waited is not None:
            self._fire(timed_out=True)

    def _fire(self, *, timed_out: bool) -> None:
        self.close()
        self._port.post(0, int(timed_out), 0, self._address)

    def close(self) -> None:
        """End it."""
        if (waited := self._waited) is not None:
            self._waited = None
            waited.remove(self._look)
            if self._descriptor is not None:
                self._port.forget(self._descriptor)
                os.close(self._descriptor)
