"""Gates: what the machine must have for a case, as data."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import pytest
from everyloop.conformance import gates
from everyloop.conformance.gates import Gate

EVERY = [value for value in vars(gates).values() if isinstance(value, Gate)]


@pytest.mark.parametrize("gate", EVERY, ids=lambda gate: gate.name)
def test_a_gate_can_be_listed_and_asked(gate: Gate) -> None:
    assert gate.reason.startswith("needs ")
    assert gate.holds() in {True, False}


def test_names_are_unique() -> None:
    assert len({gate.name for gate in EVERY}) == len(EVERY)


def test_gates_tell_platforms_apart() -> None:
    assert gates.LINUX.holds() == (sys.platform == "linux")
    assert gates.WINDOWS.holds() == (sys.platform == "win32")
    assert gates.POSIX.holds() != gates.WINDOWS.holds()
    assert gates.ROOT.holds() != gates.NOT_ROOT.holds()


def test_ipv6_is_asked_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise OSError("address family not supported")

    monkeypatch.setattr(socket, "socket", refuse)
    assert not gates.IPV6.holds()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_NOFILE")
class TestDescriptors:
    def test_the_limit_leaves_room_for_what_is_open_already(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import resource

        monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
        assert gates.descriptors(960).holds()
        assert not gates.descriptors(961).holds()

    def test_no_limit_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import resource

        monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert gates.descriptors(10**9).holds()

    def test_the_number_is_in_its_name_and_its_reason(self) -> None:
        gate = gates.descriptors(5000)
        assert gate.name == "descriptors(5000)"
        assert gate.reason == "needs 5000 descriptors (RLIMIT_NOFILE is lower)"


def test_fork_is_asked_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gates.FORK.holds() == hasattr(os, "fork")
    monkeypatch.delattr(os, "fork", raising=False)
    assert not gates.FORK.holds()
