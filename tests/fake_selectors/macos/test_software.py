"""EVFILT_TIMER, EVFILT_USER and EVFILT_PROC: one test per fact, on the fake and on the real kernel."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from everyloop.fake_selectors.kernels.macos.kevent import (
    EV_ADD,
    EV_CLEAR,
    EV_DELETE,
    EV_DISABLE,
    EV_ENABLE,
    EV_EOF,
    EV_ONESHOT,
    EVFILT_PROC,
    EVFILT_READ,
    EVFILT_TIMER,
    EVFILT_USER,
    NOTE_ABSOLUTE,
    NOTE_EXIT,
    NOTE_EXITSTATUS,
    NOTE_FFAND,
    NOTE_FFCOPY,
    NOTE_FFNOP,
    NOTE_FFOR,
    NOTE_NSECONDS,
    NOTE_SECONDS,
    NOTE_TRIGGER,
    NOTE_USECONDS,
)

from .conftest import PATIENCE, Kernel, Sockets, fake

LONG = 60_000  # ms: not in this test


def refused(kernel: Kernel, ident: int, filter_: int, fflags: int, data: int = 0) -> int | None:
    """Return the errno with which a knote is refused."""
    with pytest.raises(OSError) as caught:
        kernel.change(ident, filter_, EV_ADD, fflags, data)
    return caught.value.errno


def elapsed(call: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    started = time.monotonic()
    call()
    return time.monotonic() - started


# --- timers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fflags", "data"), [(0, 20), (NOTE_USECONDS, 20_000), (NOTE_NSECONDS, 20_000_000)], ids=["ms", "us", "ns"]
)
def test_a_timer_counts_in_its_unit(kernel: Kernel, fflags: int, data: int) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, fflags, data)
    assert 0.015 <= elapsed(kernel.event) < PATIENCE / 2


def test_a_timer_counts_in_seconds(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1)
    assert kernel.events(0.2) == []
    assert kernel.event().ident == 1


def test_a_timer_repeats_and_tells_how_often_it_fired(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, 10, udata=5)
    event = kernel.event()
    assert (event.ident, event.filter, event.flags, event.udata) == (1, EVFILT_TIMER, EV_ADD | EV_CLEAR, 5)
    time.sleep(0.05)
    assert kernel.event().data >= 4
    assert kernel.event().data >= 1


def test_a_timer_fires_once_with_oneshot(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10)
    assert kernel.event().data >= 1  # periods that have passed until somebody looked
    assert kernel.events(0.03) == []
    with pytest.raises(FileNotFoundError):
        kernel.change(1, EVFILT_TIMER, EV_DELETE)


def test_a_timer_may_mean_a_time_of_day(kernel: Kernel) -> None:
    due = time.time_ns() // 1000 + 20_000
    kernel.change(1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_USECONDS, due)
    event = kernel.event()
    assert (event.data, event.flags) == (1, EV_ADD | EV_CLEAR | EV_ONESHOT)
    assert time.time_ns() // 1000 >= due
    with pytest.raises(FileNotFoundError):
        kernel.change(1, EVFILT_TIMER, EV_DELETE)


@pytest.mark.parametrize(("fflags", "data"), [(0, -5), (NOTE_ABSOLUTE | NOTE_SECONDS, 1)], ids=["negative", "past"])
def test_a_timer_in_the_past_fires_once_at_once(kernel: Kernel, fflags: int, data: int) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, fflags, data)
    assert kernel.event().data == 1
    assert kernel.events(0.02) == []


def test_a_timer_can_be_deleted(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, 10)
    kernel.change(1, EVFILT_TIMER, EV_DELETE)
    assert kernel.events(0.03) == []


def test_a_disabled_timer_keeps_quiet(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD | EV_DISABLE, 0, 10)
    assert kernel.events(0.03) == []
    kernel.change(1, EVFILT_TIMER, EV_ENABLE, 0, 10)
    assert kernel.event().ident == 1


def test_an_update_starts_a_timer_anew(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, LONG)
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, 10)
    assert kernel.event().ident == 1
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, LONG)
    assert kernel.events(0.03) == []


def test_timers_fire_in_order(kernel: Kernel) -> None:
    for ident, delay in ((1, 30), (2, 10), (3, 20), (4, LONG)):
        kernel.change(ident, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, delay)
    fired: list[int] = []
    while len(fired) < 3:
        fired += [event.ident for event in kernel.events(PATIENCE)]
    assert fired == [2, 3, 1]


def test_two_units_are_refused(kernel: Kernel) -> None:
    assert refused(kernel, 1, EVFILT_TIMER, NOTE_SECONDS | NOTE_USECONDS, 1) == errno.EINVAL


def test_a_period_too_long_for_nanoseconds_is_refused(kernel: Kernel) -> None:
    assert refused(kernel, 1, EVFILT_TIMER, NOTE_SECONDS, 1 << 40) == errno.ERANGE


def test_an_update_cannot_make_a_time_of_day_of_a_period(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_TIMER, EV_ADD, 0, LONG)
    assert refused(kernel, 1, EVFILT_TIMER, NOTE_ABSOLUTE, 1) == errno.EINVAL


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_other_flags_of_timers_are_not_emulated(kernel: Kernel) -> None:
    with pytest.raises(NotImplementedError, match="EVFILT_TIMER with fflags 0x80 is not emulated"):
        kernel.change(1, EVFILT_TIMER, EV_ADD, 0x80, 1)


# --- user events --------------------------------------------------------------------------------------------


def test_a_user_event_is_quiet_until_it_is_triggered(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_USER, EV_ADD)
    assert kernel.events() == []
    kernel.change(1, EVFILT_USER, 0, NOTE_TRIGGER)
    assert [(event.ident, event.filter) for event in kernel.events()] == [(1, EVFILT_USER)]


def test_a_user_event_may_be_triggered_as_it_is_added(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 9)
    assert kernel.event().data == 9
    assert kernel.events() == []


def test_the_flags_of_a_user_event_are_the_programs(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_USER, EV_ADD, 0b1100)
    for control, operand, expected in (
        (NOTE_FFNOP, 0b1, 0b1100),
        (NOTE_FFOR, 0b1, 0b1101),
        (NOTE_FFAND, 0b101, 0b101),
        (NOTE_FFCOPY, 0b111, 0b111),
    ):
        kernel.change(1, EVFILT_USER, 0, NOTE_TRIGGER | control | operand)
        assert kernel.event().fflags == expected


def test_the_data_of_a_user_event_is_the_last_updates(kernel: Kernel) -> None:
    kernel.change(1, EVFILT_USER, EV_ADD, 0, 5)
    kernel.change(1, EVFILT_USER, 0, NOTE_TRIGGER, -6)
    assert kernel.event().data == -6


def test_a_user_event_wakes_a_kqueue_in_a_kqueue(select: Any, kernel: Kernel) -> None:
    inner = Kernel(select)
    try:
        kernel.change(inner.kqueue, EVFILT_READ, EV_ADD)
        inner.change(1, EVFILT_USER, EV_ADD | EV_CLEAR)
        assert kernel.events() == []
        inner.change(1, EVFILT_USER, 0, NOTE_TRIGGER)
        assert kernel.event().ident == inner.kqueue.fileno()
        assert inner.event().ident == 1
        assert kernel.events() == []
    finally:
        inner.kqueue.close()


# --- processes ----------------------------------------------------------------------------------------------


class Child:
    """A forked process that ends when it is told to."""

    def __init__(self, code: int = 0) -> None:
        reading, self._writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            os.read(reading, 1)
            os._exit(code)
        os.close(reading)

    def end(self) -> None:
        """Tell it."""
        os.close(self._writing)

    def status(self) -> int:
        """Reap it."""
        return os.waitpid(self.pid, 0)[1]


def test_the_end_of_a_process_is_told_once(kernel: Kernel) -> None:
    child = Child(3)
    kernel.change(child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT)
    assert kernel.events() == []
    child.end()
    event = kernel.event()
    assert (event.ident, event.filter, event.fflags, event.data) == (child.pid, EVFILT_PROC, NOTE_EXIT, 0)
    assert event.flags & (EV_EOF | EV_ONESHOT) == EV_EOF | EV_ONESHOT
    assert kernel.events() == []
    with pytest.raises(FileNotFoundError):
        kernel.change(child.pid, EVFILT_PROC, EV_DELETE)
    assert os.waitstatus_to_exitcode(child.status()) == 3


def test_the_status_of_a_process_is_told_if_asked_for(kernel: Kernel) -> None:
    for how in (0, 7, -signal.SIGKILL):
        child = Child(max(how, 0))
        kernel.change(child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_EXITSTATUS)
        if how < 0:
            os.kill(child.pid, -how)
        child.end()
        event = kernel.event()
        assert event.fflags & NOTE_EXITSTATUS
        assert event.data == child.status()
        assert os.waitstatus_to_exitcode(event.data) == how


def test_a_process_need_not_be_watched_to_its_end(kernel: Kernel) -> None:
    child = Child()
    kernel.change(child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT)
    kernel.change(child.pid, EVFILT_PROC, EV_DELETE)
    child.end()
    child.status()
    assert kernel.events(0.02) == []


def test_a_disabled_process_is_told_later(kernel: Kernel) -> None:
    child = Child()
    kernel.change(child.pid, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_EXIT)
    child.end()
    assert kernel.events(0.05) == []
    kernel.change(child.pid, EVFILT_PROC, EV_ENABLE, NOTE_EXIT)
    assert kernel.event().ident == child.pid
    child.status()


def test_a_process_that_is_no_more(kernel: Kernel) -> None:
    child = Child()
    child.end()
    child.status()
    assert refused(kernel, child.pid, EVFILT_PROC, NOTE_EXIT) == errno.ESRCH


def test_a_process_that_waits_to_be_reaped(kernel: Kernel) -> None:
    child = Child()
    kernel.change(child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT)
    child.end()
    assert kernel.event().ident == child.pid
    assert refused(kernel, child.pid, EVFILT_PROC, NOTE_EXIT) == errno.ESRCH
    child.status()


def test_following_forks_is_refused(kernel: Kernel) -> None:
    assert os.strerror(refused(kernel, os.getpid(), EVFILT_PROC, 1) or 0) == "Operation not supported"


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_other_notes_of_processes_are_not_emulated(kernel: Kernel) -> None:
    with pytest.raises(NotImplementedError, match="EVFILT_PROC with fflags 0x40000000 is not emulated"):
        kernel.change(os.getpid(), EVFILT_PROC, EV_ADD, 0x4000_0000)


# --- together -----------------------------------------------------------------------------------------------


def test_filters_do_not_starve_each_other(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, EVFILT_READ, EV_ADD)
    kernel.change(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER)
    kernel.change(2, EVFILT_USER, EV_ADD, NOTE_TRIGGER)
    seen = {kernel.kqueue.control(None, 1, 0)[0].ident for _ in range(15)}
    assert seen == {here.fileno(), 1, 2}
