"""Connections of ``AcceptEx`` and ``ConnectEx`` before their context is updated."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from .completion import Port, port_of
from .conftest import refused


@pytest.fixture
def port(system: Any) -> Iterator[Port]:
    """A completion port."""
    with port_of(system) as made:
        yield made


@pytest.fixture
def accepted(port: Port, socket: Any, listener: Any) -> Iterator[tuple[Any, Any]]:
    """A socket that ``AcceptEx`` has connected, and its peer."""
    port.owns(listener)
    with socket.socket() as sock, contextlib.ExitStack() as stack:
        accept = port.start("AcceptEx", listener.fileno(), sock.fileno())
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        assert port.finish(accept) == (0, 0)
        yield sock, client


@pytest.fixture
def connected(port: Port, socket: Any, listener: Any) -> Iterator[tuple[Any, Any]]:
    """A socket that ``ConnectEx`` has connected, and its peer."""
    with socket.socket() as sock:
        port.owns(sock)
        port.overlapped.BindLocal(sock.fileno(), socket.AF_INET)
        connect = port.start("ConnectEx", sock.fileno(), listener.getsockname())
        assert port.finish(connect) == (0, 0)
        peer, _ = listener.accept()
        with peer:
            yield sock, peer


def test_a_socket_of_acceptex_does_not_know_its_connection(accepted: tuple[Any, Any], socket: Any) -> None:
    sock, client = accepted
    with refused(10057):
        sock.getpeername()
    with refused(10022):
        sock.getsockname()
    with refused(10057):
        sock.shutdown(socket.SHUT_RDWR)
    client.sendall(b"data")
    assert sock.recv(10) == b"data"


def test_the_context_of_acceptex(accepted: tuple[Any, Any], port: Port, socket: Any, listener: Any) -> None:
    sock, client = accepted
    context = struct.pack("@P", listener.fileno())
    sock.setsockopt(socket.SOL_SOCKET, port.overlapped.SO_UPDATE_ACCEPT_CONTEXT, context)
    assert (sock.getsockname(), sock.getpeername()) == (client.getpeername(), client.getsockname())
    sock.shutdown(socket.SHUT_RDWR)
    assert client.recv(10) == b""


def test_a_socket_of_connectex_does_not_know_its_connection(connected: tuple[Any, Any], socket: Any) -> None:
    sock, peer = connected
    with refused(10057):
        sock.getpeername()
    with refused(10057):
        sock.shutdown(socket.SHUT_WR)
    assert sock.getsockname()[1] == peer.getpeername()[1]
    sock.sendall(b"data")
    assert peer.recv(10) == b"data"


def test_the_context_of_connectex(connected: tuple[Any, Any], port: Port, socket: Any, listener: Any) -> None:
    sock, peer = connected
    sock.setsockopt(socket.SOL_SOCKET, port.overlapped.SO_UPDATE_CONNECT_CONTEXT, 0)
    assert sock.getpeername() == listener.getsockname()
    sock.shutdown(socket.SHUT_WR)
    assert peer.recv(10) == b""


def test_another_socket_with_the_handle_is_another_socket(accepted: tuple[Any, Any], socket: Any) -> None:
    sock, client = accepted
    handle, address = sock.fileno(), client.getpeername()
    sock.close()
    spare: list[Any] = []
    with contextlib.ExitStack() as stack:
        while not spare or spare[-1].fileno() < handle:  # Linux gives the lowest number that is free
            spare.append(stack.enter_context(socket.socket()))
        spare[-1].connect(address)
        assert spare[-1].getpeername() == address
