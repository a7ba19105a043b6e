"""Overlapped operations on sockets: each fact on the fake, and on the real system."""

from __future__ import annotations

import asyncio
import socket as host
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from .completion import NULL, PATIENCE, SOON, Port, port_of
from .conftest import Sockets, on_linux, refused

LOOPBACK = ("127.0.0.1", 0)
LINGER_NOT = struct.pack("HH", 1, 0)
"""``struct linger`` that makes ``close()`` reset the connection."""


@pytest.fixture
def port(system: Any, pair: Sockets) -> Iterator[Port]:
    """A completion port that both sockets of a pair belong to."""
    with port_of(system) as made:
        made.owns(*pair)
        yield made


@pytest.fixture
def udp(socket: Any) -> Iterator[Any]:
    """A socket for datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(LOOPBACK)
        yield made


def accept_socket(socket: Any) -> Any:
    """Make a socket for a connection."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


# How operations end.


def test_a_new_one_is_neither_pending_nor_complete(port: Port) -> None:
    operation = port.overlapped.Overlapped(NULL)
    assert (operation.pending, operation.error, operation.event) == (False, 0, 0)
    with pytest.raises(ValueError, match=r"^operation not yet attempted$"):
        operation.getresult()
    operation.cancel()


def test_addresses_differ(port: Port) -> None:
    operations = [port.overlapped.Overlapped(NULL) for _ in range(10)]
    assert len({operation.address for operation in operations}) == 10


def test_a_receive_of_what_is_there_is_complete_and_has_its_packet(port: Port, pair: Sockets) -> None:
    pair[1].sendall(b"data")
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    assert (receive.pending, receive.error) == (False, 0)
    assert receive.getresult() == b"data"
    assert port.finish(receive) == (0, 4)
    assert port.take(SOON) is None


def test_a_receive_is_pending_until_there_is_something(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    assert (receive.pending, receive.error) == (True, 997)
    with refused(996):
        receive.getresult()
    assert receive.error == 996
    pair[1].sendall(b"data")
    assert port.finish(receive) == (0, 4)
    assert (receive.pending, receive.getresult(), receive.getresult()) == (False, b"data", b"data")


def test_pending_ends_by_itself(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].sendall(b"data")
    while receive.pending:
        pass
    assert receive.getresult() == b"data"
    assert port.finish(receive) == (0, 4)


def test_one_is_started_once(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    with pytest.raises(ValueError, match=r"^operation already attempted$"):
        receive.WSARecv(pair[0].fileno(), 10)
    receive.cancel()
    assert port.finish(receive) == (995, 0)


def test_one_that_could_not_be_started_has_no_packet(port: Port, socket: Any) -> None:
    with socket.socket() as unconnected:
        port.owns(unconnected)
        receive = port.overlapped.Overlapped(NULL)
        with refused(10057):
            receive.WSARecv(unconnected.fileno(), 10)
        assert (receive.pending, receive.error) == (False, 10057)
        with pytest.raises(ValueError, match=r"^operation failed to start$"):
            receive.getresult()
        receive.cancel()
    assert port.take(SOON) is None


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("WSARecv", (10,)),
        ("WSASend", (b"data", 0)),
        ("WSARecvFrom", (10,)),
        ("WSARecvFromInto", (bytearray(10), 10)),
        ("WSASendTo", (b"data", 0, ("127.0.0.1", 9))),
    ],
)
def test_what_is_no_socket_is_refused(port: Port, call: str, arguments: tuple[Any, ...]) -> None:
    with refused(10038):
        port.start(call, 0x1234, *arguments)


def test_receives_are_done_in_the_order_of_their_start(port: Port, pair: Sockets) -> None:
    receives = [port.start("WSARecv", pair[0].fileno(), 2) for _ in range(3)]
    pair[1].sendall(b"aabbcc")
    for receive, expected in zip(receives, (b"aa", b"bb", b"cc"), strict=True):
        assert port.finish(receive) == (0, 2)
        assert receive.getresult() == expected


def test_a_receive_without_room_waits_for_data_and_leaves_them(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 0)
    assert receive.pending
    pair[1].sendall(b"data")
    assert port.finish(receive) == (0, 0)
    assert pair[0].recv(10) == b"data"


def test_a_receive_can_look_only(port: Port, pair: Sockets, socket: Any) -> None:
    pair[1].sendall(b"data")
    peek = port.start("WSARecv", pair[0].fileno(), 10, socket.MSG_PEEK)
    assert port.finish(peek) == (0, 4)
    assert pair[0].recv(10) == b"data"


def test_the_end_of_the_stream_is_nothing(port: Port, pair: Sockets, socket: Any) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].shutdown(socket.SHUT_WR)
    assert port.finish(receive) == (0, 0)
    assert receive.getresult() == b""
    again = port.start("WSARecv", pair[0].fileno(), 10)
    assert port.finish(again) == (0, 0)


def test_the_last_data_and_the_end_come_one_after_the_other(port: Port, pair: Sockets, socket: Any) -> None:
    first = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].sendall(b"data")
    pair[1].shutdown(socket.SHUT_WR)
    assert port.finish(first) == (0, 4)
    second = port.start("WSARecv", pair[0].fileno(), 10)
    assert port.finish(second) == (0, 0)


def test_a_receive_into_a_buffer(port: Port, pair: Sockets) -> None:
    buffer = bytearray(b"..........")
    receive = port.start("WSARecvInto", pair[0].fileno(), buffer, 0)
    pair[1].sendall(b"data")
    assert port.finish(receive) == (0, 4)
    assert (receive.getresult(), bytes(buffer)) == (4, b"data......")


def test_a_buffer_is_held_as_long_as_the_object_is_there(port: Port, pair: Sockets) -> None:
    buffer = bytearray(10)
    receive = port.start("WSARecvInto", pair[0].fileno(), buffer, 0)
    pair[1].sendall(b"data")
    assert port.finish(receive) == (0, 4)
    with pytest.raises(BufferError):
        buffer.append(1)
    del receive
    buffer.append(1)


# Sending.


def test_a_send_that_there_is_room_for_is_complete(port: Port, pair: Sockets) -> None:
    send = port.start("WSASend", pair[0].fileno(), b"data", 0)
    assert (send.pending, send.getresult()) == (False, 4)
    assert port.finish(send) == (0, 4)
    assert pair[1].recv(10) == b"data"


def test_a_send_takes_all_and_waits_for_the_reader(port: Port, pair: Sockets) -> None:
    data = bytes(range(256)) * 2**16
    send = port.start("WSASend", pair[0].fileno(), data, 0)
    assert send.pending
    received = b""
    while len(received) < len(data):
        received += pair[1].recv(2**20)
        port.take(0) if not send.pending else None
        send.pending  # noqa: B018 - the kernel goes on when it is looked at
    assert received == data
    assert send.getresult(True) == len(data)


def test_sends_go_in_the_order_of_their_start(port: Port, pair: Sockets) -> None:
    blocks = [bytes([number]) * 2**20 for number in range(8)]
    sends = [port.start("WSASend", pair[0].fileno(), block, 0) for block in blocks]
    received = bytearray()
    while len(received) < 8 * 2**20:
        received += pair[1].recv(2**20)
        _ = [send.pending for send in sends]
    assert received == b"".join(blocks)
    for send in sends:
        assert port.finish(send) == (0, 2**20)


def test_sending_after_shutdown(port: Port, pair: Sockets, socket: Any) -> None:
    pair[0].shutdown(socket.SHUT_WR)
    with refused(10058, BrokenPipeError):
        port.start("WSASend", pair[0].fileno(), b"data", 0)


def test_sending_without_a_connection(port: Port, socket: Any) -> None:
    with socket.socket() as unconnected, refused(10057):
        port.start("WSASend", unconnected.fileno(), b"data", 0)


# Cancelling and closing.


def test_a_cancelled_receive_is_complete_at_once_and_has_its_packet(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    receive.cancel()
    assert not receive.pending
    assert port.finish(receive) == (995, 0)
    with refused(995):
        receive.getresult()
    receive.cancel()
    assert port.take(SOON) is None


def test_what_comes_after_a_cancelled_receive_is_the_next_ones(port: Port, pair: Sockets) -> None:
    first = port.start("WSARecv", pair[0].fileno(), 10)
    second = port.start("WSARecv", pair[0].fileno(), 10)
    first.cancel()
    assert port.finish(first) == (995, 0)
    pair[1].sendall(b"data")
    assert port.finish(second) == (0, 4)


def test_a_cancelled_send_tells_what_is_gone(port: Port, pair: Sockets) -> None:
    send = port.start("WSASend", pair[0].fileno(), bytes(2**24), 0)
    assert send.pending
    send.cancel()
    code, size = port.finish(send)
    assert code == 995
    assert 0 < size < 2**24


def test_cancelling_what_is_complete_does_nothing(port: Port, pair: Sockets) -> None:
    pair[1].sendall(b"data")
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    receive.cancel()
    assert receive.getresult() == b"data"
    assert port.finish(receive) == (0, 4)


def test_closing_a_socket_ends_its_operations(port: Port, pair: Sockets) -> None:
    operations = [port.start("WSARecv", pair[0].fileno(), 10) for _ in range(3)]
    pair[0].close()
    packets = [port.take() for _ in operations]
    assert {(packet[0], packet[3]) for packet in packets} == {(995, operation.address) for operation in operations}
    assert port.take(SOON) is None


def test_one_that_is_dropped_is_cancelled_and_has_its_packet(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    address = receive.address
    del receive
    assert port.take() == (995, 0, 0, address)


def test_a_reset_ends_a_receive_with_the_kernels_number(port: Port, pair: Sockets, socket: Any) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    pair[1].close()
    assert port.finish(receive)[0] == 64
    with refused(64):
        receive.getresult()


def test_a_reset_refuses_a_receive_with_winsocks_number(port: Port, pair: Sockets, socket: Any) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    pair[1].close()
    assert port.finish(receive)[0] == 64
    with refused(10054, ConnectionResetError):
        port.start("WSASend", pair[0].fileno(), b"data", 0)


# Events.


def test_an_event_of_its_own_is_set_at_the_end(system: Any, port: Port, pair: Sockets) -> None:
    winapi = system.module("_winapi")
    receive = port.overlapped.Overlapped()
    receive.WSARecv(pair[0].fileno(), 10)
    assert winapi.WaitForSingleObject(receive.event, 0) == 258
    pair[1].sendall(b"data")
    assert winapi.WaitForSingleObject(receive.event, PATIENCE) == 0
    assert receive.getresult() == b"data"
    event = receive.event
    port.finish(receive)
    del receive
    with refused(6):
        winapi.WaitForSingleObject(event, 0)


def test_a_result_can_be_waited_for(port: Port, pair: Sockets) -> None:
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    pair[1].sendall(b"data")
    assert receive.getresult(True) == b"data"


def test_the_end_of_the_stream_can_be_waited_for(port: Port, pair: Sockets, socket: Any) -> None:
    pair[1].shutdown(socket.SHUT_WR)
    receive = port.start("WSARecv", pair[0].fileno(), 10)
    assert receive.getresult(True) == b""
    assert port.finish(receive) == (0, 0)


# Connections.


def test_a_connection_is_accepted_into_a_socket(port: Port, socket: Any, listener: Any) -> None:
    port.owns(listener)
    with accept_socket(socket) as accepted:
        accept = port.start("AcceptEx", listener.fileno(), accepted.fileno())
        with socket.create_connection(listener.getsockname()) as client:
            assert port.finish(accept) == (0, 0)
            assert accept.getresult() == 0
            context = struct.pack("@P", listener.fileno())
            accepted.setsockopt(socket.SOL_SOCKET, port.overlapped.SO_UPDATE_ACCEPT_CONTEXT, context)
            assert accepted.getpeername() == client.getsockname()
            client.sendall(b"data")
            assert accepted.recv(10) == b"data"


def test_connections_are_accepted_in_the_order_of_the_starts(port: Port, socket: Any, listener: Any) -> None:
    port.owns(listener)
    sockets = [accept_socket(socket) for _ in range(3)]
    accepts = [port.start("AcceptEx", listener.fileno(), sock.fileno()) for sock in sockets]
    clients = [socket.create_connection(listener.getsockname()) for _ in accepts]
    assert [port.finish(accept)[0] for accept in accepts] == [0, 0, 0]
    for sock in (*sockets, *clients):
        sock.close()


def test_a_listener_that_is_closed_ends_its_accept(port: Port, socket: Any) -> None:
    listener = socket.create_server(LOOPBACK)
    port.owns(listener)
    with accept_socket(socket) as accepted:
        accept = port.start("AcceptEx", listener.fileno(), accepted.fileno())
        listener.close()
        assert port.finish(accept) == (995, 0)


def test_only_a_bound_socket_connects(port: Port, socket: Any, listener: Any) -> None:
    with socket.socket() as client, refused(10022):
        port.start("ConnectEx", client.fileno(), listener.getsockname())


def test_a_connection_is_made(port: Port, socket: Any, listener: Any) -> None:
    with socket.socket() as client:
        port.owns(client)
        port.overlapped.BindLocal(client.fileno(), socket.AF_INET)
        with refused(10022):
            port.overlapped.BindLocal(client.fileno(), socket.AF_INET)
        connect = port.start("ConnectEx", client.fileno(), listener.getsockname())
        assert port.finish(connect) == (0, 0)
        client.setsockopt(socket.SOL_SOCKET, port.overlapped.SO_UPDATE_CONNECT_CONTEXT, 0)
        served, address = listener.accept()
        assert address == client.getsockname()
        assert client.getpeername() == listener.getsockname()
        served.close()


def test_a_refused_connection_is_complete_with_an_error(port: Port, socket: Any, closed_port: tuple[str, int]) -> None:
    with socket.socket() as client:
        port.owns(client)
        port.overlapped.BindLocal(client.fileno(), socket.AF_INET)
        connect = port.start("ConnectEx", client.fileno(), closed_port)
        assert port.finish(connect)[0] == 1225
        with refused(1225, ConnectionRefusedError) as caught:
            connect.getresult()
        assert caught.value.errno == 22


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, TypeError),
        (["127.0.0.1", 1], TypeError),
        (("127.0.0.1", "1"), TypeError),
        (("127.0.0.1",), ValueError),
        (("127.0.0.1", 1, 2), ValueError),
    ],
)
def test_addresses_that_are_none(port: Port, socket: Any, address: Any, expected: type[Exception]) -> None:
    with socket.socket() as client:
        port.overlapped.BindLocal(client.fileno(), socket.AF_INET)
        with pytest.raises(expected):
            port.start("ConnectEx", client.fileno(), address)
        with pytest.raises(expected):
            port.start("WSASendTo", client.fileno(), b"data", 0, address)


def test_addresses_are_numeric(port: Port, socket: Any) -> None:
    with socket.socket() as client:
        port.overlapped.BindLocal(client.fileno(), socket.AF_INET)
        with refused(10022):
            port.start("ConnectEx", client.fileno(), ("localhost", 1))


def test_families_of_local_addresses(port: Port, socket: Any) -> None:
    with socket.socket() as client, pytest.raises(ValueError, match="families are supported"):
        port.overlapped.BindLocal(client.fileno(), 99)


# Datagrams.


def test_a_datagram_comes_with_its_sender(port: Port, socket: Any, udp: Any) -> None:
    port.owns(udp)
    receive = port.start("WSARecvFrom", udp.fileno(), 100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(LOOPBACK)
        sender.sendto(b"data", udp.getsockname())
        assert port.finish(receive) == (0, 4)
        assert receive.getresult() == (b"data", sender.getsockname())


def test_a_datagram_into_a_buffer(port: Port, udp: Any) -> None:
    port.owns(udp)
    buffer = bytearray(10)
    receive = port.start("WSARecvFromInto", udp.fileno(), buffer, 10)
    udp.sendto(b"data", udp.getsockname())
    assert port.finish(receive) == (0, 4)
    assert (receive.getresult(), bytes(buffer[:4])) == ((4, udp.getsockname()), b"data")


def test_a_datagram_is_sent(port: Port, udp: Any) -> None:
    port.owns(udp)
    send = port.start("WSASendTo", udp.fileno(), b"data", 0, udp.getsockname())
    assert port.finish(send) == (0, 4)
    assert udp.recv(10) == b"data"


def test_a_datagram_that_is_too_long_is_cut(port: Port, udp: Any) -> None:
    port.owns(udp)
    receive = port.start("WSARecvFrom", udp.fileno(), 2)
    udp.sendto(b"data", udp.getsockname())
    assert port.finish(receive) == (234, 2)
    assert receive.getresult() == (b"da", udp.getsockname())


def test_a_datagram_that_is_too_long_to_send_fails_afterwards(port: Port, udp: Any) -> None:
    port.owns(udp)
    send = port.start("WSASendTo", udp.fileno(), bytes(70_000), 0, udp.getsockname())
    assert send.pending
    assert port.finish(send) == (1784, 0)
    with refused(1784):
        send.getresult()


def test_only_a_bound_socket_receives_datagrams(port: Port, socket: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound, refused(10022):
        port.start("WSARecvFrom", unbound.fileno(), 10)


def test_a_closed_port_ends_a_receive(port: Port, udp: Any, closed_port: tuple[str, int]) -> None:
    port.owns(udp)
    receive = port.start("WSARecvFrom", udp.fileno(), 10)
    send = port.start("WSASendTo", udp.fileno(), b"data", 0, closed_port)
    packets = {packet[3]: packet[0] for packet in (port.take(), port.take())}
    assert packets == {send.address: 0, receive.address: 1234}
    with refused(1234):
        receive.getresult()


def test_a_peer_for_datagrams(port: Port, socket: Any, udp: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        port.owns(client)
        port.overlapped.WSAConnect(client.fileno(), udp.getsockname())
        send = port.start("WSASend", client.fileno(), b"data", 0)
        assert port.finish(send) == (0, 4)
        assert udp.recvfrom(10) == (b"data", client.getsockname())


# Sockets of the process's own.


@on_linux
def test_a_socket_of_the_process_is_closed_though_its_peer_has_gone(system: Any) -> None:
    lost: list[Exception] = []

    async def close(sock: host.socket, **options: Any) -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: lost.append(context["exception"]))
        make = running.create_datagram_endpoint if options else running.create_connection
        transport, _ = await make(asyncio.Protocol, sock=sock)
        transport.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert sock.fileno() == -1

    ours, theirs = connected_by_the_process()
    theirs.setsockopt(host.SOL_SOCKET, host.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    run_on_proactor(system, close(ours))
    unconnected = host.socket(type=host.SOCK_DGRAM)
    unconnected.bind(LOOPBACK)
    run_on_proactor(system, close(unconnected, datagrams=True))
    assert lost == []


def connected_by_the_process() -> tuple[host.socket, host.socket]:
    """Return two sockets of the process's own module that are connected over TCP."""
    with host.create_server(LOOPBACK) as listener:
        ours = host.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        return ours, theirs


def run_on_proactor(system: Any, coroutine: Any) -> None:
    """Run a coroutine on a proactor loop, for a bounded time."""
    loop = system.module("asyncio").ProactorEventLoop()
    try:
        loop.run_until_complete(asyncio.wait_for(coroutine, PATIENCE / 1000))
    finally:
        loop.close()


# Files.


def test_part_of_a_file_is_sent(system: Any, port: Port, pair: Sockets, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        handle = system.module("msvcrt").get_osfhandle(file.fileno())
        part = port.start("TransmitFile", pair[0].fileno(), handle, 2, 0, 5, 0, 0)
        assert port.finish(part) == (0, 5)
        assert pair[1].recv(100) == b"23456"
        rest = port.start("TransmitFile", pair[0].fileno(), handle, 7, 0, 0, 0, 0)
        assert port.finish(rest) == (0, 3)
        assert pair[1].recv(100) == b"789"


def test_no_file_is_sent_as_a_datagram(system: Any, port: Port, udp: Any, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file, refused(10022):
        handle = system.module("msvcrt").get_osfhandle(file.fileno())
        port.start("TransmitFile", udp.fileno(), handle, 0, 0, 5, 0, 0)


def test_texts_of_errors(port: Port) -> None:
    assert port.overlapped.FormatMessage(0x12345678) == f"unknown error code {0x12345678}"
    assert port.overlapped.FormatMessage(2)
