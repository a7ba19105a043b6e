"""What EV_* flags do: one test per fact, for each filter that waits, on the fake and on the real kernel.

The list of facts is libkqueue's (https://github.com/mheily/libkqueue, ``test/``), the facts are XNU's.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors.kernels.macos.kevent import (
    EV_ADD,
    EV_CLEAR,
    EV_DELETE,
    EV_DISABLE,
    EV_DISPATCH,
    EV_ENABLE,
    EV_ONESHOT,
    EVFILT_READ,
    EVFILT_TIMER,
    EVFILT_USER,
    EVFILT_WRITE,
    NOTE_TRIGGER,
)

from .conftest import Kernel, Pipe, Sockets


class Source:
    """Something that a filter watches: how it becomes active, how it becomes quiet."""

    def __init__(
        self, ident: Any, filter_: int, activate: Callable[[], object], calm: Callable[[], object] = lambda: None
    ) -> None:
        self.ident, self.filter, self.activate, self.calm = ident, filter_, activate, calm

    @property
    def key(self) -> tuple[int, int]:
        """What its events carry."""
        return (self.ident if isinstance(self.ident, int) else self.ident.fileno(), self.filter)


def fill(fd: int) -> int:
    """Write until nothing more fits; return how much it was."""
    written = 0
    while True:
        try:
            written += os.write(fd, bytes(4096))
        except BlockingIOError:
            return written


SOURCES = ("socket-read", "socket-write", "pipe-read", "pipe-write", "file-read", "user")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[io.FileIO]:
    """An empty file."""
    with (tmp_path / "file").open("xb+", buffering=0) as made:
        yield made


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, kernel: Kernel) -> Source:
    """A source that is quiet."""
    what, _, way = str(request.param).partition("-")
    if what == "socket":
        here, there = request.getfixturevalue("sockets")
        if way == "read":
            return Source(here, EVFILT_READ, lambda: there.send(b"x"), lambda: here.recv(100))
        fill(here.fileno())
        return Source(here, EVFILT_WRITE, lambda: drain(there.fileno()), lambda: fill(here.fileno()))
    if what == "pipe":
        reading, writing = request.getfixturevalue("pipe")
        os.set_blocking(reading, False)
        if way == "read":
            return Source(reading, EVFILT_READ, lambda: os.write(writing, b"x"), lambda: os.read(reading, 100))
        fill(writing)
        return Source(writing, EVFILT_WRITE, lambda: drain(reading), lambda: fill(writing))
    if what == "file":
        file = request.getfixturevalue("file")
        return Source(file, EVFILT_READ, lambda: os.pwrite(file.fileno(), b"x", file.tell()), lambda: file.read())
    return Source(7, EVFILT_USER, lambda: kernel.change(7, EVFILT_USER, 0, NOTE_TRIGGER))


def drain(fd: int) -> None:
    """Read until nothing is left."""
    while True:
        try:
            os.read(fd, 1 << 16)
        except BlockingIOError:
            return


def test_add_watches(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    assert kernel.events() == []
    source.activate()
    assert (kernel.event().ident, kernel.event().filter) == source.key


def test_what_is_active_already_is_reported(kernel: Kernel, sockets: Sockets) -> None:
    sockets[1].send(b"x")
    kernel.change(sockets[0], EVFILT_READ, EV_ADD)
    assert kernel.idents() == [(sockets[0].fileno(), EVFILT_READ)]


def test_what_stays_active_is_reported_again(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    source.activate()
    for _ in range(3):
        assert [(event.ident, event.filter) for event in kernel.events(1)] == [source.key]


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "user"], indirect=True)
def test_what_becomes_quiet_is_not(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    for _ in range(3):
        source.activate()
        assert (kernel.event().ident, kernel.event().filter) == source.key
        source.calm()
        assert kernel.events() == []


def test_delete_forgets(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    source.activate()
    kernel.change(source.ident, source.filter, EV_DELETE)
    assert kernel.events() == []
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_DELETE)


def test_delete_overrules_add(kernel: Kernel, source: Source) -> None:
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_ADD | EV_DELETE)


def test_adding_twice_is_one_knote(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    kernel.change(source.ident, source.filter, EV_ADD)
    source.activate()
    assert len(kernel.events(1)) == 1
    kernel.change(source.ident, source.filter, EV_DELETE)
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_DELETE)


def test_udata_comes_back(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    source.activate()  # of a user event, an update like any other
    kernel.change(source.ident, source.filter, EV_ADD, udata=0xFEDC_BA98_7654_3210)
    assert kernel.event().udata == 0xFEDC_BA98_7654_3210


def test_every_update_replaces_udata(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD, udata=1)
    source.activate()
    kernel.change(source.ident, source.filter, EV_ADD, udata=2)
    assert kernel.event().udata == 2
    kernel.change(source.ident, source.filter, EV_ENABLE, udata=3)
    assert kernel.event().udata == 3


def test_an_update_keeps_the_flags(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_CLEAR)
    source.activate()
    kernel.change(source.ident, source.filter, EV_ADD | EV_ONESHOT)
    assert kernel.event().flags == EV_ADD | EV_CLEAR


def test_an_event_carries_the_flags_it_was_added_with(kernel: Kernel, source: Source) -> None:
    for flags in (EV_ADD, EV_ADD | EV_ENABLE, EV_ADD | EV_CLEAR | EV_ENABLE):
        kernel.change(source.ident, source.filter, flags)
        source.activate()
        assert kernel.event().flags == flags
        kernel.change(source.ident, source.filter, EV_DELETE)


def test_disable_keeps_quiet_and_enable_reports(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    kernel.change(source.ident, source.filter, EV_DISABLE)
    source.activate()
    assert kernel.events() == []
    kernel.change(source.ident, source.filter, EV_ENABLE)
    assert (kernel.event().ident, kernel.event().filter) == source.key


def test_disable_takes_back_what_is_active(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD)
    source.activate()
    kernel.change(source.ident, source.filter, EV_DISABLE)
    assert kernel.events() == []


def test_what_is_added_disabled_is_quiet(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_DISABLE)
    source.activate()
    assert kernel.events() == []
    kernel.change(source.ident, source.filter, EV_ADD)  # which is an update: it does not enable
    assert kernel.events() == []
    kernel.change(source.ident, source.filter, EV_ENABLE | EV_DISABLE)  # the latter overrules
    assert kernel.events() == []
    kernel.change(source.ident, source.filter, EV_ENABLE)
    assert (kernel.event().ident, kernel.event().filter) == source.key


def test_a_disabled_knote_can_be_deleted(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_DISABLE)
    kernel.change(source.ident, source.filter, EV_DELETE)
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_ENABLE)


def test_oneshot_reports_once_and_forgets(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_ONESHOT)
    source.activate()
    assert kernel.event().flags == EV_ADD | EV_ONESHOT
    assert kernel.events() == []
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_DELETE)
    kernel.change(source.ident, source.filter, EV_ADD)


def test_oneshot_goes_before_dispatch(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_ONESHOT | EV_DISPATCH)
    source.activate()
    assert kernel.event()
    with pytest.raises(FileNotFoundError):
        kernel.change(source.ident, source.filter, EV_ENABLE)


def test_dispatch_reports_once_and_disables(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_DISPATCH)
    source.activate()
    for _ in range(3):
        assert (kernel.event().ident, kernel.events()) == (source.key[0], [])
        kernel.change(source.ident, source.filter, EV_ENABLE)
    kernel.change(source.ident, source.filter, EV_DELETE)


def test_clear_reports_each_change_once(kernel: Kernel, source: Source) -> None:
    kernel.change(source.ident, source.filter, EV_ADD | EV_CLEAR)
    for _ in range(3):
        source.activate()
        assert (kernel.event().ident, kernel.events()) == (source.key[0], [])
        source.calm()
        assert kernel.events() == []


def test_clear_reports_more_of_the_same(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    kernel.change(here, EVFILT_READ, EV_ADD | EV_CLEAR)
    for amount in range(1, 5):
        there.send(b"x")
        assert kernel.event().data == amount
        assert kernel.events() == []


def test_an_update_reports_again_what_is_clear_and_active(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    kernel.change(here, EVFILT_READ, EV_ADD | EV_CLEAR)
    there.send(b"x")
    assert kernel.event()
    assert kernel.events() == []
    kernel.change(here, EVFILT_READ, EV_ADD)
    assert kernel.event()
    assert kernel.events() == []


def test_clear_of_one_filter_leaves_the_other_alone(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    fd = here.fileno()
    kernel.change(here, EVFILT_READ, EV_ADD | EV_CLEAR)
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    there.send(b"x")
    assert kernel.idents() == [(fd, EVFILT_WRITE), (fd, EVFILT_READ)]
    assert kernel.idents() == [(fd, EVFILT_WRITE)]
    kernel.change(here, EVFILT_WRITE, EV_DISABLE)
    assert kernel.idents() == []
    there.send(b"x")
    assert kernel.idents() == [(fd, EVFILT_READ)]
    kernel.change(here, EVFILT_WRITE, EV_ENABLE)
    assert kernel.idents() == [(fd, EVFILT_WRITE)]


def test_a_timer_and_a_descriptor_may_have_the_same_number(kernel: Kernel, pipe: Pipe) -> None:
    kernel.change(pipe[1], EVFILT_WRITE, EV_ADD)
    kernel.change(pipe[1], EVFILT_TIMER, EV_ADD, 0, 60_000)
    assert kernel.idents() == [(pipe[1], EVFILT_WRITE)]
    kernel.change(pipe[1], EVFILT_TIMER, EV_DELETE)
    assert kernel.idents() == [(pipe[1], EVFILT_WRITE)]
