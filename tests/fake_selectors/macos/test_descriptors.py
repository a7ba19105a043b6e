"""EVFILT_READ and EVFILT_WRITE by kind of descriptor: one test per fact, on the fake and on the real kernel."""

from __future__ import annotations

import errno
import os
import select as host
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors import macos
from everyloop.fake_selectors.kernels.macos.kevent import (
    EV_ADD,
    EV_DELETE,
    EV_EOF,
    EVFILT_READ,
    EVFILT_WRITE,
    NOTE_LOWAT,
)

from .conftest import PATIENCE, Kernel, Pipe, Sockets, fake
from .test_flags import drain, fill

pty = pytest.importorskip("pty", reason="Windows has no terminals of this kind, and no kqueue")
tty = pytest.importorskip("tty")

BOTH = (EVFILT_READ, EVFILT_WRITE)


def refused(kernel: Kernel, ident: Any, filter_: int) -> int | None:
    """Return the errno with which a descriptor is refused."""
    with pytest.raises(OSError) as caught:
        kernel.change(ident, filter_, EV_ADD)
    return caught.value.errno


# --- sockets ------------------------------------------------------------------------------------------------


def test_data_is_what_can_be_read(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    kernel.change(here, EVFILT_READ, EV_ADD)
    for sent, readable in ((1, 1), (2, 3), (1000, 1003)):
        there.send(bytes(sent))
        assert kernel.event().data == readable
    here.recv(1000)
    assert kernel.event().data == 3


def test_room_shrinks_as_it_is_written_to(kernel: Kernel, tcp: Sockets) -> None:
    here, _ = tcp
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    before = kernel.event().data
    assert before > 0
    here.setblocking(False)
    assert fill(here.fileno()) > 0
    assert kernel.events() == []


def test_the_end_of_the_peer_is_readable_with_what_is_left(kernel: Kernel, sockets: Sockets, tcp: Sockets) -> None:
    for here, there in (sockets, tcp):
        there.send(b"last")
        there.shutdown(socket.SHUT_WR)
        kernel.change(here, EVFILT_READ, EV_ADD)
        event = kernel.event()
        assert (event.flags & EV_EOF, event.fflags, event.data) == (EV_EOF, 0, 4)
        assert here.recv(10) == b"last"
        event = kernel.event()
        assert (event.flags & EV_EOF, event.fflags, event.data) == (EV_EOF, 0, 0)
        kernel.change(here, EVFILT_READ, EV_DELETE)


def test_the_end_of_the_peer_leaves_tcp_writable_without_eof(kernel: Kernel, tcp: Sockets) -> None:
    here, there = tcp
    there.shutdown(socket.SHUT_WR)
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    assert not kernel.event().flags & EV_EOF


def test_a_closed_peer_ends_both_directions_of_a_unix_socket(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    there.close()
    for filter_ in BOTH:
        kernel.change(here, filter_, EV_ADD)
        assert kernel.event().flags & EV_EOF
        kernel.change(here, filter_, EV_DELETE)


def test_what_was_shut_down_here_is_at_its_end(kernel: Kernel, sockets: Sockets, tcp: Sockets) -> None:
    for here, _ in (sockets, tcp):
        kernel.change(here, EVFILT_WRITE, EV_ADD)
        assert not kernel.event().flags & EV_EOF
        here.shutdown(socket.SHUT_WR)
        assert kernel.event().flags & EV_EOF
        kernel.change(here, EVFILT_WRITE, EV_DELETE)


def test_a_reset_is_the_end_of_both_directions(kernel: Kernel, tcp: Sockets) -> None:
    here, there = tcp
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
    for filter_ in BOTH:
        kernel.change(here, filter_, EV_ADD)
        assert kernel.event().flags & EV_EOF
        kernel.change(here, filter_, EV_DELETE)
    with pytest.raises(ConnectionResetError):
        here.recv(1)


def test_looking_does_not_take_the_error(kernel: Kernel, tcp: Sockets) -> None:
    here, there = tcp
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
    kernel.change(here, EVFILT_READ, EV_ADD)
    kernel.change(here, EVFILT_WRITE, EV_ADD)
    for _ in range(3):
        assert len(kernel.events(PATIENCE)) >= 1
    assert here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def test_a_socket_that_was_never_connected_is_quiet(kernel: Kernel) -> None:
    with socket.socket() as sock:
        for filter_ in BOTH:
            kernel.change(sock, filter_, EV_ADD)
        assert kernel.events(0.05) == []
        assert kernel.events(0.05) == []


def test_a_connected_socket_becomes_writable(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as sock:
        kernel.change(sock, EVFILT_WRITE, EV_ADD)
        assert kernel.events() == []
        sock.connect(server.getsockname())
        event = kernel.event()
        assert (event.ident, event.filter, event.flags & EV_EOF) == (sock.fileno(), EVFILT_WRITE, 0)


def test_a_refused_connection_ends_both_directions(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with socket.socket() as sock:
        sock.setblocking(False)
        for filter_ in BOTH:
            kernel.change(sock, filter_, EV_ADD)
        assert sock.connect_ex(address) in {errno.EINPROGRESS, errno.ECONNREFUSED}
        assert kernel.events(PATIENCE)
        assert {event.filter for event in kernel.events() if event.flags & EV_EOF} == set(BOTH)


def test_data_of_a_listening_socket_is_its_backlog(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as first, socket.socket() as second:
        kernel.change(server, EVFILT_READ, EV_ADD)
        kernel.change(server, EVFILT_WRITE, EV_ADD)
        assert kernel.events() == []
        first.connect(server.getsockname())
        assert kernel.event().data == 1
        second.connect(server.getsockname())
        assert kernel.event().data == 2
        server.accept()[0].close()
        assert kernel.event().data == 1


def test_a_socket_may_listen_later(kernel: Kernel) -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        kernel.change(server, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        server.listen()
        client.connect(server.getsockname())
        assert (kernel.event().data, kernel.event().flags & EV_EOF) == (1, 0)


def test_a_listening_unix_socket(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        monkeypatch.chdir(tmp_path)  # for a short name
        server.bind("s")
        server.listen()
        kernel.change(server, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        client.connect("s")
        assert kernel.event().ident == server.fileno()
        server.accept()[0].close()
        assert kernel.events() == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_datagram_of_no_bytes_can_be_read(
    kernel: Kernel, family: socket.AddressFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as here, socket.socket(family, socket.SOCK_DGRAM) as there:
        monkeypatch.chdir(tmp_path)
        here.bind("d" if family == socket.AF_UNIX else ("127.0.0.1", 0))
        kernel.change(here, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        there.sendto(b"", here.getsockname())
        event = kernel.event()
        assert (event.data, event.flags & EV_EOF) == (0, 0)
        here.recv(10)
        assert kernel.events() == []


def test_a_datagram_socket_need_not_be_connected_to_be_writable(kernel: Kernel) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        kernel.change(sock, EVFILT_WRITE, EV_ADD)
        assert kernel.event().data > 0


def test_low_water_marks_of_reading(kernel: Kernel, sockets: Sockets, pipe: Pipe) -> None:
    here, there = sockets
    for ident, send in ((here, there.send), (pipe[0], lambda data: os.write(pipe[1], data))):
        kernel.change(ident, EVFILT_READ, EV_ADD, NOTE_LOWAT, 5)
        send(b"four")
        assert kernel.events() == []
        send(b"5")
        assert kernel.event().data == 5
        kernel.change(ident, EVFILT_READ, EV_ADD, NOTE_LOWAT, 6)  # an update sets another
        assert kernel.events() == []
        kernel.change(ident, EVFILT_READ, EV_ADD)
        assert kernel.event().data == 5
        kernel.change(ident, EVFILT_READ, EV_DELETE)


def test_low_water_marks_of_writing(kernel: Kernel, pipe: Pipe) -> None:
    reading, writing = pipe
    kernel.change(writing, EVFILT_WRITE, EV_ADD)
    room = kernel.event().data
    kernel.change(writing, EVFILT_WRITE, EV_ADD, NOTE_LOWAT, room)
    assert kernel.event().data == room
    os.write(writing, b"x")
    assert kernel.events() == []
    os.read(reading, 1)
    assert kernel.event().data == room


def test_both_directions_are_two_events(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    fd = here.fileno()
    for filter_ in BOTH:
        kernel.change(here, filter_, EV_ADD)
    assert kernel.idents() == [(fd, EVFILT_WRITE)]
    there.send(b"x")
    assert kernel.idents() == [(fd, EVFILT_WRITE), (fd, EVFILT_READ)]


# --- pipes --------------------------------------------------------------------------------------------------


def test_a_pipe_is_readable_with_data_and_at_its_end(kernel: Kernel, pipe: Pipe) -> None:
    reading, writing = pipe
    kernel.change(reading, EVFILT_READ, EV_ADD)
    assert kernel.events() == []
    os.write(writing, b"hello")
    assert (kernel.event().data, kernel.event().flags & EV_EOF) == (5, 0)
    os.close(writing)
    assert (kernel.event().data, kernel.event().flags & EV_EOF) == (5, EV_EOF)
    os.read(reading, 10)
    assert (kernel.event().data, kernel.event().flags & EV_EOF) == (0, EV_EOF)


def test_a_pipe_is_writable_with_room_and_without_a_reader(kernel: Kernel, pipe: Pipe) -> None:
    reading, writing = pipe
    kernel.change(writing, EVFILT_WRITE, EV_ADD)
    assert kernel.event().data >= 512
    fill(writing)
    assert kernel.events() == []
    os.close(reading)
    assert (kernel.event().data, kernel.event().flags & EV_EOF) == (0, EV_EOF)


@pytest.mark.parametrize(("end", "filter_"), [(0, EVFILT_WRITE), (1, EVFILT_READ)])
def test_the_wrong_filter_of_a_pipe_tells_the_end_only(kernel: Kernel, pipe: Pipe, end: int, filter_: int) -> None:
    kernel.change(pipe[end], filter_, EV_ADD)
    assert kernel.events() == []
    os.write(pipe[1], b"x")
    assert kernel.events(0.05) == []
    os.read(pipe[0], 1)
    assert kernel.events(0.05) == []
    os.close(pipe[1 - end])
    event = kernel.event()
    assert (event.ident, event.filter, event.flags & EV_EOF, event.data) == (pipe[end], filter_, EV_EOF, 0)


# --- FIFOs --------------------------------------------------------------------------------------------------


@pytest.fixture
def fifo(tmp_path: Path, opened: Callable[[int], int]) -> Pipe:
    """Both ends of a pipe with a name."""
    os.mkfifo(tmp_path / "fifo")
    reading = opened(os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK))
    return reading, opened(os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK))


def test_a_fifo_is_readable_with_data_from_both_ends(kernel: Kernel, fifo: Pipe) -> None:
    for fd in fifo:
        kernel.change(fd, EVFILT_READ, EV_ADD)
    assert kernel.events() == []
    os.write(fifo[1], b"hello")
    assert kernel.events(PATIENCE)
    assert [(event.ident, event.data) for event in sorted(kernel.events())] == [(fifo[0], 5), (fifo[1], 5)]
    os.read(fifo[0], 10)
    assert kernel.events() == []


def test_the_end_of_a_fifo_is_not_told(kernel: Kernel, fifo: Pipe) -> None:
    for fd in fifo:
        kernel.change(fd, EVFILT_READ, EV_ADD)
    os.close(fifo[1])
    assert kernel.events(0.1) == []
    assert os.read(fifo[0], 1) == b""


def test_a_fifo_without_a_reader_is_not_told(kernel: Kernel, fifo: Pipe) -> None:
    kernel.change(fifo[1], EVFILT_READ, EV_ADD)
    os.close(fifo[0])
    assert kernel.events(0.1) == []


def test_a_fifo_is_writable_with_room(kernel: Kernel, fifo: Pipe) -> None:
    kernel.change(fifo[1], EVFILT_WRITE, EV_ADD)
    assert kernel.event().data > 0
    fill(fifo[1])
    assert kernel.events() == []
    drain(fifo[0])
    assert kernel.event().data > 0


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_is_readable_until_its_end(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    with (tmp_path / "file").open("rb", buffering=0) as file:
        kernel.change(file, EVFILT_READ, EV_ADD)
        assert (kernel.event().data, kernel.event().flags & EV_EOF) == (5, 0)
        file.read(2)
        assert kernel.event().data == 3
        file.read()
        assert kernel.events(0.05) == []


def test_a_file_behind_its_end_has_less_than_nothing(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    with (tmp_path / "file").open("rb", buffering=0) as file:
        file.seek(8)
        kernel.change(file, EVFILT_READ, EV_ADD)
        assert kernel.event().data == -3


def test_a_file_that_grows_is_readable(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb", buffering=0) as file, (tmp_path / "file").open("ab", buffering=0) as more:
        kernel.change(file, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        more.write(b"hello")
        assert kernel.event().data == 5


def test_a_file_is_always_writable(kernel: Kernel, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        kernel.change(file, EVFILT_WRITE, EV_ADD)
        assert (kernel.event().data, kernel.event().flags & EV_EOF) == (1, 0)


@pytest.mark.parametrize("filter_", BOTH)
def test_a_directory_is_refused(kernel: Kernel, tmp_path: Path, opened: Callable[[int], int], filter_: int) -> None:
    assert refused(kernel, opened(os.open(tmp_path, os.O_RDONLY)), filter_) == errno.EINVAL


# --- devices ------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(opened: Callable[[int], int]) -> Pipe:
    """Master and slave of a pseudo terminal that changes nothing."""
    master, slave = (opened(fd) for fd in pty.openpty())
    tty.setraw(slave)
    return master, slave


@pytest.mark.parametrize("filter_", BOTH)
@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/random"])
def test_devices_are_refused(kernel: Kernel, opened: Callable[[int], int], name: str, filter_: int) -> None:
    assert refused(kernel, opened(os.open(name, os.O_RDWR)), filter_) == errno.EINVAL


def test_both_sides_of_a_pseudo_terminal(kernel: Kernel, terminal: Pipe) -> None:
    master, slave = terminal
    for fd, other in ((master, slave), (slave, master)):
        kernel.change(fd, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        os.write(other, b"hello")
        assert kernel.event().data == 5
        os.read(fd, 10)
        assert kernel.events() == []
        kernel.change(fd, EVFILT_WRITE, EV_ADD)
        assert kernel.idents() == [(fd, EVFILT_WRITE)]
        for filter_ in BOTH:
            kernel.change(fd, filter_, EV_DELETE)


def test_a_terminal_whose_other_side_is_closed(kernel: Kernel, terminal: Pipe) -> None:
    master, slave = terminal
    kernel.change(master, EVFILT_READ, EV_ADD)
    os.close(slave)
    event = kernel.event()
    assert (event.ident, event.flags & EV_EOF, event.data) == (master, EV_EOF, 0)


def with_a_terminal(test: Callable[[], None]) -> int:
    """Run something in a session of its own whose controlling terminal is a pseudo terminal; return the exit code."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            test()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(master)
    return code


def test_the_alias_of_the_controlling_terminal_is_refused(select: Any) -> None:
    def test() -> None:
        kernel = Kernel(select)
        kernel.change(0, EVFILT_READ, EV_ADD)
        assert refused(kernel, os.open("/dev/tty", os.O_RDWR), EVFILT_READ) == errno.EINVAL

    assert with_a_terminal(test) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such macOS any more")
@pytest.mark.parametrize("version", ["10.6", "10.7", "10.8"])
def test_old_versions_refuse_all_devices(version: str, terminal: Pipe) -> None:
    kernel = Kernel(macos(version).module("select"))
    for fd in terminal:
        for filter_ in BOTH:
            assert refused(kernel, fd, filter_) == errno.EINVAL


# --- closing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filter_", BOTH)
def test_closing_forgets(kernel: Kernel, sockets: Sockets, filter_: int) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, filter_, EV_ADD)
    fd = here.detach()
    os.close(fd)
    assert kernel.events(0.05) == []
    with pytest.raises(OSError):
        kernel.change(fd, filter_, EV_DELETE)


@pytest.mark.parametrize("filter_", BOTH)
def test_closing_forgets_though_a_duplicate_is_open(
    kernel: Kernel, sockets: Sockets, opened: Callable[[int], int], filter_: int
) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, filter_, EV_ADD)
    opened(os.dup(here.fileno()))
    here.close()
    assert kernel.events(0.05) == []
    kernel.change(there, EVFILT_WRITE, EV_ADD)
    assert kernel.idents() == [(there.fileno(), EVFILT_WRITE)]


@pytest.mark.parametrize("filter_", BOTH)
def test_the_next_file_with_the_number_is_not_watched(
    kernel: Kernel, sockets: Sockets, tcp: Sockets, opened: Callable[[int], int], filter_: int
) -> None:
    here, _ = sockets
    kernel.change(here, filter_, EV_ADD)
    opened(os.dup(here.fileno()))  # which keeps the registration of Linux alive
    tcp[1].send(b"x")
    os.dup2(tcp[0].fileno(), here.fileno())
    assert kernel.events(0.05) == []
    with pytest.raises(FileNotFoundError):
        kernel.change(here, filter_, EV_DELETE)


def test_the_next_file_with_the_number_can_be_watched(
    kernel: Kernel, sockets: Sockets, tcp: Sockets, opened: Callable[[int], int]
) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, EVFILT_READ, EV_ADD, udata=1)
    opened(os.dup(here.fileno()))
    os.dup2(tcp[0].fileno(), here.fileno())
    kernel.change(here, EVFILT_READ, EV_ADD, udata=2)
    assert kernel.events(0.05) == []
    tcp[1].send(b"xyz")
    assert (kernel.event().udata, kernel.event().data) == (2, 3)


def test_what_a_child_holds_open_is_forgotten_too(kernel: Kernel, sockets: Sockets) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, EVFILT_READ, EV_ADD)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        here.close()
        assert kernel.events(0.05) == []
    finally:
        os.close(writing)
        os.waitpid(pid, 0)
        os.close(reading)


def test_a_duplicate_is_watched_apart(kernel: Kernel, sockets: Sockets, opened: Callable[[int], int]) -> None:
    here, there = sockets
    other = opened(os.dup(here.fileno()))
    for fd in (here.fileno(), other):
        kernel.change(fd, EVFILT_READ, EV_ADD)
    there.send(b"x")
    assert kernel.idents() == sorted([(here.fileno(), EVFILT_READ), (other, EVFILT_READ)])
    kernel.change(here, EVFILT_READ, EV_DELETE)
    assert kernel.idents() == [(other, EVFILT_READ)]


def test_hundreds_of_duplicates_are_watched(kernel: Kernel, sockets: Sockets, opened: Callable[[int], int]) -> None:
    here, there = sockets
    fds = [opened(os.dup(here.fileno())) for _ in range(600)]
    for fd in fds:
        kernel.change(fd, EVFILT_READ, EV_ADD)
    there.send(b"x")
    assert len(kernel.kqueue.control(None, 1000, 0)) == 600


# --- the fake only ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_watching_a_closed_number_costs_no_cpu(kernel: Kernel, sockets: Sockets, opened: Callable[[int], int]) -> None:
    here, there = sockets
    there.send(b"x")
    kernel.change(here, EVFILT_READ, EV_ADD)
    opened(os.dup(here.fileno()))
    here.close()
    started = os.times()
    assert kernel.events(0.3) == []
    ended = os.times()
    assert ended.user + ended.system - started.user - started.system < 0.1


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_what_is_never_active_costs_no_cpu(kernel: Kernel) -> None:
    with socket.socket() as sock:
        for filter_ in BOTH:
            kernel.change(sock, filter_, EV_ADD)
        started = os.times()
        assert kernel.events(0.3) == []
        ended = os.times()
        assert ended.user + ended.system - started.user - started.system < 0.1


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_an_error_that_linux_tells_once_is_not_told(kernel: Kernel, tcp: Sockets) -> None:
    here, there = tcp
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
    kernel.change(here, EVFILT_READ, EV_ADD)
    with pytest.raises(NotImplementedError, match=r"select\.kevent\.fflags: the error of a socket"):
        _ = kernel.event().fflags


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_what_macos_does_not_have_is_named(kernel: Kernel) -> None:
    fd = os.eventfd(0) if sys.platform == "linux" else -1
    try:
        with pytest.raises(NotImplementedError, match=r"a kind that macOS does not have: .*eventfd"):
            kernel.change(fd, EVFILT_READ, EV_ADD)
    finally:
        os.close(fd)


@pytest.mark.parametrize("select", [fake], indirect=True)
def test_an_epoll_of_this_host_passes_for_a_kqueue(kernel: Kernel, sockets: Sockets) -> None:
    assert sys.platform == "linux"
    with host.epoll() as inner:
        inner.register(sockets[0], host.EPOLLIN)
        kernel.change(inner, EVFILT_READ, EV_ADD)
        assert kernel.events() == []
        sockets[1].send(b"x")
        assert kernel.event().ident == inner.fileno()
