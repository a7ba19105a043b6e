"""Faults that are asked for: what comes of them in the kernel, and in asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import socket as host
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from everyloop.fake_selectors import windows
from everyloop.fake_selectors.platform import Platform

from .completion import Port, port_of
from .conftest import PATIENCE, on_linux, refused

pytestmark = on_linux

LOOPBACK = ("127.0.0.1", 0)
RESETS = struct.pack("ii", 1, 0)
"""``struct linger`` that makes ``close()`` reset the connection."""
SOME = 40
"""Times that a fault may happen, one in four."""

Happened: TypeAlias = "list[bool] | list[int]"


# What is asked of the kernel, so many times: whether a fault has happened, or in which order packets came.


def accepts(platform: Platform, times: int = SOME) -> list[bool]:
    """Accept connections; return which were reset."""
    socket = platform.module("socket")
    found = []
    with port_of(platform) as port, socket.create_server(LOOPBACK) as listener:
        port.owns(listener)
        for _ in range(times):
            with socket.socket() as accepted:
                accept = port.start("AcceptEx", listener.fileno(), accepted.fileno())
                with host.create_connection(listener.getsockname()) as client:
                    code, _ = port.finish(accept)
                    assert code in {0, 64}
                    if code:
                        with refused(64):
                            accept.getresult()
                        with pytest.raises(ConnectionResetError):
                            client.recv(1)
            found.append(code == 64)
    return found


def shutdowns(platform: Platform, times: int = SOME) -> list[bool]:
    """Shut connections down; return which were reset."""
    socket = platform.module("socket")
    found = []
    with port_of(platform) as port:
        for _ in range(times):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                port.owns(ours, theirs)
                receive = port.start("WSARecv", theirs.fileno(), 1)
                number = 0
                try:
                    ours.shutdown(socket.SHUT_RDWR)
                except ConnectionResetError as error:
                    number = getattr(error, "winerror", 0)
                assert (number, port.finish(receive)) in {(0, (0, 0)), (10054, (64, 0))}
                found.append(bool(number))
    return found


def late_accepts(platform: Platform, times: int = SOME) -> list[bool]:
    """Accept connections that wait; return which accepts began later."""
    socket = platform.module("socket")
    found = []
    with port_of(platform) as port, socket.create_server(LOOPBACK) as listener:
        port.owns(listener)
        for _ in range(times):
            with socket.socket() as accepted, host.create_connection(listener.getsockname()):
                accept = port.start("AcceptEx", listener.fileno(), accepted.fileno())
                late = accept.pending
                if late:
                    assert port.take(0) is None
                    assert not accept.pending
                port.finish(accept)
            found.append(late)
    return found


def late_packets(platform: Platform, times: int = SOME) -> list[bool]:
    """Receive what is there; return which packets come after one that is posted later."""
    socket = platform.module("socket")
    found = []
    with port_of(platform) as port:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            port.owns(ours)
            for _ in range(times):
                theirs.sendall(b"a")
                assert ours.recv(1, socket.MSG_PEEK) == b"a"
                receive = port.start("WSARecv", ours.fileno(), 1)
                port.overlapped.PostQueuedCompletionStatus(port.handle, 0, 0, 0)
                packets = [port.take()[3] for _ in range(2)]
                assert sorted(packets) == [0, receive.address]
                found.append(packets[0] == 0)
    return found


def order_of_packets(platform: Platform, times: int = SOME) -> list[int]:
    """Receive what is there on several sockets, twice on each; return in which order the packets come."""
    socket = platform.module("socket")
    with port_of(platform) as port, contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(times // 2)]
        for sock in itertools.chain(*pairs):
            stack.enter_context(sock)
        port.owns(*(ours for ours, _ in pairs))
        for ours, theirs in pairs:
            theirs.sendall(b"ab")
            assert ours.recv(2, socket.MSG_PEEK) == b"ab"
        receives = [port.start("WSARecv", ours.fileno(), 1) for ours, _ in pairs * 2]
        index = {receive.address: number for number, receive in enumerate(receives)}
        packets = [port.take() for _ in receives]
        assert {(code, size) for code, size, _, _ in packets} == {(0, 1)}
        assert [receive.getresult() for receive in receives] == [b"a"] * len(pairs) + [b"b"] * len(pairs)
        return [index[address] for _, _, _, address in packets]


ASKED: dict[str, Callable[..., Happened]] = {
    "accept-64": accepts,
    "delayed-completions": late_packets,
    "late-accept": late_accepts,
    "reordered-completions": order_of_packets,
    "reset-on-shutdown": shutdowns,
}


def test_all_faults_are_asked_for_here() -> None:
    assert tuple(ASKED) == windows.FAULTS


@pytest.mark.parametrize("fault", windows.FAULTS)
def test_a_seed_decides(fault: str) -> None:
    ask = ASKED[fault]
    first = ask(windows.proactor(faults=fault, seed=1))
    assert ask(windows.proactor(faults=fault, seed=1)) == first
    assert ask(windows.proactor(faults=fault, seed=2)) != first
    assert first != ask(windows.proactor())


@pytest.mark.parametrize("fault", ["accept-64", "delayed-completions", "late-accept", "reset-on-shutdown"])
def test_one_in_four(fault: str) -> None:
    happened = ASKED[fault](windows.proactor(faults=fault), 200)
    assert 30 < sum(happened) < 70


@pytest.mark.parametrize("fault", windows.FAULTS)
def test_no_fault_happens_unasked(fault: str) -> None:
    ask = ASKED[fault]
    others = set(windows.FAULTS) - {fault}
    if fault == "reordered-completions":
        others.remove("delayed-completions")  # which is another order, too
    assert ask(windows.proactor(faults="+".join(others))) == ask(windows.proactor())


def test_faults_do_not_depend_on_each_other() -> None:
    together = windows.proactor(faults="accept-64+delayed-completions+reset-on-shutdown")
    assert accepts(together) == accepts(windows.proactor(faults="accept-64"))
    assert shutdowns(together) == shutdowns(windows.proactor(faults="reset-on-shutdown"))


@pytest.mark.parametrize(
    "faults", ["delayed-completions", "reordered-completions", "delayed-completions+reordered-completions"]
)
@pytest.mark.parametrize("seed", range(3))
def test_packets_of_one_socket_stay_in_order(faults: str, seed: int) -> None:
    order = order_of_packets(windows.proactor(faults=faults, seed=seed))
    assert sorted(order) == list(range(SOME))
    for number in range(SOME // 2):
        assert order.index(number) < order.index(number + SOME // 2)


def test_packets_that_a_program_posts_stay_in_order() -> None:
    with port_of(windows.proactor(faults="delayed-completions+reordered-completions")) as port:
        for number in range(SOME):
            port.overlapped.PostQueuedCompletionStatus(port.handle, number, 0, 0)
        assert [port.take(0)[1] for _ in range(SOME)] == list(range(SOME))


def test_a_port_that_is_closed_meanwhile() -> None:
    platform = windows.proactor(faults="delayed-completions+late-accept+reordered-completions")
    socket = platform.module("socket")
    with contextlib.ExitStack() as stack:
        port = Port(platform)
        listener = stack.enter_context(socket.create_server(LOOPBACK))
        port.owns(listener)
        operations = []
        for _ in range(SOME):
            sock = stack.enter_context(socket.socket())
            operations.append(port.start("AcceptEx", listener.fileno(), sock.fileno()))
        port.close()
        listener.close()
        assert not any(operation.pending for operation in operations)


def test_what_could_not_be_started_is_forgotten() -> None:
    platform = windows.proactor(faults="+".join(windows.FAULTS))
    socket = platform.module("socket")
    with port_of(platform) as port, socket.create_server(LOOPBACK) as listener, socket.socket() as sock:
        port.owns(listener, sock)
        for _ in range(SOME):
            with refused(10057):
                port.start("WSASend", sock.fileno(), b"data", 0)
            operation = port.overlapped.Overlapped(port.handle)  # which is no event
            with refused(6):
                operation.AcceptEx(listener.fileno(), sock.fileno())
            operation.event = 0
        assert port.take(0) is None


def test_sockets_are_left_as_they_are() -> None:
    platform = windows.proactor(faults="accept-64+reset-on-shutdown")
    socket = platform.module("socket")
    ours, theirs = socket.socketpair()
    with port_of(platform) as port, ours, theirs:
        port.owns(ours)
        host.setdefaulttimeout(1.0)
        try:
            with contextlib.suppress(ConnectionResetError):
                ours.shutdown(socket.SHUT_WR)
        finally:
            host.setdefaulttimeout(None)
        assert os.get_blocking(ours.fileno())


def test_a_connection_that_its_client_has_reset() -> None:
    platform = windows.proactor(faults="accept-64", seed=first_seed("accept-64", happens=False))
    socket = platform.module("socket")
    with port_of(platform) as port, socket.create_server(LOOPBACK) as listener, socket.socket() as accepted:
        port.owns(listener)
        client = host.create_connection(listener.getsockname())
        client.setsockopt(host.SOL_SOCKET, host.SO_LINGER, RESETS)
        client.close()
        assert port.finish(port.start("AcceptEx", listener.fileno(), accepted.fileno())) == (64, 0)


def test_a_connection_that_both_have_ended_is_no_reset() -> None:
    platform = windows.proactor(
        faults="reset-on-shutdown", seed=first_seed("reset-on-shutdown", happens=False, times=2)
    )
    socket = platform.module("socket")
    with port_of(platform) as port:
        ours, theirs = socket.socketpair()
        with ours:
            port.owns(ours)
            theirs.close()
            assert ours.recv(1) == b""
            ours.shutdown(socket.SHUT_WR)
            ours.shutdown(socket.SHUT_RDWR)


def test_a_socket_that_belongs_to_no_port_has_no_faults() -> None:
    socket = windows.proactor(faults="reset-on-shutdown").module("socket")
    for _ in range(SOME):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.shutdown(socket.SHUT_RDWR)
            assert theirs.recv(1) == b""


@pytest.mark.parametrize(
    ("knobs", "complaint"),
    [
        ({"faults": "x"}, "^faults: 'x' is not a fault: there are accept-64, delayed-completions, late-accept, "),
        ({"faults": "accept-64+"}, "^faults: '' is not a fault: "),
        ({"faults": "accept-64,late-accept"}, "^faults: 'accept-64,late-accept' is not a fault: "),
        ({"faults": None}, "^faults: None is not a text$"),
        ({"seed": 0.5}, "^seed: 0.5 is not a whole number$"),
        ({"seed": True}, "^seed: True is not a whole number$"),
    ],
)
def test_a_knob_that_makes_no_sense(knobs: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        windows.proactor(**knobs)


# What asyncio makes of them.


def first_seed(fault: str, *, happens: bool, times: int = 1) -> int:
    """Return a seed with which a fault happens, or does not, each of the first times."""
    wanted: Happened = [happens] * times
    return next(
        seed for seed in itertools.count() if ASKED[fault](windows.proactor(faults=fault, seed=seed), times) == wanted
    )


class Reports:
    """What a loop's exception handler is told: errors by message.

    Args:
        awaited: the beginning of a message.
    """

    def __init__(self, awaited: str) -> None:
        self._awaited = awaited
        self._came = asyncio.Event()
        self._error: BaseException | None = None

    def __call__(self, _: asyncio.AbstractEventLoop, report: dict[str, Any]) -> None:
        if report["message"].startswith(self._awaited):
            self._error = report["exception"]
            self._came.set()

    async def error(self) -> BaseException | None:
        """Return the error that the message is about."""
        await self._came.wait()
        return self._error


@pytest.fixture
def runner(fault: str) -> Iterator[asyncio.Runner]:
    """Runs on a loop where a fault happens at the first occasion."""
    platform = windows.proactor(faults=fault, seed=first_seed(fault, happens=True))
    with asyncio.Runner(loop_factory=platform.new_event_loop) as made:
        yield made


@pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")  # asyncio forgets the one for the client
@pytest.mark.parametrize("fault", ["accept-64"])
def test_a_reset_connection_ends_the_server(runner: asyncio.Runner) -> None:
    async def main() -> None:
        reports = Reports("Accept failed on a socket")
        asyncio.get_running_loop().set_exception_handler(reports)
        server = await asyncio.start_server(lambda _, writer: writer.close(), *LOOPBACK)
        address = server.sockets[0].getsockname()
        with host.create_connection(address) as client:
            error = await reports.error()
            assert str(error) == "[WinError 64] The specified network name is no longer available"
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            host.create_connection(address)
        server.close()

    runner.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("fault", ["reset-on-shutdown"])
def test_a_reset_on_shutdown_leaves_the_socket_open(runner: asyncio.Runner) -> None:
    lost: list[Exception | None] = []

    class Noting(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    async def main() -> asyncio.BaseTransport:
        reports = Reports("Exception in callback _ProactorBasePipeTransport._call_connection_lost")
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reports)
        with host.create_server(LOOPBACK) as listener:
            transport, _ = await loop.create_connection(Noting, *listener.getsockname())
            with listener.accept()[0] as peer:
                transport.close()
                error = await reports.error()
                assert isinstance(error, ConnectionResetError)
                assert getattr(error, "winerror", None) == 10054
                with pytest.raises(ConnectionResetError):
                    peer.recv(1)
            return transport

    def forget(transports: list[asyncio.BaseTransport]) -> None:
        transports.clear()
        gc.collect()

    transports = [runner.run(asyncio.wait_for(main(), PATIENCE))]
    assert lost == [None]
    assert transports[0].get_extra_info("socket").fileno() != -1
    runner.get_loop().set_exception_handler(None)
    with pytest.warns(ResourceWarning) as caught:
        forget(transports)
    assert any("unclosed transport" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("fault", ["late-accept"])
def test_a_late_accept_is_an_iteration_late(runner: asyncio.Runner) -> None:
    async def iterations() -> int:
        """Return after how many iterations of the loop a client that waits is served."""
        with host.create_server(LOOPBACK) as listener, host.create_connection(listener.getsockname()):
            served = asyncio.Event()

            def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.close()
                served.set()

            server = await asyncio.start_server(serve, sock=listener)
            for count in itertools.count():
                if served.is_set():
                    server.close()
                    return count
                await asyncio.sleep(0)
        raise AssertionError

    with asyncio.Runner(loop_factory=windows.proactor().new_event_loop) as other:
        usual = other.run(asyncio.wait_for(iterations(), PATIENCE))
    assert runner.run(asyncio.wait_for(iterations(), PATIENCE)) > usual


@pytest.mark.parametrize("seed", range(4))
def test_streams_keep_every_byte_whenever_packets_come(seed: int) -> None:
    faults = "delayed-completions+late-accept+reordered-completions"
    data = bytes(range(256)) * 1024

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(5000):
            writer.write(part)
            await writer.drain()
        writer.close()

    async def talk(address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(data)
        writer.write_eof()
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return received

    async def main() -> list[bytes]:
        server = await asyncio.start_server(echo, *LOOPBACK)
        async with server:
            address = server.sockets[0].getsockname()
            return await asyncio.gather(*(talk(address) for _ in range(5)))

    platform = windows.proactor(faults=faults, seed=seed)
    with asyncio.Runner(loop_factory=platform.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(main(), PATIENCE)) == [data] * 5


@pytest.mark.parametrize("seed", range(4))
def test_processes_and_pipes_whenever_packets_come(seed: int) -> None:
    async def main() -> bytes:
        program = "import sys; sys.stdout.write(sys.stdin.read().upper())"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=-1, stdout=-1)
        out, _ = await process.communicate(b"data" * 10_000)
        assert process.returncode == 0
        return out

    platform = windows.proactor(faults="delayed-completions+reordered-completions", seed=seed)
    with platform.install(), asyncio.Runner(loop_factory=platform.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(main(), PATIENCE)) == b"DATA" * 10_000
