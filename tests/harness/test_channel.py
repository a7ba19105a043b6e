"""A worker's line: it holds whatever a case does to the descriptor."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from everyloop.harness.channel import Channel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets are no descriptors there")


class Line:
    """The run's end of a connection."""

    def __init__(self, server: socket.socket) -> None:
        self.socket, _ = server.accept()
        self.socket.settimeout(10)
        self._lines = self.socket.makefile("r", encoding="ascii")

    def receive(self) -> Any:
        text = self._lines.readline()
        return json.loads(text) if text else None

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


@pytest.fixture
def channel(server: socket.socket) -> Iterator[Channel]:
    made = Channel(server.getsockname()[1], "secret", 7)
    yield made
    made._socket.close()


@pytest.fixture
def line(server: socket.socket, channel: Channel) -> Iterator[Line]:
    accepted = Line(server)
    assert accepted.receive() == {"kind": "hello", "token": "secret", "worker": 7}
    yield accepted
    accepted.close()


def test_messages_go_both_ways(channel: Channel, line: Line) -> None:
    channel.send({"kind": "verdict", "detail": "a\udc80\n"})
    assert line.receive() == {"kind": "verdict", "detail": "a\udc80\n"}
    line.socket.sendall(b'{"run": "one"}\n{"run"')
    assert channel.receive() == {"run": "one"}
    line.socket.sendall(b': "two"}\n')
    assert channel.receive() == {"run": "two"}
    assert channel.ours


def test_the_end_of_the_run_is_the_end(channel: Channel, line: Line) -> None:
    line.close()
    assert channel.receive() is None


def test_so_is_a_broken_connection(channel: Channel, line: Line) -> None:
    import struct

    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
    assert channel.receive() is None


def test_a_descriptor_that_was_closed_is_replaced(channel: Channel, line: Line, server: socket.socket) -> None:
    os.close(channel.descriptor())
    channel.send({"kind": "verdict"})
    again = Line(server)
    assert again.receive() == {"kind": "hello", "token": "secret", "worker": 7}
    assert again.receive() == {"kind": "verdict"}
    again.close()
    assert line.receive() is None


def test_a_descriptor_that_is_somebody_elses_now_is_left_alone(
    channel: Channel, line: Line, server: socket.socket
) -> None:
    number = channel.descriptor()
    here, there = socket.socketpair()
    os.dup2(here.fileno(), number)
    channel.send({"kind": "verdict"})
    again = Line(server)
    assert [again.receive()["kind"], again.receive()["kind"]] == ["hello", "verdict"]
    assert channel.descriptor() != number
    os.close(number)
    here.close()
    assert there.recv(10) == b""
    there.close()
    again.close()


def test_a_forked_copy_knows_that_it_is_one(channel: Channel, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not channel.ours
