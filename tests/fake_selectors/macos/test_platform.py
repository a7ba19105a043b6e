"""macOS as a platform: its modules, its versions, and CPython's own loop on it."""

from __future__ import annotations

import asyncio
import asyncio.events
import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors import MacOSKqueueSelector, macos
from everyloop.fake_selectors.darwin import VERSIONS, WITHOUT_TERMINALS

from .conftest import PATIENCE, Pipe, Sockets

if sys.platform != "linux":
    pytest.skip("macOS is emulated on Linux", allow_module_level=True)

pty = pytest.importorskip("pty")
tty = pytest.importorskip("tty")


def run(main: Callable[[], Coroutine[Any, Any, None]], version: str = "15") -> None:
    """Run a coroutine on the platform's loop."""

    async def bounded() -> None:
        await asyncio.wait_for(main(), PATIENCE)

    with asyncio.Runner(loop_factory=macos(version).new_event_loop) as runner:
        runner.run(bounded())


# --- the platform -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(version: str) -> None:
    platform = macos(version)
    assert platform == macos(version)
    assert platform.sys_platform == "darwin"
    assert platform.module("platform").mac_ver()[0] == version
    assert platform.module("platform").platform().startswith(f"macOS-{version}-")


@pytest.mark.parametrize(
    ("version", "release", "machine"),
    [
        ("10.6", "10.0.0", "x86_64"),
        ("10.15", "19.0.0", "x86_64"),
        ("11", "20.0.0", "arm64"),
        ("15", "24.0.0", "arm64"),
        ("26", "25.0.0", "arm64"),
    ],
)
def test_the_kernel_is_darwin(version: str, release: str, machine: str) -> None:
    names = macos(version).module("os").uname()
    assert (names.sysname, names.release, names.machine) == ("Darwin", release, machine)
    found = macos(version).module("platform").uname()
    assert found[:3] + found[4:5] == ("Darwin", names.nodename, release, machine)
    assert macos(version).module("platform").mac_ver() == (version, ("", "", ""), machine)


def test_files_are_this_machines_but_for_the_one_with_the_version(tmp_path: Path) -> None:
    path = macos().module("os").path
    assert path.exists("/System/Library/CoreServices/SystemVersion.plist")
    assert not path.exists("/System/Library/CoreServices")
    assert path.exists(tmp_path)
    assert path.join("a", "b") == "a/b"


@pytest.mark.parametrize("version", ["10.5", "9", "16", "", "10"])
def test_versions_that_there_are_not(version: str) -> None:
    for make in (macos, MacOSKqueueSelector):
        with pytest.raises(ValueError, match=f"^version: '{version}' is not a version of macOS that is known: 10.6, "):
            make(version)


def test_the_loop_is_cpythons_over_kqueue() -> None:
    loop = macos().new_event_loop()
    try:
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert type(loop).__module__ == "asyncio.unix_events"
        assert not isinstance(loop, asyncio.SelectorEventLoop), "that is the process's own class"
    finally:
        loop.close()


def test_the_selector_is_cpythons_default() -> None:
    module = macos().module("selectors")
    assert module.DefaultSelector is module.KqueueSelector
    assert not hasattr(module, "EpollSelector")
    with MacOSKqueueSelector() as selector:
        assert type(selector) is module.KqueueSelector
    assert not hasattr(selectors, "KqueueSelector")


def test_the_selector_serves_the_processs_own_loop(sockets: Sockets) -> None:
    here, there = sockets
    loop = asyncio.SelectorEventLoop(MacOSKqueueSelector())
    try:
        there.send(b"hello")
        assert loop.run_until_complete(loop.sock_recv(here, 10)) == b"hello"
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "pidfd_open"),
        ("os", "eventfd"),
        ("os", "memfd_create"),
        ("os", "P_PIDFD"),
        ("os", "sched_setaffinity"),
        ("os", "splice"),
        ("select", "epoll"),
        ("select", "EPOLLIN"),
        ("select", "POLLRDHUP"),
        ("socket", "SOCK_NONBLOCK"),
        ("socket", "SOCK_CLOEXEC"),
        ("socket", "AF_NETLINK"),
        ("socket", "TCP_QUICKACK"),
        ("signal", "SIGRTMIN"),
        ("signal", "pidfd_send_signal"),
        ("time", "CLOCK_BOOTTIME"),
    ],
)
def test_names_that_macos_lacks(module: str, name: str) -> None:
    assert not hasattr(macos().module(module), name)
    assert name not in dir(macos().module(module))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "fork"),
        ("os", "sendfile"),
        ("os", "posix_spawn"),
        ("os", "O_NONBLOCK"),
        ("os", "sched_get_priority_max"),
        ("select", "poll"),
        ("select", "kqueue"),
        ("socket", "AF_UNIX"),
        ("socket", "SO_REUSEPORT"),
        ("socket", "TCP_NODELAY"),
        ("signal", "SIGCHLD"),
        ("signal", "set_wakeup_fd"),
        ("time", "clock_gettime"),
    ],
)
def test_names_that_macos_has(module: str, name: str) -> None:
    assert hasattr(macos().module(module), name)
    assert name in dir(macos().module(module))


def test_constants_of_macos() -> None:
    assert macos().module("sys").platform == "darwin"
    assert macos().module("select").PIPE_BUF == 512


def test_nothing_else_changes() -> None:
    before = sys.platform, os.read, asyncio.events.AbstractEventLoop
    macos().new_event_loop().close()
    assert (sys.platform, os.read, asyncio.events.AbstractEventLoop) == before


def test_a_pipe_without_a_name_has_no_links(pipe: Pipe, tmp_path: Path, opened: Callable[[int], int]) -> None:
    fstat = macos().module("os").fstat
    real = os.fstat(pipe[0])
    found = fstat(pipe[0])
    assert (found.st_nlink, found.st_dev, found[2], found[3]) == (0, 0, 0, 0)
    assert (found.st_mode, found.st_ino, found.st_size) == (real.st_mode, real.st_ino, real.st_size)
    assert (found.st_mtime, found.st_mtime_ns, found.st_blksize) == (real.st_mtime, real.st_mtime_ns, real.st_blksize)
    os.mkfifo(tmp_path / "fifo")
    assert fstat(opened(os.open(tmp_path / "fifo", os.O_RDWR))).st_nlink == 1


# --- poll ---------------------------------------------------------------------------------------------------


def test_poll_does_not_know_devices(opened: Callable[[int], int], pipe: Pipe) -> None:
    select = macos().module("select")
    device = opened(os.open(os.devnull, os.O_RDWR))
    poll = select.poll()
    poll.register(device, select.POLLIN)
    poll.register(pipe[0], select.POLLIN)
    assert poll.poll() == [(device, select.POLLNVAL)]
    os.write(pipe[1], b"x")
    assert sorted(poll.poll()) == sorted([(device, select.POLLNVAL), (pipe[0], select.POLLIN)])
    poll.unregister(device)
    assert poll.poll() == [(pipe[0], select.POLLIN)]


def test_the_selector_over_poll_is_cpythons(sockets: Sockets) -> None:
    here, there = sockets
    selectors = macos().module("selectors")
    with selectors.PollSelector() as selector:
        selector.register(here, selectors.EVENT_READ)
        assert selector.select(0) == []
        there.send(b"hello")
        assert [key.fileobj for key, _ in selector.select(PATIENCE)] == [here]


def test_a_program_is_talked_to_by_way_of_poll() -> None:
    subprocess = macos().module("subprocess")
    ended = subprocess.run(["cat"], input=b"hello", capture_output=True, timeout=PATIENCE, check=True)
    assert (ended.stdout, ended.stderr) == (b"hello", b"")


def test_poll_of_old_versions_does_not_know_terminals(opened: Callable[[int], int]) -> None:
    master, _ = (opened(fd) for fd in pty.openpty())
    for version, expected in (("10.8", "POLLNVAL"), ("15", "POLLOUT")):
        select = macos(version).module("select")
        poll = select.poll()
        poll.register(master, select.POLLOUT)
        assert poll.poll() == [(master, getattr(select, expected))]


def test_poll_of_a_fifo_is_not_emulated(tmp_path: Path, opened: Callable[[int], int]) -> None:
    os.mkfifo(tmp_path / "fifo")
    fd = opened(os.open(tmp_path / "fifo", os.O_RDWR))
    with pytest.raises(NotImplementedError, match=r"select\.poll of a FIFO with a name is not emulated"):
        macos().module("select").poll().register(fd)


# --- asyncio ------------------------------------------------------------------------------------------------


def test_streams() -> None:
    async def main() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(bytes(300_000))
            writer.write_eof()
            assert len(await reader.read()) == 300_000
            writer.close()

    run(main)


def test_unix_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), greet)

        server = await loop.create_unix_server(protocol, "s")
        async with server:
            reader = asyncio.StreamReader()
            transport, _ = await loop.create_unix_connection(lambda: asyncio.StreamReaderProtocol(reader), "s")
            assert await reader.read() == b"hello"
            transport.close()

    run(main)


class Watching(asyncio.Protocol):
    """Remembers what a transport tells."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def test_pipes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        reader, protocol = await loop.connect_read_pipe(Watching, open(reading, "rb", 0))  # noqa: ASYNC230, PTH123, SIM115
        writer, _ = await loop.connect_write_pipe(Watching, open(writing, "wb", 0))  # noqa: ASYNC230, PTH123, SIM115
        writer.write(b"x" * 200_000)
        writer.write_eof()
        assert await protocol.lost is None
        assert len(protocol.data) == 200_000
        reader.close()

    run(main)


def test_the_write_end_of_a_pipe_notices_that_its_reader_is_gone() -> None:
    async def main() -> None:
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        _, protocol = await loop.connect_write_pipe(Watching, open(writing, "wb", 0))  # noqa: ASYNC230, PTH123, SIM115
        os.close(reading)
        await protocol.lost

    run(main)


def test_a_terminal_ends_as_a_file_does() -> None:
    async def main() -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        loop = asyncio.get_running_loop()
        loop.set_debug(True)  # in which the loop tells of EIO, which Linux has instead
        reader, protocol = await loop.connect_read_pipe(Watching, open(master, "rb", 0))  # noqa: ASYNC230, PTH123, SIM115
        os.write(slave, b"hello")
        os.close(slave)
        assert await protocol.lost is None
        assert protocol.data == b"hello"
        reader.close()

    run(main)


@pytest.mark.parametrize("version", WITHOUT_TERMINALS)
def test_old_versions_cannot_watch_a_terminal(version: str, opened: Callable[[int], int]) -> None:
    master, _ = (opened(fd) for fd in pty.openpty())
    loop = macos(version).new_event_loop()
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            loop.add_reader(master, print)
        assert not loop.remove_reader(master)
    finally:
        loop.close()


def test_signals() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, got.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await got.wait()
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main)


def test_subprocesses_are_waited_for_in_threads() -> None:
    threads: list[str] = []

    async def main() -> None:
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=-1, stdout=-1)
        threads.extend(thread.name for thread in threading.enumerate())
        output, _ = await process.communicate(b"hello")
        assert output == b"hello"
        assert process.returncode == 0

    run(main)
    assert [name for name in threads if "waitpid" in name]


def test_subprocesses_that_do_not_exist() -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/does/not/exist")

    run(main)


def test_loops_of_several_versions_run_at_once() -> None:
    ran: list[str] = []

    async def main() -> None:
        await asyncio.gather(*(asyncio.sleep(0.001 * number) for number in range(20)))

    def work(version: str) -> None:
        run(main, version)
        ran.append(version)

    threads = [threading.Thread(target=work, args=[version]) for version in ("10.6", "10.8", "15", "15")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == ["10.6", "10.8", "15", "15"]
