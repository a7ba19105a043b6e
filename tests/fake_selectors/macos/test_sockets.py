"""macOS' sockets as Python shows them: each fact on the fake, and on the real ones where this machine is a macOS."""

from __future__ import annotations

import asyncio
import errno
import pickle
import socket as own
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors import macos

from .conftest import PATIENCE, fake, real

if sys.platform == "win32":
    pytest.skip("Windows has no Unix sockets", allow_module_level=True)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS is emulated on Linux")


@pytest.fixture(params=[fake, real])
def socket(request: pytest.FixtureRequest) -> Any:
    """The module :mod:`socket` as macOS has it."""
    return macos().module("socket") if request.param == "fake" else own


@pytest.fixture(params=["AF_INET", "AF_INET6", "AF_UNIX"])
def datagrams(socket: Any, request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any, int]]:
    """A socket that has an address, one that sends to it, and how many bytes fit into a datagram."""
    if request.param == "AF_UNIX":
        receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    else:
        family = getattr(socket, request.param)
        receiver, sender = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        try:
            receiver.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        except OSError as error:
            receiver.close()
            sender.close()
            pytest.skip(f"{request.param}: {error}")
        sender.connect(receiver.getsockname())
    with receiver, sender:
        receiver.settimeout(PATIENCE)
        yield receiver, sender, 2048 if request.param == "AF_UNIX" else 9216


def refused(error: pytest.ExceptionInfo[OSError], text: str) -> None:
    assert str(error.value) == text
    assert type(error.value).__name__ == "OSError"


def test_what_is_made_of_a_descriptor_knows_no_protocol(socket: Any) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with listener, socket.socket(proto=socket.IPPROTO_TCP) as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted, client.dup() as copy, socket.socket(fileno=client.detach()) as again:
            assert [one.proto for one in (listener, accepted, copy, again)] == [socket.IPPROTO_TCP, 0, 0, 0]
            assert (again.family, again.type) == (socket.AF_INET, socket.SOCK_STREAM)


def test_a_datagram_fits_into_the_send_buffer(socket: Any, datagrams: tuple[Any, Any, int]) -> None:
    receiver, sender, most = datagrams
    assert sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == most
    for send in (sender.send, sender.sendall, lambda data: sender.sendmsg([data[:1], data[1:]])):
        send(b"x" * most)
        assert len(receiver.recv(100_000)) == most
        with pytest.raises(OSError, match="too long") as error:
            send(memoryview(b"x" * (most + 1)))
        refused(error, "[Errno 40] Message too long")
        assert error.value.errno == errno.EMSGSIZE


def test_a_larger_buffer_takes_a_longer_datagram(socket: Any, datagrams: tuple[Any, Any, int]) -> None:
    receiver, sender, most = datagrams
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, most + 1)
    sender.send(b"x" * (most + 1))
    assert len(receiver.recv(100_000)) == most + 1
    with pytest.raises(OSError, match="too long"):
        sender.send(b"x" * (most + 2))


def test_sendto_is_no_other(socket: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(PATIENCE)
        for flags in ((), (0,)):
            assert one.sendto(b"x", *flags, one.getsockname()) == 1
            assert one.recvfrom(2) == (b"x", one.getsockname())
            with pytest.raises(OSError, match="too long") as error:
                one.sendto(b"x" * 9217, *flags, one.getsockname())
            refused(error, "[Errno 40] Message too long")
        with pytest.raises(TypeError):
            one.sendto("text", one.getsockname())
        with pytest.raises(TypeError):
            one.sendto(b"x")


@pytest.mark.parametrize("blocking", [True, False])
def test_nobody_waits_for_room_in_a_unix_socket(socket: Any, blocking: bool) -> None:
    receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with receiver, sender:
        sender.setblocking(blocking)

        def fill() -> None:
            for _ in range(100_000):
                sender.send(b"x" * 1000)

        with pytest.raises(OSError, match="space") as error:
            fill()
        refused(error, "[Errno 55] No buffer space available")
        assert error.value.errno == errno.ENOBUFS
        assert receiver.recv(2000) == b"x" * 1000
        sender.send(b"there is room again")


def test_an_error_survives_a_pickle() -> None:
    with macos().module("socket").socket(own.AF_INET, own.SOCK_DGRAM) as one, pytest.raises(OSError) as error:
        one.sendto(b"x" * 9217, ("127.0.0.1", 9))
    copy = pickle.loads(pickle.dumps(error.value))
    assert (str(copy), copy.errno) == (str(error.value), errno.EMSGSIZE)


def test_the_path_of_a_unix_socket(socket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        one.bind("x" * 103)
        calls = [one.bind, one.connect, one.connect_ex, lambda path: other.sendto(b"x", path)]
        for call in [*calls, lambda path: other.sendmsg([b"x"], [], 0, path)]:
            for path in ("x" * 104, b"x" * 104):
                with pytest.raises(OSError, match="path") as error:
                    call(path)
                refused(error, "AF_UNIX path too long")


@on_linux
def test_sockets_of_the_process_and_of_the_platform_pass_for_each_other() -> None:
    theirs = macos().module("socket")
    with own.socket() as one, theirs.socket() as other:
        assert isinstance(one, theirs.socket)
        assert isinstance(other, own.socket)
        assert type(other) is not own.socket
    assert not isinstance("socket", theirs.socket)


@on_linux
def test_asyncio_leaves_tcp_nodelay_alone_on_the_servers_side() -> None:
    async def main() -> list[int]:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.set_result(writer.get_extra_info("socket").getsockopt(own.IPPROTO_TCP, own.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                here = writer.get_extra_info("socket").getsockopt(own.IPPROTO_TCP, own.TCP_NODELAY)
                return [here, await told]
            finally:
                writer.close()

    with asyncio.Runner(loop_factory=macos().new_event_loop) as runner:
        assert runner.run(main()) == [1, 0]


@on_linux
def test_a_transport_is_told_that_a_datagram_is_too_long() -> None:
    async def main() -> str:
        told: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

        class Protocol(asyncio.DatagramProtocol):
            def error_received(self, exc: Exception) -> None:
                told.set_result(exc)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
        transport.sendto(b"x" * 9217, transport.get_extra_info("sockname"))
        try:
            return str(await asyncio.wait_for(told, PATIENCE))
        finally:
            transport.close()

    with asyncio.Runner(loop_factory=macos().new_event_loop) as runner:
        assert runner.run(main()) == "[Errno 40] Message too long"
