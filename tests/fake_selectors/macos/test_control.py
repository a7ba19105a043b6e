"""``kqueue.control()`` and the life of a kqueue: one test per fact, on the fake and on the real one."""

from __future__ import annotations

import errno
import os
import select as host
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors.kernels.macos.kevent import (
    EV_ADD,
    EV_DELETE,
    EV_DISABLE,
    EV_ERROR,
    EV_RECEIPT,
    EVFILT_AIO,
    EVFILT_READ,
    EVFILT_WRITE,
)

from .conftest import PATIENCE, Kernel, Sockets, fake

CLOSED_BY_FORK = sys.version_info >= (3, 12, 1)  # https://github.com/python/cpython/issues/110395


# --- arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((None, -1, 0), ValueError, "Length of eventlist must be 0 or positive, got -1"),
        ((None, 1, -1), ValueError, "timeout must be positive or None"),
        ((None, 1, -0.001), ValueError, "timeout must be positive or None"),
        ((None, 1, "1"), TypeError, "timeout argument must be a number or None, got str"),
        ((7, 1, 0), TypeError, "changelist is not iterable"),
        (([7], 1, 0), TypeError, "changelist must be an iterable of select.kevent objects"),
        (([None], 1, 0), TypeError, "changelist must be an iterable of select.kevent objects"),
        ((None, 1, float("nan")), ValueError, "Invalid value NaN"),
        ((None, 1, 1e300), OverflowError, "timestamp"),
    ],
)
def test_arguments_that_are_refused(kernel: Kernel, arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        kernel.kqueue.control(*arguments)


def test_arguments_have_no_names(kernel: Kernel) -> None:
    with pytest.raises(TypeError):
        kernel.kqueue.control(changelist=None, maxevents=0, timeout=0)


@pytest.mark.parametrize("wrap", [list, tuple, iter])
def test_changes_come_from_any_iterable(kernel: Kernel, sockets: Sockets, wrap: Callable[[Any], Any]) -> None:
    changes = [kernel.kevent(sockets[0], number, EV_ADD) for number in (EVFILT_READ, EVFILT_WRITE)]
    assert kernel.kqueue.control(wrap(changes), 0) == []
    sockets[1].send(b"x")
    assert kernel.idents() == [(sockets[0].fileno(), EVFILT_WRITE), (sockets[0].fileno(), EVFILT_READ)]


def test_the_constructor_takes_nothing(select: Any) -> None:
    for arguments, keywords in (((1,), {}), ((), {"fd": 1})):
        with pytest.raises((TypeError, ValueError)):
            select.kqueue(*arguments, **keywords)


# --- errors of changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("filter_", [EVFILT_READ, EVFILT_WRITE])
def test_deleting_what_is_not_there(kernel: Kernel, sockets: Sockets, filter_: int) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        kernel.change(sockets[0], filter_, EV_DELETE)
    assert (caught.value.errno, caught.value.strerror) == (errno.ENOENT, os.strerror(errno.ENOENT))


@pytest.mark.parametrize("flags", [0, EV_DISABLE])
def test_updating_what_is_not_there(kernel: Kernel, sockets: Sockets, flags: int) -> None:
    with pytest.raises(FileNotFoundError):
        kernel.change(sockets[0], EVFILT_READ, flags)


@pytest.mark.parametrize("filter_", [EVFILT_READ, EVFILT_WRITE])
def test_adding_a_closed_descriptor(kernel: Kernel, filter_: int) -> None:
    with socket.socket() as sock:
        fd = sock.fileno()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        kernel.change(fd, filter_, EV_ADD)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize(("filter_", "number"), [(0, errno.EINVAL), (5, errno.EINVAL), (-19, errno.EINVAL)])
def test_filters_that_there_are_not(kernel: Kernel, sockets: Sockets, filter_: int, number: int) -> None:
    with pytest.raises(OSError) as caught:
        kernel.change(sockets[0], filter_, EV_ADD)
    assert caught.value.errno == number


def test_aio_cannot_be_watched(kernel: Kernel) -> None:
    with pytest.raises(OSError) as caught:
        kernel.change(1, EVFILT_AIO, EV_ADD)
    assert os.strerror(caught.value.errno or 0) in {"Operation not supported", "Not supported"}


def test_an_error_is_an_event_if_there_is_room(kernel: Kernel, sockets: Sockets) -> None:
    change = kernel.kevent(sockets[0], EVFILT_READ, EV_DELETE, 0, 0, 77)
    (event,) = kernel.kqueue.control([change], 1, PATIENCE)
    assert (event.ident, event.filter, event.udata) == (sockets[0].fileno(), EVFILT_READ, 77)
    assert event.flags == EV_DELETE | EV_ERROR
    assert event.data == errno.ENOENT


def test_changes_before_the_failing_one_hold_and_those_after_do_not(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    with pytest.raises(FileNotFoundError):
        kernel.kqueue.control(
            [
                kernel.kevent(here, EVFILT_WRITE, EV_ADD),
                kernel.kevent(here, EVFILT_READ, EV_DELETE),
                kernel.kevent(there, EVFILT_WRITE, EV_ADD),
            ],
            0,
        )
    assert kernel.idents() == [(here.fileno(), EVFILT_WRITE)]


def test_changes_after_an_error_event_are_applied(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    failing = kernel.kevent(here, EVFILT_READ, EV_DELETE)
    (event,) = kernel.kqueue.control([failing, kernel.kevent(there, EVFILT_WRITE, EV_ADD)], 10, PATIENCE)
    assert event.flags & EV_ERROR
    assert kernel.idents() == [(there.fileno(), EVFILT_WRITE)]


def test_the_error_without_room_is_raised_though_others_had_room(kernel: Kernel, sockets: Sockets) -> None:
    failing = kernel.kevent(sockets[0], EVFILT_READ, EV_DELETE)
    assert len(kernel.kqueue.control([failing, failing], 2, 0)) == 2
    with pytest.raises(FileNotFoundError):
        kernel.kqueue.control([failing, failing], 1, 0)


def test_a_receipt_is_an_error_event_with_0(kernel: Kernel, sockets: Sockets) -> None:
    here = sockets[0]
    (event,) = kernel.kqueue.control([kernel.kevent(here, EVFILT_WRITE, EV_ADD | EV_RECEIPT)], 10, PATIENCE)
    assert event.flags == EV_ADD | EV_RECEIPT | EV_ERROR
    assert event.data == 0
    assert kernel.idents() == [(here.fileno(), EVFILT_WRITE)]


def test_a_receipt_without_room_is_silent(kernel: Kernel, sockets: Sockets) -> None:
    kernel.change(sockets[0], EVFILT_WRITE, EV_ADD | EV_RECEIPT)


def test_the_flags_of_the_system_are_ignored_in_a_change(kernel: Kernel, sockets: Sockets) -> None:
    kernel.change(sockets[0], EVFILT_WRITE, EV_ADD | EV_ERROR)
    assert kernel.event().flags == EV_ADD


# --- room and time ------------------------------------------------------------------------------------------


def test_no_room_never_waits(kernel: Kernel) -> None:
    started = time.monotonic()
    assert kernel.kqueue.control(None, 0, PATIENCE) == []
    assert kernel.kqueue.control(None, 0, None) == []
    assert time.monotonic() - started < PATIENCE / 2


@pytest.mark.parametrize("timeout", [0.02, 0.0211, 1 / 30])
def test_an_idle_kqueue_waits_as_long_as_asked(kernel: Kernel, timeout: float) -> None:
    started = time.monotonic()
    assert kernel.events(timeout) == []
    assert timeout <= time.monotonic() - started < PATIENCE


def test_waiting_costs_no_cpu(kernel: Kernel, sockets: Sockets) -> None:
    kernel.change(sockets[0], EVFILT_READ, EV_ADD)
    started = time.process_time()
    assert kernel.events(0.3) == []
    assert time.process_time() - started < 0.1


def test_more_events_than_room_take_turns(kernel: Kernel) -> None:
    pairs = [socket.socketpair() for _ in range(7)]
    try:
        for here, _ in pairs:
            kernel.change(here, EVFILT_WRITE, EV_ADD)
        seen: set[int] = set()
        for _ in range(7):
            found = kernel.kqueue.control(None, 2, 0)
            assert len(found) == 2
            seen |= {event.ident for event in found}
        assert seen == {here.fileno() for here, _ in pairs}
    finally:
        for here, there in pairs:
            here.close()
            there.close()


def test_both_filters_get_their_turn(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, EVFILT_READ, EV_ADD)
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    seen = {kernel.kqueue.control(None, 1, 0)[0].filter for _ in range(4)}
    assert seen == {EVFILT_READ, EVFILT_WRITE}


# --- signals and threads ------------------------------------------------------------------------------------


def test_a_signal_runs_its_handler_and_the_wait_goes_on(kernel: Kernel) -> None:
    ran: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda number, _: ran.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        started = time.monotonic()
        assert kernel.events(0.2) == []
        assert time.monotonic() - started >= 0.2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert ran == [signal.SIGALRM]


def test_what_a_signal_handler_raises_ends_the_wait(kernel: Kernel, sockets: Sockets) -> None:
    class Interrupted(Exception):  # noqa: N818 - is none
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    kernel.change(sockets[0], EVFILT_READ, EV_ADD)
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Interrupted):
            kernel.events(PATIENCE)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    sockets[1].send(b"x")
    assert kernel.event().ident == sockets[0].fileno()


class Waiting:
    """A thread that waits for an event."""

    def __init__(self, kernel: Kernel) -> None:
        self.events: list[Any] = []
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._wait, args=[kernel], daemon=True)
        self._thread.start()

    def _wait(self, kernel: Kernel) -> None:
        try:
            self.events = kernel.events(PATIENCE)
        except OSError as failure:
            self.failures.append(failure)

    def ends(self) -> bool:
        self._thread.join(PATIENCE / 2)
        return not self._thread.is_alive()

    def still_waits(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()


def test_what_another_thread_adds_ends_the_wait(kernel: Kernel, sockets: Sockets, tmp_path: Any) -> None:
    with (tmp_path / "file").open("w") as file:
        for ident in (sockets[0], file):
            waiting = Waiting(kernel)
            assert waiting.still_waits()
            kernel.change(ident, EVFILT_WRITE, EV_ADD)
            assert waiting.ends()
            assert [(event.ident, event.filter) for event in waiting.events] == [(ident.fileno(), EVFILT_WRITE)]
            kernel.change(ident, EVFILT_WRITE, EV_DELETE)


def test_what_another_thread_deletes_is_waited_for_no_more(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    kernel.change(here, EVFILT_READ, EV_ADD)
    waiting = Waiting(kernel)
    assert waiting.still_waits()
    kernel.change(here, EVFILT_READ, EV_DELETE)
    there.send(b"x")
    assert waiting.still_waits()
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    assert waiting.ends()
    assert [event.filter for event in waiting.events] == [EVFILT_WRITE]


def test_many_threads_share_a_kqueue(kernel: Kernel, sockets: Sockets) -> None:
    threads = [Waiting(kernel) for _ in range(4)]
    assert all(thread.still_waits() for thread in threads)
    kernel.change(sockets[0], EVFILT_WRITE, EV_ADD)
    assert all(thread.ends() and thread.events for thread in threads)


# --- the descriptor -----------------------------------------------------------------------------------------


def test_a_closed_kqueue_says_so(kernel: Kernel) -> None:
    assert not kernel.kqueue.closed
    kernel.kqueue.close()
    kernel.kqueue.close()
    assert kernel.kqueue.closed
    for use in (kernel.kqueue.fileno, kernel.events):
        with pytest.raises(ValueError, match="I/O operation on closed kqueue"):
            use()


def test_the_descriptor_is_not_inheritable(kernel: Kernel) -> None:
    assert os.get_inheritable(kernel.kqueue.fileno()) is False


def test_an_object_of_the_descriptor_is_the_same_kqueue(kernel: Kernel, sockets: Sockets) -> None:
    other = Kernel.__new__(Kernel)
    other.select = kernel.select
    other.kqueue = kernel.select.kqueue.fromfd(os.dup(kernel.kqueue.fileno()))
    try:
        other.change(sockets[0], EVFILT_WRITE, EV_ADD)
        assert kernel.idents() == [(sockets[0].fileno(), EVFILT_WRITE)]
    finally:
        other.kqueue.close()
    assert kernel.idents() == [(sockets[0].fileno(), EVFILT_WRITE)]


def test_a_kqueue_is_readable_while_it_has_events(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    fd = kernel.kqueue.fileno()
    kernel.change(here, EVFILT_READ, EV_ADD)
    assert host.select([fd], [], [], 0)[0] == []
    there.send(b"x")
    assert host.select([fd], [], [], PATIENCE)[0] == [fd]
    assert kernel.event().ident == here.fileno()
    here.recv(1)
    assert host.select([fd], [], [], 0)[0] == []


def test_a_kqueue_in_a_kqueue(select: Any, kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    inner = Kernel(select)
    try:
        inner.change(here, EVFILT_READ, EV_ADD)
        kernel.change(inner.kqueue, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        there.send(b"x")
        assert kernel.event().ident == inner.kqueue.fileno()
        here.recv(1)
        assert kernel.events() == []
        with pytest.raises(OSError) as caught:
            kernel.change(inner.kqueue, EVFILT_WRITE, EV_ADD)
        assert caught.value.errno == errno.EINVAL
    finally:
        inner.kqueue.close()


def in_child(test: Callable[[], bool]) -> bool:
    """Say whether something is true in a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if test() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_child_does_not_have_it(kernel: Kernel, sockets: Sockets) -> None:
    kernel.change(sockets[0], EVFILT_WRITE, EV_ADD)

    def lost() -> bool:
        try:
            kernel.events()
        except ValueError:
            return CLOSED_BY_FORK and kernel.kqueue.closed
        except OSError as error:
            return not CLOSED_BY_FORK and error.errno == errno.EBADF
        return False

    assert in_child(lost)
    assert kernel.event().ident == sockets[0].fileno()


def test_a_child_has_kqueues_of_its_own(select: Any, sockets: Sockets) -> None:
    def works() -> bool:
        kernel = Kernel(select)
        kernel.change(sockets[0], EVFILT_WRITE, EV_ADD)
        return kernel.idents() == [(sockets[0].fileno(), EVFILT_WRITE)]

    assert in_child(works)


# --- the fake only ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", [fake], indirect=True)
@pytest.mark.parametrize(
    ("filter_", "flags", "name"),
    [
        (-4, EV_ADD, "EVFILT_VNODE"),
        (-6, EV_ADD, "EVFILT_SIGNAL"),
        (-8, EV_ADD, "EVFILT_MACHPORT"),
        (-15, EV_ADD, "EVFILT_EXCEPT"),
        (-1, EV_ADD | 0x100, "EV_UDATA_SPECIFIC"),
        (-1, EV_ADD | 0x200, "EV_VANISHED"),
    ],
)
def test_what_is_not_emulated_is_named(kernel: Kernel, sockets: Sockets, filter_: int, flags: int, name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name} is not emulated"):
        kernel.change(sockets[0], filter_, flags)


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_closing_ends_the_waits_of_other_threads(kernel: Kernel) -> None:
    threads = [Waiting(kernel) for _ in range(3)]
    assert all(thread.still_waits() for thread in threads)
    kernel.kqueue.close()
    assert all(thread.ends() for thread in threads)
    assert {type(failure) for thread in threads for failure in thread.failures} <= {OSError}


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_nothing_stays_open(select: Any, sockets: Sockets) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    kernel = Kernel(select)
    kernel.change(sockets[0], EVFILT_WRITE, EV_ADD)
    assert kernel.events()
    kernel.kqueue.close()
    assert set(Path("/proc/self/fd").iterdir()) == before
