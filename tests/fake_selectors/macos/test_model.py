"""A kqueue beside a model of it: hypothesis drives both, they agree."""

from __future__ import annotations

import select as host
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from everyloop.fake_selectors import macos
from everyloop.fake_selectors.kernels.macos.kevent import (
    EV_ADD,
    EV_CLEAR,
    EV_DELETE,
    EV_DISABLE,
    EV_DISPATCH,
    EV_ENABLE,
    EV_EOF,
    EV_ONESHOT,
    EVFILT_READ,
    EVFILT_WRITE,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from .conftest import Kernel

FLAGS = (0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_CLEAR | EV_DISPATCH)
STATES = (0, EV_ENABLE, EV_DISABLE, EV_ENABLE | EV_DISABLE)
FILTERS = st.sampled_from([EVFILT_READ, EVFILT_WRITE])
WHICH = st.integers(0, 11)
UDATA = st.integers(0, 9)


@dataclass
class Knote:
    """What the model knows of a registration.

    Attributes:
        fresh: of an EV_CLEAR knote: its source was active anew, or it was updated, since the last report.
        perhaps: the same, but kernels differ: a reader made room that the writer had not been short of.
    """

    flags: int
    udata: int
    disabled: bool = False
    fresh: bool = True
    perhaps: bool = False


@dataclass
class End:
    """One end of a pair of unix sockets, and what the model knows of it."""

    sock: socket.socket
    peer: End | None = None
    unread: int = 0
    knotes: dict[int, Knote] = field(default_factory=dict)

    def active(self, filter_: int) -> bool:
        """Whether a filter is active on it: these sockets are never full."""
        return filter_ == EVFILT_WRITE or self.unread > 0 or self.peer is None


class Machine(RuleBasedStateMachine):
    """The rules."""

    select: Any

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel(self.select)
        self.open: list[End] = []

    @initialize()
    def start(self) -> None:
        self.connect()
        self.connect()

    @precondition(lambda self: len(self.open) < 12)
    @rule()
    def connect(self) -> None:
        here, there = (End(sock) for sock in socket.socketpair())
        here.peer, there.peer = there, here
        self.open += [here, there]

    def end(self, which: int) -> End:
        return self.open[which % len(self.open)]

    @rule(which=WHICH, filter_=FILTERS, flags=st.sampled_from(FLAGS), state=st.sampled_from(STATES), udata=UDATA)
    def add(self, which: int, filter_: int, flags: int, state: int, udata: int) -> None:
        end = self.end(which)
        self.kernel.change(end.sock, filter_, EV_ADD | flags | state, udata=udata)
        if filter_ not in end.knotes:
            end.knotes[filter_] = Knote(flags, udata)
        self.update(end.knotes[filter_], state, udata)

    @rule(which=WHICH, filter_=FILTERS, state=st.sampled_from(STATES), udata=UDATA)
    def change(self, which: int, filter_: int, state: int, udata: int) -> None:
        end = self.end(which)
        if filter_ in end.knotes:
            self.kernel.change(end.sock, filter_, state, udata=udata)
            self.update(end.knotes[filter_], state, udata)
        else:
            with pytest.raises(FileNotFoundError):
                self.kernel.change(end.sock, filter_, state, udata=udata)

    def update(self, knote: Knote, state: int, udata: int) -> None:
        knote.udata = udata
        knote.fresh = True
        if state & EV_DISABLE:
            knote.disabled = True
        elif state & EV_ENABLE:
            knote.disabled = False

    @rule(which=WHICH, filter_=FILTERS)
    def delete(self, which: int, filter_: int) -> None:
        end = self.end(which)
        if end.knotes.pop(filter_, None) is not None:
            self.kernel.change(end.sock, filter_, EV_DELETE)
        else:
            with pytest.raises(FileNotFoundError):
                self.kernel.change(end.sock, filter_, EV_DELETE)

    @rule(which=WHICH, amount=st.integers(1, 50))
    def receive(self, which: int, amount: int) -> None:
        end = self.end(which)
        if end.peer is not None:
            end.peer.sock.send(bytes(amount))
            end.unread += amount
            if EVFILT_READ in end.knotes:
                end.knotes[EVFILT_READ].fresh = True

    @rule(which=WHICH)
    def drain(self, which: int) -> None:
        end = self.end(which)
        if end.unread:
            assert len(end.sock.recv(1 << 16)) == end.unread
            end.unread = 0
            if end.peer is not None:
                if EVFILT_READ in end.knotes:
                    end.knotes[EVFILT_READ].fresh = False
                if EVFILT_WRITE in end.peer.knotes:
                    end.peer.knotes[EVFILT_WRITE].perhaps = True

    @precondition(lambda self: len(self.open) > 3)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        end = self.end(which)
        end.sock.close()
        self.open.remove(end)
        if end.peer is not None:
            for knote in end.peer.knotes.values():
                knote.fresh = True
            end.peer.peer = None

    @rule(room=st.integers(1, 6))
    def look(self, room: int) -> None:
        certain, possible = self.due(perhaps=False), self.due(perhaps=True)
        found = self.kernel.kqueue.control(None, room, 0)
        assert min(room, len(certain)) <= len(found) <= min(room, len(possible))
        keys = {(event.ident, event.filter) for event in found}
        assert len(keys) == len(found)
        assert keys <= possible.keys()
        for event in found:
            self.reported(event, *possible[event.ident, event.filter])
        if len(found) < room:  # that was all
            assert certain.keys() <= keys
            for end in self.open:
                for knote in end.knotes.values():
                    knote.perhaps = False

    def due(self, *, perhaps: bool) -> dict[tuple[int, int], tuple[End, Knote]]:
        """Return what the kernel has to report, or may report."""
        return {
            (end.sock.fileno(), filter_): (end, knote)
            for end in self.open
            for filter_, knote in end.knotes.items()
            if not knote.disabled
            and end.active(filter_)
            and (knote.fresh or (perhaps and knote.perhaps) or not knote.flags & EV_CLEAR)
        }

    def reported(self, event: Any, end: End, knote: Knote) -> None:
        assert event.udata == knote.udata
        assert bool(event.flags & EV_EOF) == (end.peer is None)
        if event.filter == EVFILT_READ:
            assert event.data == end.unread
        knote.fresh = knote.perhaps = False
        if knote.flags & EV_ONESHOT:
            del end.knotes[event.filter]
        elif knote.flags & EV_DISPATCH:
            knote.disabled = True

    @invariant()
    def readable(self) -> None:
        if self.due(perhaps=False):
            assert host.select([self.kernel.kqueue.fileno()], [], [], 0)[0], "there are events, and nobody is told"

    def teardown(self) -> None:
        self.kernel.kqueue.close()
        for end in self.open:
            end.sock.close()


class OnFake(Machine):
    """The machine on the fake."""

    select = macos().module("select") if sys.platform == "linux" else None


class OnReal(Machine):
    """The machine on the real kernel."""

    select = host


for _machine in (OnFake, OnReal):
    _machine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, derandomize=True)

TestFake = pytest.mark.skipif(sys.platform != "linux", reason="the fake is made of Linux' epoll")(OnFake.TestCase)
TestReal = pytest.mark.skipif(sys.platform != "darwin", reason="the real kernel is macOS'")(OnReal.TestCase)
