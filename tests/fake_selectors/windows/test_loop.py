"""CPython's own loop for Windows, over ``select()``: what it does on the fake, and on the real one."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from everyloop.fake_selectors import WindowsSelectSelector, windows

from .conftest import on_linux, refused

Loop: TypeAlias = asyncio.AbstractEventLoop
Run: TypeAlias = Callable[[Any], Any]

MAX_SOCKETS = 512
LINGER_NOT = struct.pack("HH", 1, 0)
"""``struct linger`` of this machine: close() resets the connection."""


def connect(socket: Any) -> tuple[Any, Any]:
    """Return two connected sockets that do not block."""
    ours, theirs = socket.socketpair()
    for each in ours, theirs:
        each.setblocking(False)
    return ours, theirs


def turn(loop: Loop) -> None:
    """Let the loop look at its sockets once."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_the_loop_is_cpythons(system: Any, loop: Loop) -> None:
    module = system.module("asyncio.windows_events")
    assert type(loop) is module.SelectorEventLoop
    assert module.__file__.endswith("windows_events.py")
    assert module.SelectorEventLoop.__name__ == "_WindowsSelectorEventLoop"


def test_streams(run: Run) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def main() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        return received

    assert run(main()) == b"x" * 1_000_000


def test_a_refused_connection(run: Run, closed_port: tuple[str, int]) -> None:
    with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
        run(asyncio.open_connection(*closed_port))


def test_a_connection_that_is_reset(run: Run, socket: Any) -> None:
    async def main() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as server:
            reader, writer = await asyncio.open_connection(*server.getsockname())
            accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        accepted.close()
        try:
            return await reader.read()
        finally:
            writer.close()

    with refused(10054, ConnectionResetError):
        run(main())


def test_an_accepted_connection_has_no_protocol_and_so_may_delay(run: Run, socket: Any) -> None:
    async def main() -> tuple[int, int]:
        made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: made.set_result(writer), "127.0.0.1", 0)
        _, ours = await asyncio.open_connection(*server.sockets[0].getsockname())
        theirs = await made
        option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
        found = [writer.get_extra_info("socket").getsockopt(*option) for writer in (ours, theirs)]
        for writer in ours, theirs:
            writer.close()
        server.close()
        return bool(found[0]), bool(found[1])

    assert run(main()) == (True, False)


@pytest.mark.parametrize("number", [MAX_SOCKETS - 1, MAX_SOCKETS])
def test_511_sockets_are_watched_and_not_one_more(loop: Loop, socket: Any, number: int) -> None:
    ours, theirs = connect(socket)
    copies = [ours.dup() for _ in range(number)]
    try:
        for copy in copies:
            loop.add_reader(copy, loop.stop)
        theirs.send(b"x")
        if number < MAX_SOCKETS:
            loop.run_forever()
        else:
            for _ in range(2):
                with pytest.raises(ValueError, match=r"^too many file descriptors in select\(\)$"):
                    loop.run_forever()
        for copy in copies:
            assert loop.remove_reader(copy)
    finally:
        for each in (*copies, ours, theirs):
            each.close()


def test_writers_have_room_of_their_own(loop: Loop, socket: Any) -> None:
    ours, theirs = connect(socket)
    copies = [ours.dup() for _ in range(MAX_SOCKETS)]
    try:
        for copy in copies:
            loop.add_writer(copy, loop.stop)
        loop.run_forever()
        for copy in copies:
            loop.remove_writer(copy)
    finally:
        for each in (*copies, ours, theirs):
            each.close()


def test_a_pipe_fails_the_loop_every_time_it_runs(loop: Loop) -> None:
    reader, writer = os.pipe()
    try:
        loop.add_reader(reader, print)
        for _ in range(2):
            with refused(10038):
                turn(loop)
        assert loop.remove_reader(reader)
        turn(loop)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_datagram_to_a_closed_port_is_an_error_received(run: Run, socket: Any) -> None:
    class Protocol(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.came: asyncio.Queue[Any] = asyncio.Queue()

        def error_received(self, exc: Exception) -> None:
            self.came.put_nowait(exc)

        def datagram_received(self, data: bytes, _addr: Any) -> None:
            self.came.put_nowait(data)

    async def main() -> list[Any]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            unused.bind(("127.0.0.1", 0))
            closed = unused.getsockname()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
        transport.sendto(b"anybody?", closed)
        came = [await protocol.came.get()]
        transport.sendto(b"myself", transport.get_extra_info("sockname"))
        came.append(await protocol.came.get())
        transport.close()
        return came

    error, data = run(main())
    assert isinstance(error, ConnectionResetError)
    assert getattr(error, "winerror", None) == 10054
    assert data == b"myself"


def test_signal_handlers_are_not_implemented(loop: Loop) -> None:
    with pytest.raises(NotImplementedError):
        loop.add_signal_handler(2, print)
    with pytest.raises(NotImplementedError):
        loop.remove_signal_handler(2)


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.create_unix_connection(asyncio.Protocol, "path"),
        lambda loop: loop.create_unix_server(asyncio.Protocol, "path"),
        lambda loop: loop.connect_read_pipe(asyncio.Protocol, None),
        lambda loop: loop.connect_write_pipe(asyncio.Protocol, None),
        lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "program"),
        lambda loop: loop.subprocess_shell(asyncio.SubprocessProtocol, "program"),
    ],
    ids=["unix-connection", "unix-server", "read-pipe", "write-pipe", "exec", "shell"],
)
def test_what_is_not_implemented_says_so_when_awaited(loop: Loop, call: Callable[[Loop], Any]) -> None:
    with pytest.raises(NotImplementedError):
        loop.run_until_complete(call(loop))


def test_methods_of_the_other_loop_do_not_exist(loop: Loop) -> None:
    assert not hasattr(loop, "create_pipe_connection")
    assert not hasattr(loop, "start_serving_pipe")


def test_ports_are_not_shared(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match=r"^reuse_port not supported by socket module"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, reuse_port=True)
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        with pytest.raises(OSError, match="error while attempting to bind"):
            await loop.create_server(asyncio.Protocol, *server.sockets[0].getsockname())
        server.close()

    run(main())


def test_sending_files_falls_back(run: Run, loop: Loop, socket: Any, tmp_path: Any) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"some content")

    async def main() -> bytes:
        ours, theirs = connect(socket)
        with ours, theirs, content.open("rb") as file:
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sock_sendfile(ours, file, fallback=False)
            assert await loop.sock_sendfile(ours, file) == 12
            return await loop.sock_recv(theirs, 100)

    assert run(main()) == b"some content"


def test_threads_wake_the_loop(loop: Loop) -> None:
    waking = threading.Timer(0.05, loop.call_soon_threadsafe, [loop.stop])
    waking.start()
    loop.run_forever()
    waking.join()


@on_linux
class TestOfTheFakeOnly:
    """Knobs, the process's own sockets, and the selector alone."""

    def test_the_process_s_own_sockets_work(self, run: Run, loop: Loop) -> None:
        import socket as own

        async def main() -> tuple[bytes, Any]:
            with own.create_server(("127.0.0.1", 0)) as server, own.socket() as caller:
                for each in server, caller:
                    each.setblocking(False)
                connecting = asyncio.ensure_future(loop.sock_connect(caller, server.getsockname()))
                accepted, _ = await loop.sock_accept(server)
                await connecting
                with accepted:
                    await loop.sock_sendall(accepted, b"hello")
                    received = await loop.sock_recv(caller, 100)
                    reader, writer = await asyncio.open_connection(sock=accepted.dup())
                    await loop.sock_sendall(caller, b"again")
                    received += await reader.read(100)
                    writer.close()
                return received, type(accepted)

        received, kind = run(main())
        assert received == b"helloagain"
        assert kind is own.socket

    def test_the_knob_is_the_number_of_sockets(self) -> None:
        platform = windows.selector(max_sockets=3)
        loop = platform.new_event_loop()
        ours, theirs = connect(platform.module("socket"))
        extra = ours.dup()
        loop.add_reader(ours, print)
        loop.add_reader(theirs, print)
        turn(loop)
        loop.add_reader(extra, print)
        with pytest.raises(ValueError, match="too many"):
            turn(loop)
        for each in ours, theirs, extra:
            loop.remove_reader(each)
            each.close()
        loop.close()

    @pytest.mark.parametrize(
        ("knobs", "text"),
        [
            ({"max_sockets": 0}, "max_sockets: 0 is not a whole number of 1 or more"),
            ({"max_sockets": 1.5}, "max_sockets: 1.5 is not a whole number of 1 or more"),
            ({"max_sockets": True}, "max_sockets: True is not a whole number of 1 or more"),
            ({"clock_resolution": "1"}, "clock_resolution: '1' is not a number of seconds"),
            ({"clock_resolution": 1.0}, "clock_resolution: 1.0 is not between 0.0005 and 0.015625 seconds"),
            ({"clock_resolution": float("nan")}, "clock_resolution: nan is not between"),
        ],
    )
    def test_a_knob_that_windows_cannot_have_is_refused(self, knobs: dict[str, Any], text: str) -> None:
        for make in windows.selector, WindowsSelectSelector:
            with pytest.raises(ValueError, match=f"^{text}"):
                make(**knobs)

    def test_a_platform_is_a_value(self) -> None:
        assert windows.selector() == windows.selector(max_sockets=512)
        assert windows.selector() != windows.selector(max_sockets=511)
        assert windows.selector(max_sockets=99).library is windows.selector(max_sockets=99).library

    def test_the_selector_serves_another_loop(self) -> None:
        selector = WindowsSelectSelector(max_sockets=5)
        assert (type(selector).__name__, type(selector).__module__) == ("SelectSelector", "selectors")
        loop = asyncio.SelectorEventLoop(selector)
        try:
            loop.run_until_complete(asyncio.sleep(0.001))
            reader, writer = os.pipe()
            loop.add_reader(reader, print)
            with refused(10038):
                turn(loop)
            loop.remove_reader(reader)
            os.close(reader)
            os.close(writer)
        finally:
            loop.close()

    def test_loops_of_several_platforms_run_in_threads(self) -> None:
        found: dict[Any, Any] = {}

        def work(platform: Any) -> None:
            with asyncio.Runner(loop_factory=platform.new_event_loop) as runner:

                async def main() -> list[Any]:
                    return await asyncio.gather(*(asyncio.sleep(0.001, result=n) for n in range(10)))

                found[platform] = runner.run(main())

        platforms = [windows.selector(max_sockets=number) for number in range(100, 106)]
        threads = [threading.Thread(target=work, args=[platform]) for platform in platforms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {platform: list(range(10)) for platform in platforms}
