"""CPython's ``SelectSelector`` over Windows' ``select()``, driven at random beside a model."""

from __future__ import annotations

import selectors
import sys
import time
from typing import Any

import pytest
from everyloop.fake_selectors import WindowsSelectSelector, windows
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from .conftest import PATIENCE, fake, real

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
MAX_SOCKETS = 5
EVENTS = st.sampled_from([READ, WRITE, READ | WRITE])
WHICH = st.integers(0, 100)


class End:
    """One end of a connection, and what the model knows of it."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.handle = sock.fileno()
        self.unread = 0
        self.peer: End
        self.open = True
        self.events = 0

    @property
    def ready(self) -> int:
        """The events that are there: data or the end of them, and room to write."""
        return (READ if self.unread or not self.peer.open else 0) | WRITE


class Selecting(RuleBasedStateMachine):
    """Sockets that come, get data and go; the selector must see what the model sees."""

    make_selector: Any
    make_pair: Any
    room: int

    def __init__(self) -> None:
        super().__init__()
        self.selector = self.make_selector()
        self.ends: list[End] = []

    def teardown(self) -> None:
        for end in self.ends:
            end.sock.close()
        self.selector.close()

    def choose(self, which: int, ends: list[End]) -> End:
        return ends[which % len(ends)]

    @property
    def living(self) -> list[End]:
        return [end for end in self.ends if end.open]

    @property
    def watched(self) -> list[End]:
        return [end for end in self.ends if end.events]

    @rule()
    def connect(self) -> None:
        ours, theirs = map(End, self.make_pair())
        ours.peer, theirs.peer = theirs, ours
        self.ends += [ours, theirs]

    @precondition(lambda self: any(not end.events for end in self.living))
    @rule(which=WHICH, events=EVENTS)
    def register(self, which: int, events: int) -> None:
        end = self.choose(which, [end for end in self.living if not end.events])
        self.selector.register(end.handle, events, end)
        end.events = events

    @precondition(lambda self: self.watched)
    @rule(which=WHICH, events=EVENTS)
    def modify(self, which: int, events: int) -> None:
        end = self.choose(which, self.watched)
        self.selector.modify(end.handle, events, end)
        end.events = events

    @precondition(lambda self: self.watched)
    @rule(which=WHICH)
    def unregister(self, which: int) -> None:
        end = self.choose(which, self.watched)
        self.selector.unregister(end.handle)
        end.events = 0

    @precondition(lambda self: any(end.peer.open for end in self.living))
    @rule(which=WHICH, size=st.integers(1, 1000))
    def make_ready(self, which: int, size: int) -> None:
        end = self.choose(which, [end for end in self.living if end.peer.open])
        end.sock.sendall(b"x" * size)
        end.peer.unread += size

    @precondition(lambda self: any(end.unread for end in self.living))
    @rule(which=WHICH)
    def drain(self, which: int) -> None:
        end = self.choose(which, [end for end in self.living if end.unread])
        while end.unread:
            end.unread -= len(end.sock.recv(end.unread))

    @precondition(lambda self: any(not end.unread and not end.events for end in self.living))
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        # Unread data would make of the end a reset: another behaviour, which has its own test.
        end = self.choose(which, [end for end in self.living if not end.unread and not end.events])
        end.sock.close()
        end.open = False
        self.ends.remove(end)

    @precondition(lambda self: any(not end.unread and end.events for end in self.living))
    @rule(which=WHICH)
    def close_while_it_is_watched(self, which: int) -> None:
        end = self.choose(which, [end for end in self.living if not end.unread and end.events])
        end.sock.close()
        end.open = False
        if all(len(self.of(flag)) <= self.room for flag in (READ, WRITE)):
            with pytest.raises(OSError, match="10038"):
                self.selector.select(PATIENCE)
        self.selector.unregister(end.handle)
        end.events = 0
        self.ends.remove(end)

    def of(self, flag: int) -> list[End]:
        return [end for end in self.watched if end.events & flag]

    @invariant()
    def the_selector_sees_what_the_model_sees(self) -> None:
        if not self.watched:
            with pytest.raises(OSError, match="10022"):
                self.selector.select(0)
        elif any(len(self.of(flag)) > self.room for flag in (READ, WRITE)):
            with pytest.raises(ValueError, match="too many"):
                self.selector.select(0)
        else:
            expected = {(end.handle, end.events & end.ready) for end in self.watched if end.events & end.ready}
            deadline = time.monotonic() + PATIENCE
            while (seen := self.look()) != expected:  # what is sent over loopback takes a moment
                assert time.monotonic() < deadline, (seen, expected)

    def look(self) -> set[tuple[int, int]]:
        found = self.selector.select(0)
        assert all(key.data.handle == key.fd for key, _ in found)
        return {(key.fd, events) for key, events in found}


@pytest.mark.parametrize("kind", [fake, real])
def test_the_selector_agrees_with_the_model(kind: str) -> None:
    if kind == "fake":
        pair = windows.selector().module("socket").socketpair
        members = {"make_selector": lambda _: WindowsSelectSelector(max_sockets=MAX_SOCKETS), "room": MAX_SOCKETS}
    else:
        import socket

        pair = socket.socketpair
        members = {"make_selector": lambda _: selectors.SelectSelector(), "room": 512}
    assert sys.platform in {"linux", "win32"}
    machine = type("Selecting", (Selecting,), {**members, "make_pair": lambda _: pair()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
