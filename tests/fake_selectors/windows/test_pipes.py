r"""Named pipes: each fact on the fake, and on the real system."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .completion import NULL, PATIENCE, SOON, Port, port_of
from .conftest import on_linux, refused

NAMES = itertools.count()
DUPLEX, INBOUND, OUTBOUND = 3, 1, 2
OVERLAPPED = 0x40000000
FIRST = 0x80000
MESSAGES = 4 | 2
READ, WRITE = 0x80000000, 0x40000000
ANY_NUMBER = 255


@dataclass
class Pipe:
    """The ends of a pipe.

    Attributes:
        server: handle of the server's end.
        client: handle of the client's end.
    """

    server: int
    client: int


@pytest.fixture
def winapi(system: Any) -> Any:
    """The module ``_winapi`` as Windows has it."""
    return system.module("_winapi")


@pytest.fixture
def overlapped(system: Any) -> Any:
    """The module ``_overlapped`` as Windows has it."""
    return system.module("_overlapped")


@pytest.fixture
def port(system: Any) -> Iterator[Port]:
    """A completion port."""
    with port_of(system) as made:
        yield made


@pytest.fixture
def name() -> str:
    """A name for a pipe."""
    return rf"\\.\pipe\everyloop-{os.getpid()}-{next(NAMES)}"


def server_end(winapi: Any, name: str, flags: int = DUPLEX | OVERLAPPED, kind: int = 0, most: int = ANY_NUMBER) -> int:
    """Make an instance."""
    made: int = winapi.CreateNamedPipe(name, flags, kind, most, 8192, 8192, 0xFFFFFFFF, NULL)
    return made


def client_end(winapi: Any, name: str, access: int = READ | WRITE, flags: int = OVERLAPPED) -> int:
    """Connect to an instance."""
    made: int = winapi.CreateFile(name, access, 0, NULL, 3, flags, NULL)
    return made


@pytest.fixture(params=[0, MESSAGES], ids=["bytes", "messages"])
def pipe(request: pytest.FixtureRequest, winapi: Any, name: str, port: Port) -> Iterator[Pipe]:
    """A pipe, of bytes or messages, whose ends belong to a port."""
    with_ends = Pipe(server_end(winapi, name, kind=request.param), client_end(winapi, name))
    port.owns(with_ends.server, with_ends.client)
    yield with_ends
    for handle in (with_ends.server, with_ends.client):
        with contextlib.suppress(OSError):  # the test has closed it
            winapi.CloseHandle(handle)


# Names.


def test_a_name_that_is_not_there(winapi: Any, overlapped: Any, name: str) -> None:
    with refused(2, FileNotFoundError):
        client_end(winapi, name)
    with refused(2, FileNotFoundError):
        overlapped.ConnectPipe(name)


def test_a_name_is_there_as_long_as_an_instance(winapi: Any, overlapped: Any, name: str) -> None:
    server = server_end(winapi, name)
    winapi.CloseHandle(overlapped.ConnectPipe(name.upper()))
    winapi.CloseHandle(server)
    with refused(2, FileNotFoundError):
        client_end(winapi, name)


def test_every_client_needs_an_instance(winapi: Any, name: str) -> None:
    servers = [server_end(winapi, name)]
    clients = [client_end(winapi, name)]
    with refused(231):
        client_end(winapi, name)
    servers.append(server_end(winapi, name))
    clients.append(client_end(winapi, name))
    for handle in (*servers, *clients):
        winapi.CloseHandle(handle)


def test_the_first_instance_is_the_first(winapi: Any, name: str) -> None:
    server = server_end(winapi, name, DUPLEX | FIRST)
    with refused(5, PermissionError):
        server_end(winapi, name, DUPLEX | FIRST)
    winapi.CloseHandle(server)
    winapi.CloseHandle(server_end(winapi, name, DUPLEX | FIRST))


def test_the_first_instance_sets_how_many_there_are(winapi: Any, name: str) -> None:
    servers = [server_end(winapi, name, most=2) for _ in range(2)]
    with refused(231):
        server_end(winapi, name, most=2)
    for server in servers:
        winapi.CloseHandle(server)


@pytest.mark.parametrize("most", [0, 256])
def test_how_many_instances_there_may_be(winapi: Any, name: str, most: int) -> None:
    with refused(87):
        server_end(winapi, name, most=most)


# Connecting.


def test_a_server_waits_for_its_client(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name)
    port.owns(server)
    operation = port.overlapped.Overlapped(NULL)
    assert operation.ConnectNamedPipe(server) is False
    assert operation.pending
    client = client_end(winapi, name)
    assert port.finish(operation) == (0, 0)
    assert (operation.pending, operation.getresult()) == (False, 0)
    winapi.CloseHandle(server)
    winapi.CloseHandle(client)


def test_a_client_that_came_before_gives_no_packet(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name)
    port.owns(server)
    client = client_end(winapi, name)
    operation = port.overlapped.Overlapped(NULL)
    assert operation.ConnectNamedPipe(server) is True
    assert (operation.pending, port.take(SOON)) == (False, None)
    winapi.CloseHandle(server)
    winapi.CloseHandle(client)


def test_a_client_that_came_and_left(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name)
    winapi.CloseHandle(client_end(winapi, name))
    with refused(232, BrokenPipeError):
        port.overlapped.Overlapped(NULL).ConnectNamedPipe(server)
    winapi.CloseHandle(server)


def test_a_server_that_no_longer_waits(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name)
    port.owns(server)
    operation = port.overlapped.Overlapped(NULL)
    assert operation.ConnectNamedPipe(server) is False
    operation.cancel()
    assert port.finish(operation) == (995, 0)
    winapi.CloseHandle(server)


def test_waiting_as_winapi_has_it(winapi: Any, name: str) -> None:
    server = server_end(winapi, name)
    waiting = winapi.ConnectNamedPipe(server, overlapped=True)
    assert waiting.GetOverlappedResult(False) == (0, 996)
    client = client_end(winapi, name)
    assert winapi.WaitForSingleObject(waiting.event, PATIENCE) == 0
    assert waiting.GetOverlappedResult(True) == (0, 0)
    winapi.CloseHandle(client)
    winapi.CloseHandle(server)


# Reading and writing.


def test_what_is_written_is_read(port: Port, pipe: Pipe) -> None:
    for source, target in ((pipe.server, pipe.client), (pipe.client, pipe.server)):
        write = port.start("WriteFile", source, b"data")
        assert port.finish(write) == (0, 4)
        read = port.start("ReadFile", target, 100)
        assert (read.pending, read.getresult()) == (False, b"data")
        assert port.finish(read) == (0, 4)


def test_a_read_waits(port: Port, pipe: Pipe) -> None:
    read = port.start("ReadFile", pipe.server, 100)
    assert (read.pending, read.error) == (True, 997)
    with refused(996):
        read.getresult()
    write = port.start("WriteFile", pipe.client, b"data")
    packets = {port.take()[3], port.take()[3]}
    assert packets == {read.address, write.address}
    assert read.getresult() == b"data"


def test_a_read_into_a_buffer(port: Port, pipe: Pipe) -> None:
    buffer = bytearray(10)
    write = port.start("WriteFile", pipe.client, b"data")
    assert port.finish(write) == (0, 4)
    read = port.start("ReadFileInto", pipe.server, buffer)
    assert port.finish(read) == (0, 4)
    assert (read.getresult(), bytes(buffer[:4])) == (4, b"data")


def test_a_read_that_is_cancelled(port: Port, pipe: Pipe) -> None:
    read = port.start("ReadFile", pipe.server, 100)
    read.cancel()
    assert not read.pending
    assert port.finish(read) == (995, 0)


def test_closing_an_end_ends_its_operations(winapi: Any, port: Port, pipe: Pipe) -> None:
    read = port.start("ReadFile", pipe.server, 100)
    winapi.CloseHandle(pipe.server)
    assert port.finish(read) == (995, 0)


def test_a_pending_read_sees_the_other_end_close(winapi: Any, port: Port, pipe: Pipe) -> None:
    read = port.start("ReadFile", pipe.server, 100)
    winapi.CloseHandle(pipe.client)
    assert port.finish(read) == (109, 0)
    assert read.getresult() == b""


def test_a_read_of_a_closed_pipe_is_complete_without_a_packet(winapi: Any, port: Port, pipe: Pipe) -> None:
    winapi.CloseHandle(pipe.client)
    read = port.overlapped.Overlapped(NULL)
    with refused(109, BrokenPipeError):
        read.ReadFile(pipe.server, 100)
    assert (read.pending, read.error, read.getresult()) == (False, 109, b"")
    assert port.take(SOON) is None


def test_what_was_written_before_the_end_is_read(winapi: Any, port: Port, pipe: Pipe) -> None:
    write = port.start("WriteFile", pipe.client, b"data")
    assert port.finish(write) == (0, 4)
    winapi.CloseHandle(pipe.client)
    read = port.start("ReadFile", pipe.server, 100)
    assert port.finish(read) == (0, 4)
    with refused(109, BrokenPipeError):
        port.start("ReadFile", pipe.server, 100)


def test_a_write_to_a_closed_pipe(winapi: Any, port: Port, pipe: Pipe) -> None:
    winapi.CloseHandle(pipe.client)
    with refused(232, BrokenPipeError):
        port.start("WriteFile", pipe.server, b"data")


def test_a_write_of_more_than_there_is_room_for_waits(port: Port, pipe: Pipe) -> None:
    data = bytes(range(256)) * 1024
    write = port.start("WriteFile", pipe.client, data)
    assert write.pending
    received = b""
    while len(received) < len(data):
        read = port.start("ReadFile", pipe.server, 2**20)
        received += read.getresult(True)
        _ = write.pending
    assert received == data
    assert write.getresult(True) == len(data)


def test_a_pipe_that_may_be_read_only(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name, INBOUND | OVERLAPPED)
    with refused(5, PermissionError):
        client_end(winapi, name)
    client = client_end(winapi, name, WRITE)
    with refused(5, PermissionError):
        port.start("WriteFile", server, b"data")
    with refused(5, PermissionError):
        port.start("ReadFile", client, 10)
    winapi.CloseHandle(client)
    winapi.CloseHandle(server)


def test_borders_of_messages(winapi: Any, port: Port, name: str) -> None:
    pipe = Pipe(server_end(winapi, name, kind=MESSAGES), client_end(winapi, name))
    port.owns(pipe.server, pipe.client)
    for message in (b"one", b"", b"three"):
        port.finish(port.start("WriteFile", pipe.client, message))
    codes, parts = [], []
    for _ in range(4):
        read = port.start("ReadFile", pipe.server, 3)
        codes.append(port.finish(read)[0])
        parts.append(read.getresult())
    assert (codes, parts) == ([0, 0, 234, 0], [b"one", b"", b"thr", b"ee"])
    for message in (b"one", b"two"):
        port.finish(port.start("WriteFile", pipe.server, message))
    read = port.start("ReadFile", pipe.client, 100)
    port.finish(read)
    assert read.getresult() == b"onetwo"  # this end reads bytes
    winapi.CloseHandle(pipe.client)
    winapi.CloseHandle(pipe.server)


def test_an_end_without_overlapped_operations_belongs_to_no_port(winapi: Any, port: Port, name: str) -> None:
    server = server_end(winapi, name, DUPLEX)
    with refused(87):
        port.owns(server)
    winapi.CloseHandle(server)


def test_reading_and_writing_as_winapi_has_it(winapi: Any, name: str) -> None:
    server, client = server_end(winapi, name), client_end(winapi, name, flags=0)
    reading, code = winapi.ReadFile(server, 10, overlapped=True)
    assert code == 997
    assert winapi.WriteFile(client, b"data") == (4, 0)
    assert reading.GetOverlappedResult(True) == (4, 0)
    assert reading.getbuffer()[:4] == b"data"
    writing, code = winapi.WriteFile(server, b"more", overlapped=True)
    assert writing.GetOverlappedResult(True) == (4, 0)
    assert winapi.ReadFile(client, 10) == (b"more", 0)
    winapi.CloseHandle(client)
    winapi.CloseHandle(server)


# Anonymous pipes and descriptors.


def test_an_anonymous_pipe_belongs_to_no_port(winapi: Any, port: Port) -> None:
    reading, writing = winapi.CreatePipe(None, 0)
    with refused(87):
        port.owns(reading)
    winapi.CloseHandle(reading)
    winapi.CloseHandle(writing)
    with refused(6):
        winapi.CloseHandle(writing)


def test_a_descriptor_owns_its_handle(system: Any, winapi: Any) -> None:
    msvcrt = system.module("msvcrt")
    reading, writing = winapi.CreatePipe(None, 0)
    descriptor = msvcrt.open_osfhandle(writing, 0)
    assert msvcrt.get_osfhandle(descriptor) == writing
    other = msvcrt.open_osfhandle(
        winapi.DuplicateHandle(
            winapi.GetCurrentProcess(), reading, winapi.GetCurrentProcess(), 0, True, winapi.DUPLICATE_SAME_ACCESS
        ),
        0,
    )
    os.write(descriptor, b"data")
    os.close(descriptor)
    assert os.read(other, 10) == b"data"
    assert os.read(other, 10) == b""
    os.close(other)
    winapi.CloseHandle(reading)
    with pytest.raises(OSError):
        msvcrt.get_osfhandle(descriptor)


def test_kinds_of_files(system: Any, winapi: Any, tmp_path: Any) -> None:
    reading, writing = winapi.CreatePipe(None, 0)
    with (tmp_path / "file").open("wb") as file:
        handle = system.module("msvcrt").get_osfhandle(file.fileno())
        assert winapi.GetFileType(handle) == winapi.FILE_TYPE_DISK
    assert winapi.GetFileType(reading) == winapi.FILE_TYPE_PIPE
    winapi.CloseHandle(reading)
    winapi.CloseHandle(writing)


@on_linux
@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("CreateFile", ("NUL", READ, 0, 0, 3, 0, 0)),
        ("CreateNamedPipe", (r"\\.\pipe\x", 3, 8, 1, 0, 0, 0, 0)),
        ("CreatePipe", (1, 0)),
    ],
)
def test_what_is_not_emulated_says_so(winapi: Any, call: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(NotImplementedError, match=call):
        getattr(winapi, call)(*arguments)
