"""Winsock as Python shows it: each fact on the fake, and on the real one where this machine is Windows."""

from __future__ import annotations

import socket as own
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from everyloop.fake_selectors.windows import selector

from .conftest import PATIENCE, Sockets, on_linux, refused

Call: TypeAlias = Callable[[], Any]

LINGER_NOT = struct.pack("HH", 1, 0)
"""``struct linger``: close() resets the connection."""


@pytest.fixture
def datagrams(socket: Any) -> Any:
    """A socket for datagrams that has an address and does not block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


@pytest.fixture
def deaf_port(socket: Any) -> tuple[str, int]:
    """An address for datagrams that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        address: tuple[str, int] = unused.getsockname()
        return address


def test_a_pair_is_two_connections_over_loopback(socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    assert ours.family == socket.AF_INET
    assert ours.getsockname() == theirs.getpeername()
    assert ours.getsockname()[0] == "127.0.0.1"
    for wrong in ({"type": socket.SOCK_DGRAM}, {"proto": 17}, {"family": 0}):
        with pytest.raises(ValueError, match=r"^Only .* (are|is) supported$"):
            socket.socketpair(**wrong)


def test_there_is_no_sendmsg(socket: Any, pair: Sockets) -> None:
    for name in ("sendmsg", "recvmsg", "recvmsg_into", "sendmsg_afalg"):
        assert not hasattr(socket.socket, name)
        assert not hasattr(pair[0], name)
    assert "sendmsg" not in dir(socket.socket)


def test_a_closed_socket_is_no_socket(socket: Any) -> None:
    closed = socket.socket()
    closed.close()
    calls: list[Call] = [
        lambda: closed.recv(1),
        lambda: closed.send(b"x"),
        lambda: closed.getsockname(),
        lambda: closed.accept(),
        lambda: closed.listen(),
        lambda: closed.bind(("127.0.0.1", 0)),
        lambda: closed.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    for call in calls:
        with refused(10038):
            call()


def test_a_socket_that_was_never_connected_sends_and_receives_nothing(socket: Any) -> None:
    with socket.socket() as idle:
        calls: list[Call] = [
            lambda: idle.send(b"x"),
            lambda: idle.sendall(b"x"),
            lambda: idle.recv(1),
            idle.getpeername,
        ]
        for call in calls:
            with refused(10057):
                call()


def test_what_would_block_says_so(socket: Any, pair: Sockets, listener: Any) -> None:
    pair[0].setblocking(False)
    listener.setblocking(False)
    calls: list[Call] = [lambda: pair[0].recv(1), lambda: pair[0].recv_into(bytearray(1)), listener.accept]
    for call in calls:
        with refused(10035, BlockingIOError):
            call()


def test_a_refused_connection(socket: Any, closed_port: tuple[str, int]) -> None:
    with refused(10061, ConnectionRefusedError):
        socket.create_connection(closed_port, timeout=PATIENCE)


@pytest.mark.parametrize("address", [("127.0.0.1", 0), ("0.0.0.0", 80), ("", 80)])
def test_a_connection_to_nowhere_is_refused(socket: Any, address: tuple[str, int]) -> None:
    with socket.socket() as caller, refused(10049):
        caller.connect(address)


def test_connect_ex_returns_the_number(socket: Any, listener: Any, system: Any) -> None:
    errno = system.module("errno")
    with socket.socket() as caller:
        caller.setblocking(False)
        assert caller.connect_ex(listener.getsockname()) == errno.EWOULDBLOCK
        assert caller.connect_ex(("127.0.0.1", 0)) != 0


def test_sending_to_a_reset_connection_is_a_reset(socket: Any, select: Any, pair: Sockets) -> None:
    ours, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    theirs.close()
    select.select([ours], [], [], PATIENCE)
    calls: list[Call] = [lambda: ours.recv(1), lambda: ours.send(b"x")]
    for call in calls:
        with refused(10054, ConnectionResetError):
            call()


def test_an_ended_direction_stays_ended(socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    ours.shutdown(socket.SHUT_WR)
    with refused(10058, BrokenPipeError):
        ours.send(b"x")
    theirs.sendall(b"still open")
    assert ours.recv(100) == b"still open"
    ours.shutdown(socket.SHUT_RD)
    with refused(10058, BrokenPipeError):
        ours.recv(1)


def test_a_socket_made_of_a_handle_has_no_protocol(socket: Any, listener: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as made:
        assert made.proto == socket.IPPROTO_TCP
        again = socket.socket(fileno=made.detach())
        assert (again.family, again.type, again.proto) == (socket.AF_INET, socket.SOCK_STREAM, 0)
        again.close()
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == 0


def test_an_unknown_name_has_no_other_error_behind_it(socket: Any) -> None:
    with pytest.raises(socket.gaierror, match="getaddrinfo failed") as raised:
        socket.getaddrinfo("127.0.0.1.", 80, flags=socket.AI_NUMERICHOST)
    assert raised.value.__context__ is None


def test_getaddrinfo_answers_what_was_asked(socket: Any) -> None:
    assert socket.getaddrinfo("127.0.0.1", 80) == [(socket.AF_INET, 0, 0, "", ("127.0.0.1", 80))]
    asked = {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}
    assert socket.getaddrinfo("127.0.0.1", 80, **asked)[0][1:3] == (socket.SOCK_STREAM, socket.IPPROTO_TCP)


def test_a_port_in_use_is_refused(socket: Any, listener: Any) -> None:
    with socket.socket() as other, refused(10048):
        other.bind(listener.getsockname())


def test_a_port_that_is_only_bound_is_in_use(socket: Any) -> None:
    with socket.socket() as first, socket.socket() as other:
        first.bind(("127.0.0.1", 0))
        with refused(10048):
            other.bind(first.getsockname())


def test_nobody_steals_from_one_who_does_not_share(socket: Any) -> None:
    with socket.socket() as first, socket.socket() as other:
        first.bind(("127.0.0.1", 0))
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with refused(10013, PermissionError):
            other.bind(first.getsockname())


def test_two_who_share_have_one_port(socket: Any) -> None:
    with socket.socket() as first, socket.socket() as other:
        for each in first, other:
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        first.bind(("127.0.0.1", 0))
        first.listen()
        other.bind(first.getsockname())
        other.listen()


def test_a_port_is_free_when_its_listener_is_gone(socket: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        caller = socket.create_connection(address)
        accepted, _ = server.accept()
    accepted.close()  # first: what is left of the connection is left here
    assert caller.recv(1) == b""
    caller.close()
    with socket.socket() as again:
        again.bind(address)
        again.listen()


def test_exclusive_use_is_an_option(socket: Any) -> None:
    with socket.socket() as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE) == 0
        made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE) == 1


def test_lingering_is_two_numbers_of_16_bits(socket: Any) -> None:
    def kept(*size: int) -> Any:
        return made.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, *size)

    with socket.socket() as made:
        assert kept(4) == struct.pack("HH", 0, 0)
        for value, expected in [
            (struct.pack("HH", 1, 5), (1, 5)),
            (struct.pack("II", 1, 5), (1, 0)),
            (3 << 16 | 1, (1, 3)),
        ]:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)
            assert struct.unpack("HH", kept(4)) == struct.unpack("HH", kept(8)) == expected
            assert kept() == expected[1] << 16 | expected[0]
        with refused(10014):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0")
        with refused(10014):
            kept(2)


def test_a_datagram_to_a_closed_port_comes_back(
    socket: Any, select: Any, datagrams: Any, deaf_port: tuple[str, int]
) -> None:
    datagrams.sendto(b"anybody?", deaf_port)
    assert select.select([datagrams], [], [], PATIENCE)[0] == [datagrams]
    with refused(10054, ConnectionResetError):
        datagrams.recvfrom(100)
    with refused(10035, BlockingIOError):
        datagrams.recvfrom(100)
    assert select.select([datagrams], [], [], 0)[0] == []


def test_each_datagram_to_a_closed_port_comes_back_and_sending_tells_nothing(
    socket: Any, select: Any, datagrams: Any, deaf_port: tuple[str, int]
) -> None:
    for _ in range(3):
        assert datagrams.sendto(b"anybody?", deaf_port) == 8
    receives: list[Call] = [
        lambda: datagrams.recvfrom(100),
        lambda: datagrams.recv(100),
        lambda: datagrams.recvfrom_into(bytearray(100)),
    ]
    for receive in receives:
        assert select.select([datagrams], [], [], PATIENCE)[0] == [datagrams]
        with refused(10054, ConnectionResetError):
            receive()
    with refused(10035, BlockingIOError):
        datagrams.recv(100)


def test_receiving_goes_on_after_a_datagram_came_back(
    socket: Any, select: Any, datagrams: Any, deaf_port: tuple[str, int]
) -> None:
    datagrams.sendto(b"anybody?", deaf_port)
    datagrams.sendto(b"myself", datagrams.getsockname())
    came = []
    for _ in range(2):
        assert select.select([datagrams], [], [], PATIENCE)[0] == [datagrams]
        try:
            came.append(datagrams.recvfrom(100))
        except ConnectionResetError:
            came.append(None)
    assert sorted(came, key=bool) == [None, (b"myself", datagrams.getsockname())]


def test_a_connected_socket_for_datagrams_is_told_too(
    socket: Any, select: Any, datagrams: Any, deaf_port: tuple[str, int]
) -> None:
    datagrams.connect(deaf_port)
    datagrams.send(b"anybody?")
    assert select.select([datagrams], [], [], PATIENCE)[0] == [datagrams]
    with refused(10054, ConnectionResetError):
        datagrams.recv(100)
    assert select.select([datagrams], [], [], 0)[0] == []


def test_a_datagram_longer_than_the_buffer_is_an_error(socket: Any, select: Any, datagrams: Any) -> None:
    receives: list[Call] = [
        lambda: datagrams.recvfrom(3),
        lambda: datagrams.recv(3),
        lambda: datagrams.recv_into(bytearray(100), 3),
        lambda: datagrams.recvfrom_into(bytearray(3)),
    ]
    for receive in receives:
        datagrams.sendto(b"longer", datagrams.getsockname())
        select.select([datagrams], [], [], PATIENCE)
        with refused(10040):
            receive()


def test_a_datagram_goes_into_a_buffer(socket: Any, select: Any, datagrams: Any) -> None:
    buffer = bytearray(10)
    for text in (b"", b"some"):
        datagrams.sendto(text, datagrams.getsockname())
        select.select([datagrams], [], [], PATIENCE)
        assert datagrams.recvfrom_into(buffer) == (len(text), datagrams.getsockname())
        assert buffer.startswith(text)


def test_a_socket_without_an_address_receives_no_datagrams(socket: Any, datagrams: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        with refused(10022):
            nobody.recvfrom(100)
        nobody.sendto(b"hello", datagrams.getsockname())
        nobody.setblocking(False)
        with refused(10035, BlockingIOError):
            nobody.recvfrom(100)


def test_controls_that_python_does_not_know(socket: Any) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made,
        pytest.raises(ValueError, match=r"^invalid ioctl command 2550136844$"),
    ):
        made.ioctl(0x9800000C, 0)  # SIO_UDP_CONNRESET


def test_inheritance_is_the_handles(socket: Any) -> None:
    with socket.socket() as made:
        assert not made.get_inheritable()
        made.set_inheritable(True)
        assert made.get_inheritable()


def test_files_over_sockets(socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    with ours.makefile("rwb") as mine, theirs.makefile("rwb") as yours:
        mine.write(b"a line\n")
        mine.flush()
        assert yours.readline() == b"a line\n"


def test_a_timeout_is_no_error_of_the_system(socket: Any, pair: Sockets) -> None:
    pair[0].settimeout(0.01)
    with pytest.raises(TimeoutError, match=r"^timed out$") as raised:
        pair[0].recv(1)
    assert getattr(raised.value, "winerror", None) is None


@on_linux
class TestOfTheFakeOnly:
    """The process's own sockets beside the platform's, and what is not emulated."""

    def test_the_processes_own_sockets_pass_for_the_platforms(self, socket: Any) -> None:
        class Special(socket.socket):  # type: ignore[misc] # it is known at run time only
            pass

        with own.socket() as made, socket.socket() as theirs:
            assert isinstance(made, socket.socket)
            assert not isinstance(made, Special)
            assert isinstance(theirs, socket.socket)
            assert not isinstance(made.fileno(), socket.socket)

    def test_what_is_not_emulated_says_so(self, socket: Any) -> None:
        with socket.socket() as made:
            with pytest.raises(NotImplementedError, match=r"^socket\.share is not emulated$"):
                made.share(1)
            with pytest.raises(NotImplementedError, match=r"^socket\.ioctl\(SIO_KEEPALIVE_VALS\) is not emulated$"):
                made.ioctl(socket.SIO_KEEPALIVE_VALS, (1, 1, 1))
        with pytest.raises(NotImplementedError, match=r"^socket\.fromshare is not emulated$"):
            socket.fromshare(b"")

    def test_families_that_python_does_not_have_there(self, socket: Any) -> None:
        with refused(10047):
            socket.socket(own.AF_UNIX)


class TestClass:
    def test_sockets_of_the_platform_pass_for_the_process_own(self) -> None:
        ours = selector().module("socket")
        first, second = ours.socketpair()
        copy = first.dup()
        with first, second, copy:
            for sock in (first, second, copy):
                assert type(sock) is ours.socket
                assert isinstance(sock, ours.socket)
                assert isinstance(sock, own.socket)

    def test_sockets_of_the_process_pass_for_the_platform_own(self) -> None:
        with own.socket() as sock:
            assert isinstance(sock, selector().module("socket").socket)
