"""Broken watchers of descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import selectors
from typing import Any

from .declare import mutant
from .parts import SelectorLoop

UVLOOP = "https://github.com/MagicStack/uvloop/issues/"
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


# Adding and removing


class Uncancelling(SelectorLoop):
    """Removes readers and writers as CPython does, but leaves the cancelling of their handles to :meth:`_drop`."""

    def _drop(self, handle: asyncio.Handle) -> None:
        handle.cancel()

    def _remove(self, fd: Any, direction: int) -> bool:
        key = None if self.is_closed() else self._selector.get_map().get(fd)
        if key is None or not key.events & direction:
            return False
        reader, writer = key.data
        if rest := key.events & ~direction:
            self._selector.modify(fd, rest, (reader, None) if rest & READ else (None, writer))
        else:
            self._selector.unregister(fd)
        self._drop(reader if direction & READ else writer)
        return True

    def _remove_reader(self, fd: Any) -> bool:
        return self._remove(fd, READ)

    def _remove_writer(self, fd: Any) -> bool:
        return self._remove(fd, WRITE)


@mutant(
    "FD", bug="a callback whose descriptor was removed by another one of the same iteration still runs", source="FD-16"
)
class RunsTheRemoved(Uncancelling):
    def _drop(self, handle: asyncio.Handle) -> None:
        pass


@mutant("FD", bug="remove_reader() removes the writer of the descriptor, too", source="FD-04")
class RemovesBoth(SelectorLoop):
    def _remove_reader(self, fd: Any) -> bool:
        self._remove_writer(fd)
        return bool(super()._remove_reader(fd))


@mutant("FD", bug="add_writer() stops watching the descriptor for reading", source="FD-04")
class AddsInsteadOf(SelectorLoop):
    def _add_writer(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._remove_reader(fd)
        return super()._add_writer(fd, callback, *args)


@mutant("FD", bug="remove_reader() and remove_writer() return None", source="https://github.com/MagicStack/uvloop")
class ReturnsNone(SelectorLoop):
    def remove_reader(self, fd: Any) -> Any:
        super().remove_reader(fd)

    def remove_writer(self, fd: Any) -> Any:
        super().remove_writer(fd)


@mutant("FD", bug="a second add_reader() for a descriptor keeps the first callback", source="FD-05")
class KeepsTheFirst(SelectorLoop):
    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._check_closed()
        key = self._selector.get_map().get(fd)
        if key is not None and key.events & READ:
            return key.data[0]
        return super()._add_reader(fd, callback, *args)


@mutant("FD", bug="a replaced callback whose descriptor is ready runs once more", source="FD-17")
class RunsTheReplaced(SelectorLoop):
    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._check_closed()
        key = self._selector.get_map().get(fd)
        if key is None or not key.events & READ:
            return super()._add_reader(fd, callback, *args)
        handle = asyncio.Handle(callback, args, self)
        self._selector.modify(fd, key.events, (handle, key.data[1]))
        return handle


@mutant("FD", bug="a watched file object is not found again by its number", source="FD-06")
class KnowsObjectsNotNumbers(SelectorLoop):
    def __init__(self) -> None:
        self.watched: dict[int, Any] = {}
        super().__init__()

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(fd, callback, *args)
        self.watched[id(fd)] = fd

    def remove_reader(self, fd: Any) -> bool:
        self._ensure_fd_no_transport(fd)
        return self.watched.pop(id(fd), None) is not None and super().remove_reader(fd)


@mutant("FD", bug="a descriptor that a transport owns may be watched and unwatched by anybody", source="FD-07")
class SharesTransports(SelectorLoop):
    def _ensure_fd_no_transport(self, fd: Any) -> None:
        selectors._fileobj_to_fd(fd)  # type: ignore[attr-defined]


@mutant("FD", bug="add_reader() on a closed loop fails with what its closed selector raises", source="FD-09")
class UsesAClosedSelector(SelectorLoop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        self._selector.get_map()
        super().add_reader(fd, callback, *args)


@mutant("FD", bug="add_reader() makes the descriptor non-blocking", source=UVLOOP + "712")
class MakesNonBlocking(SelectorLoop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(fd, callback, *args)
        os.set_blocking(fd if isinstance(fd, int) else fd.fileno(), False)


@mutant("FD", bug="creating a loop makes the standard streams close in child processes", source=UVLOOP + "40")
class ClosesStandardStreams(SelectorLoop):
    def __init__(self) -> None:
        super().__init__()
        for fd in range(3):
            os.set_inheritable(fd, False)


@mutant("FD", bug="a reader whose callback raises is not called again", source="EXC-01")
class UnregistersTheRaising(SelectorLoop):
    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        def call() -> None:
            try:
                callback(*args)
            except BaseException:
                self._remove_reader(fd)
                raise

        return super()._add_reader(fd, call)


# Events


@mutant("FD", bug="of a descriptor that is readable and writable only the reader is called", source="FD-04")
class ReadsOrWrites(SelectorLoop):
    def _process_events(self, events: Any) -> None:
        super()._process_events([(key, mask & READ or mask) for key, mask in events])


class _EdgeTriggered(selectors.EpollSelector):
    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        key = super().register(fileobj, events, data)
        self._arm(key)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> Any:
        key = super().modify(fileobj, events, data)
        self._arm(key)
        return key

    def _arm(self, key: Any) -> None:
        mask = (select.EPOLLIN if key.events & READ else 0) | (select.EPOLLOUT if key.events & WRITE else 0)
        self._selector.modify(key.fd, mask | select.EPOLLET)  # type: ignore[attr-defined]


@mutant(
    "FD",
    bug="descriptors are watched edge-triggered: what a callback leaves unread is not reported again",
    source="FD-14",
)
def edge_triggered() -> SelectorLoop:
    return SelectorLoop(_EdgeTriggered())


class _DeafToHangUps(selectors.EpollSelector):
    def select(self, timeout: float | None = None) -> Any:
        wait = -1 if timeout is None else max(timeout, 0)
        ready = []
        for fd, event in self._selector.poll(wait, max(len(self.get_map()), 1)):  # type: ignore[attr-defined]
            mask = (READ if event & select.EPOLLIN else 0) | (WRITE if event & select.EPOLLOUT else 0)
            key = self.get_map().get(fd)
            if key is not None and mask & key.events:
                ready.append((key, mask & key.events))
        return ready


@mutant(
    "FD",
    bug="a pipe whose other end has gone, which the kernel tells by a hang-up alone, is not readable",
    source="FD-18",
)
def deaf_to_hang_ups() -> SelectorLoop:
    return SelectorLoop(_DeafToHangUps())


class _FewAtATime(selectors.PollSelector):
    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout)[:4]


@mutant(
    "FD", bug="only the first few ready descriptors are served, always the same while they stay ready", source="FD-32"
)
def few_at_a_time() -> SelectorLoop:
    return SelectorLoop(_FewAtATime())


class _Unregistering(selectors.EpollSelector):
    def select(self, timeout: float | None = None) -> Any:
        wait = -1 if timeout is None else max(timeout, 0)
        ready = []
        for fd, event in self._selector.poll(wait, max(len(self.get_map()), 1)):  # type: ignore[attr-defined]
            mask = (READ if event & ~select.EPOLLOUT else 0) | (WRITE if event & ~select.EPOLLIN else 0)
            key = self.get_map().get(fd)
            if key is not None:
                ready.append((key, mask & key.events))
                if event & (select.EPOLLERR | select.EPOLLHUP):
                    self.unregister(fd)
        return ready


@mutant("FD", bug="a hung-up descriptor is unregistered after it was reported once", source="FD-21")
def forgets_the_hung_up() -> SelectorLoop:
    return SelectorLoop(_Unregistering())


class _Late(selectors.EpollSelector):
    def __init__(self) -> None:
        super().__init__()
        self.late: set[int] = set()

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        self._remove_late()
        return super().register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> Any:
        key: Any = selectors._BaseSelectorImpl.unregister(self, fileobj)
        self.late.add(key.fd)
        return key

    def select(self, timeout: float | None = None) -> Any:
        self._remove_late()
        return super().select(timeout)

    def _remove_late(self) -> None:
        for fd in self.late:
            with contextlib.suppress(OSError):
                self._selector.unregister(fd)  # type: ignore[attr-defined]
        self.late.clear()


@mutant("FD", bug="a removed descriptor stays in the kernel's set until the next iteration", source=UVLOOP + "61")
def removes_later() -> SelectorLoop:
    return SelectorLoop(_Late())
