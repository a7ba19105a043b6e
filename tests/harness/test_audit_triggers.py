"""What breaks programs elsewhere, each thing done once: the audit names the limit, the loops and the line.

The triggers are those of failures that users reported. Beside each stands what works everywhere, of which nothing is
said.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from everyloop.fake_selectors import limits
from everyloop.harness.audit import judging, recording
from everyloop.harness.audit.record import Record
from everyloop.harness.audit.recording import Recorder

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="the loops and descriptors of Linux"),
]

Program = Callable[[], Awaitable[None]]
Factory = Callable[[], asyncio.AbstractEventLoop]

PROACTOR, SELECTOR, KQUEUE, OLD = "windows-proactor", "windows-selector", "macos", "macos-10.8"


def uvloop() -> asyncio.AbstractEventLoop:
    made: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return made


both = pytest.mark.parametrize("factory", [asyncio.SelectorEventLoop, uvloop], ids=["asyncio", "uvloop"])


def recorded(program: Program, factory: Factory = asyncio.SelectorEventLoop) -> Record:
    async def main() -> None:
        await program()

    with Recorder() as recorder, asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    return recorder.record


def effects(record: Record) -> dict[tuple[str, str], judging.Finding]:
    """The findings by loop and limit, of this Python or of any."""
    return {
        (judged.target.name, finding.limit.id): finding
        for judged in judging.judgements(record)
        for finding in judged.findings
    }


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    with one, other:
        yield one, other


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def watch(fd: int | socket.socket) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, print)
    loop.remove_reader(fd)


async def watches_socket() -> None:
    with pair() as (one, _):
        watch(one)


async def watches_pipe() -> None:
    with pipe() as (reading, _):
        watch(reading)


async def watches_fifo() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fifo")
        os.mkfifo(path)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            watch(fd)
        finally:
            os.close(fd)


async def watches_terminal() -> None:
    master, slave = os.openpty()
    try:
        watch(master)
    finally:
        os.close(master)
        os.close(slave)


async def watches_null() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    with contextlib.suppress(PermissionError):
        watch(null)
    os.close(null)


async def watches_file() -> None:
    with tempfile.TemporaryFile() as file, contextlib.suppress(PermissionError):
        watch(file.fileno())


async def starts_process() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()


async def handles_signals() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.remove_signal_handler(signal.SIGTERM)


async def handles_signals_otherwise() -> None:
    signal.signal(signal.SIGTERM, signal.signal(signal.SIGTERM, signal.SIG_IGN))


async def handles_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))


async def watches_many_sockets() -> None:
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        found = [sock for _ in range(280) for sock in stack.enter_context(pair())]
        for sock in found:
            loop.add_reader(sock, print)
        for sock in found:
            loop.remove_reader(sock)


async def watches_some_sockets() -> None:
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            one, _ = stack.enter_context(pair())
            loop.add_reader(one, print)
            loop.remove_reader(one)


class Accepting:
    """A server that can wait until it has accepted so many connections and all are closed again."""

    def __init__(self) -> None:
        self._lost = asyncio.Semaphore(0)

    async def start(self) -> tuple[str, int]:
        lost = self._lost

        class Accepted(asyncio.Protocol):
            def connection_lost(self, _: Exception | None) -> None:
                lost.release()

        self._server = await asyncio.get_running_loop().create_server(Accepted, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return host, port

    async def ended(self, number: int) -> None:
        for _ in range(number):
            await asyncio.wait_for(self._lost.acquire(), 60)
        self._server.close()


async def has_connections(number: int) -> None:
    accepting = Accepting()
    address = await accepting.start()
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(asyncio.Protocol, *address) for _ in range(number)]
    for transport, _ in made:
        transport.close()
    await accepting.ended(number)


async def sleeps_shortly() -> None:
    await asyncio.sleep(0.001)


async def sleeps_shortly_together() -> None:
    await asyncio.gather(asyncio.sleep(0.001), asyncio.sleep(0.002))


async def sleeps_longer() -> None:
    await asyncio.sleep(0.02)


async def reads_standard_input() -> None:
    with pipe() as (reading, _), open(os.dup(reading), "rb") as file:  # noqa: PTH123, ASYNC230 - as sys.stdin is
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, file)
        transport.close()
        await asyncio.sleep(0.02)


async def shares_port() -> None:
    server = await asyncio.start_server(print, "127.0.0.1", 0, reuse_port=True)
    server.close()


async def serves() -> None:
    server = await asyncio.start_server(print, "127.0.0.1", 0)
    server.close()


def make_script(folder: str) -> None:
    script = Path(folder, "npm")
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)


async def starts_script_by_name() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_script(folder)
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"
        try:
            process = await asyncio.create_subprocess_exec("npm", "--version")
            await process.wait()
        finally:
            os.environ["PATH"] = path


async def sends_interrupt() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    process.send_signal(signal.SIGINT)
    await process.wait()


async def terminates() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    process.terminate()
    await process.wait()


async def has_preexec_fn() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", preexec_fn=os.getpid)
    await process.wait()


async def passes_descriptors() -> None:
    with pipe() as (_, writing):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", pass_fds=[writing])
        await process.wait()


async def serves_unix() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.start_unix_server(print, str(Path(folder, "socket")))
        server.close()


async def serves_at_long_path() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x" * (105 - len(folder) - 1))
        server = await asyncio.start_unix_server(print, str(path))
        server.close()


async def connects_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("localhost", server.getsockname()[1]))


async def connects_by_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, server.getsockname())


async def sends_long_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            await asyncio.get_running_loop().sock_sendto(sender, b"x" * 9217, receiver.getsockname())


async def sends_unix_datagrams() -> None:
    with tempfile.TemporaryDirectory() as folder:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=str(Path(folder, "socket")), family=socket.AF_UNIX
        )
        transport.close()


BREAKING: dict[str, tuple[Program, Program | None, dict[str, str]]] = {
    # What was reported, what triggers it, what works everywhere, and the limit that is named for each loop.
    "W-READER-PROACTOR": (watches_socket, serves, {PROACTOR: "windows-proactor-readers"}),
    "W-SELECT-NONSOCK pipe": (watches_pipe, watches_socket, {SELECTOR: "windows-selector-sockets-only"}),
    "W-SELECT-NONSOCK fifo": (watches_fifo, watches_socket, {SELECTOR: "windows-selector-sockets-only"}),
    "terminal": (
        watches_terminal,
        watches_socket,
        {SELECTOR: "windows-selector-sockets-only", OLD: "macos-10.8-character-devices"},
    ),
    "P-EPOLL-EPERM null": (
        watches_null,
        watches_socket,
        {"asyncio-epoll": "linux-epoll-devices", KQUEUE: "macos-devices", OLD: "macos-10.8-character-devices"},
    ),
    "P-EPOLL-EPERM file": (watches_file, watches_socket, {"asyncio-epoll": "files-epoll"}),
    "W-SUBPROC-SELECTOR": (starts_process, serves, {SELECTOR: "windows-selector-subprocesses"}),
    "W-SIGNAL": (
        handles_signals,
        handles_signals_otherwise,
        {PROACTOR: "windows-signal-handlers", SELECTOR: "windows-signal-handlers"},
    ),
    "W-SIGNAL no SIGHUP": (handles_hangup, handles_signals_otherwise, {PROACTOR: "windows-signals"}),
    "W-SELECT-512": (watches_many_sockets, watches_some_sockets, {SELECTOR: "windows-selector-512-sockets"}),
    "W-STDIN-PIPE": (
        reads_standard_input,
        serves,
        {PROACTOR: "windows-proactor-overlapped-pipes", SELECTOR: "windows-selector-pipes"},
    ),
    "W-REUSEPORT": (shares_port, serves, {PROACTOR: "windows-reuse-port", SELECTOR: "windows-reuse-port"}),
    "W-SEND-SIGNAL": (sends_interrupt, terminates, {PROACTOR: "windows-proactor-process-signals"}),
    "W-POPEN-ARGS preexec_fn": (has_preexec_fn, starts_process, {PROACTOR: "windows-proactor-process-options"}),
    "W-POPEN-ARGS pass_fds": (passes_descriptors, starts_process, {PROACTOR: "windows-proactor-process-options"}),
    "Unix sockets": (serves_unix, serves, {PROACTOR: "windows-unix-sockets", SELECTOR: "windows-unix-sockets"}),
    "long path": (serves_at_long_path, serves_unix, {KQUEUE: "macos-unix-path"}),
    "names of hosts": (connects_by_name, connects_by_number, {PROACTOR: "windows-proactor-numeric-addresses"}),
    "M-UDP-SIZE": (sends_long_datagram, None, {KQUEUE: "macos-datagram-size"}),
}
OTHERWISE: dict[str, tuple[Program, Program | None, dict[str, str], judging.Effect]] = {
    "W-NPM-CMD": (starts_script_by_name, starts_process, {PROACTOR: "windows-proactor-commands"}, "unknown"),
    "W-TIMER-15MS": (sleeps_shortly, sleeps_longer, {PROACTOR: "windows-clock", SELECTOR: "windows-waits"}, "differs"),
    "M-UDP-SIZE Unix": (sends_unix_datagrams, serves, {KQUEUE: "macos-unix-datagrams"}, "unknown"),
    "M-NODELAY": (serves, watches_socket, {KQUEUE: "accepted-delay", PROACTOR: "accepted-delay"}, "differs"),
    "W-ERRNO-CLASS": (serves, watches_socket, {PROACTOR: "windows-connection-errors"}, "differs"),
}
ALL = {name: (*row, "breaks") for name, row in BREAKING.items()} | OTHERWISE


@both
@pytest.mark.parametrize(("trigger", "portable", "expected", "effect"), ALL.values(), ids=ALL)
def test_trigger(
    factory: Factory, trigger: Program, portable: Program | None, expected: dict[str, str], effect: str
) -> None:
    if trigger in {sends_long_datagram, sends_unix_datagrams} and factory is uvloop:
        pytest.skip("uvloop has no sock_sendto(), and no datagrams of Unix sockets by path")
    found = effects(recorded(trigger, factory))
    for loop, limit in expected.items():
        finding = found[loop, limit]
        assert finding.effect == effect
        assert {site.file for site in finding.sites} == {__file__}
        assert {site.function for site in finding.sites} <= {trigger.__name__, "watch"}
    if portable is not None:
        otherwise = effects(recorded(portable, factory))
        assert otherwise.keys().isdisjoint(expected.items())


def test_every_limit_is_seen_or_known_not_to_be() -> None:
    """So that a row that is added is thought of: it is shown here or below, or no audit can see it."""
    shown = {limit for _, _, expected, _ in ALL.values() for limit in expected.values()}
    unseen = {limit.id for limit in judging.unseen()}
    assert not shown & unseen
    assert unseen == {
        "windows-child-watchers",
        "windows-default-proactor",
        "windows-default-selector",
        "windows-proactor-bytearrays",
        "windows-proactor-repeated-pauses",
        "windows-proactor-wakeup-fd",
        "windows-selector-signals-wait",
    }
    assert {limit.id for limit in limits.LIMITS} - shown - unseen == {
        *("files-kqueue", "files-select-poll", "pipes-not-files", "signals-main-thread"),
        *("linux-child-threads", "linux-select-1024", "linux-unix-path"),
        *("macos-child-threads", "macos-open-files", "macos-poll-devices", "macos-select-1024"),
        *("windows-proactor-datagram-close", "windows-proactor-datagram-deafness", "windows-proactor-datagrams"),
        *("windows-proactor-inherited-stderr", "windows-proactor-long-datagram-errno"),
        *("windows-proactor-one-loop-a-socket", "windows-proactor-refused-errno", "windows-proactor-wrapped-ports"),
        *("windows-selector-sendfile", "windows-selector-udp-reset"),
    }


@both
def test_one_process_needs_what_no_loop_of_windows_has_both_of(factory: Factory) -> None:
    async def program() -> None:
        await watches_socket()
        await starts_process()

    (windows,) = (one for one in judging.conclusions(recorded(program, factory)) if one.system == "Windows")
    assert windows.loops == windows.perhaps == ()
    assert windows.sentence == (
        "needs add_reader() and subprocess_exec(): no loop of the standard library on Windows has both"
    )


@both
def test_a_socket_of_another_loop(factory: Factory) -> None:
    with pair() as (one, other), Recorder() as recorder:
        for _ in range(2):
            with asyncio.Runner(loop_factory=factory) as runner:

                async def program() -> None:
                    loop = asyncio.get_running_loop()
                    await loop.sock_sendall(one, b"x")
                    assert await loop.sock_recv(other, 1) == b"x"

                runner.run(program())
    finding = effects(recorder.record)[PROACTOR, "windows-proactor-one-loop-a-socket"]
    assert finding.effect == "breaks"
    assert len(finding.sites) == 2


def test_signals_in_another_thread() -> None:
    def run() -> None:
        with contextlib.suppress(RuntimeError):
            asyncio.run(handles_signals())

    with Recorder() as recorder:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    found = effects(recorder.record)
    assert found["asyncio-epoll", "signals-main-thread"].effect == "breaks"


def test_connections_of_a_loop_in_c_are_counted() -> None:
    record = recorded(functools.partial(has_connections, 300), uvloop)
    # Both ends of each, and the one that listens; within a tenth.
    assert 540 <= (record.extreme("sockets-at-once") or 0) <= 620
    assert (SELECTOR, "windows-selector-512-sockets") in effects(record)


def test_connections_are_counted() -> None:
    # As above, exactly: but when the last is connected, it may not yet be accepted.
    assert 20 <= (recorded(functools.partial(has_connections, 10)).extreme("sockets-at-once") or 0) <= 21


def test_high_descriptors() -> None:
    import fcntl

    async def program() -> None:
        with pair() as (one, _), socket.socket(fileno=fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 1024)) as high:
            watch(high)

    found = effects(recorded(program))
    assert found["linux-select", "linux-select-1024"].effect == "breaks"
    assert found["macos-select", "macos-select-1024"].effect == "breaks"
    assert found["macos", "macos-open-files"].effect == "unknown"
    assert ("asyncio-epoll", "linux-select-1024") not in found


def test_python_decides_about_the_clock() -> None:
    judged = [one for one in judging.judgements(recorded(sleeps_shortly)) if one.target.name == PROACTOR]
    old, new = judged
    assert (old.pythons, new.pythons) == (((3, 11), (3, 12)), ((3, 13), (3, 15)))
    assert {finding.limit.id for finding in old.findings} == {"windows-clock", "windows-waits"}
    assert {finding.limit.id for finding in new.findings} == {"windows-waits"}


@both
def test_the_line_of_coroutines_that_asyncio_runs_as_tasks(factory: Factory) -> None:
    async def program() -> None:
        accepting = Accepting()
        address = await accepting.start()
        streams = await asyncio.gather(asyncio.open_connection(*address), asyncio.open_connection(*address))
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()
        await accepting.ended(2)

    record = recorded(program, factory)
    (use,) = (use for use in record.uses if use.call == "create_connection")
    assert use.site.function.endswith("<locals>.program")
    assert record.uses[use] == 2


@both
def test_nothing_is_recorded_twice(factory: Factory) -> None:
    async def program() -> None:
        with pair() as (one, _):
            watch(one)
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, int).cancel()
        loop.call_at(loop.time() + 0.001, int).cancel()
        process = await asyncio.create_subprocess_shell("exec sleep 60", stdout=subprocess.DEVNULL)
        process.send_signal(signal.SIGTERM)
        await process.wait()
        accepting = Accepting()
        _, writer = await asyncio.open_connection(*await accepting.start())
        writer.close()
        await accepting.ended(1)
        await asyncio.to_thread(int)

    record = recorded(program, factory)
    assert {use.call: count for use, count in record.uses.items()} == dict.fromkeys(
        [
            *("add_reader", "remove_reader", "call_later", "call_at", "subprocess_shell", "Process.send_signal"),
            *("create_server", "create_connection", "run_in_executor"),
        ],
        1,
    )


def test_what_one_line_does_is_told_apart() -> None:
    async def program() -> None:
        with pair() as (one, _), pipe() as (reading, _):
            for fd in (one, reading, one.fileno()):
                watch(fd)

    record = recorded(program)
    found = {use.circumstances: count for use, count in record.uses.items() if use.call == "add_reader"}
    assert found == {("socket",): 2, ("pipe",): 1}


def test_code_that_is_made_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_MANY", 10)

    async def program() -> None:
        names = {"loop": asyncio.get_running_loop()}
        for number in range(35):
            await eval(compile("loop.run_in_executor(None, int)", f"{number % 2}.py", "eval"), names)

    record = recorded(program)
    found = {use.site.file: count for use, count in record.uses.items() if use.call == "run_in_executor"}
    assert found == {"0.py": 18, "1.py": 17}
    # The runner waits for the thread with a time-out, and the line that starts it is of this file.
    assert {use.site.file for use in record.uses} <= {"0.py", "1.py", __file__}


@both
def test_a_loop_is_not_kept(factory: Factory) -> None:
    with Recorder() as recorder:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(watches_socket())
            loop = weakref.ref(runner.get_loop())
        del runner
        gc.collect()
        assert loop() is None
    assert recorder.record.extreme("highest-descriptor")


class Extended(asyncio.SelectorEventLoop):
    """A loop that extends a method, as those of libraries do."""

    async def create_server(self, *arguments: object, **options: object) -> asyncio.Server:
        return await super().create_server(*arguments, **options)  # type: ignore[call-overload, no-any-return]


def test_a_method_that_is_extended_is_recorded_once() -> None:
    record = recorded(serves, Extended)
    ((use, count),) = record.uses.items()
    assert (use.call, use.site.function, count) == ("create_server", "serves", 1)


def test_a_class_that_is_made_meanwhile() -> None:
    with Recorder() as recorder:

        class Late(Extended):
            def add_reader(self, fd: Any, callback: Callable[..., object], *given: Any) -> None:  # type: ignore[override]
                super().add_reader(fd, callback, *given)

        async def program() -> None:
            await watches_socket()

        with asyncio.Runner(loop_factory=Late) as runner:
            runner.run(program())
    assert sum(count for use, count in recorder.record.uses.items() if use.call == "add_reader") == 1


@both
def test_everything_is_put_back(factory: Factory) -> None:
    factory().close()  # what importing it adds
    kinds = {asyncio.AbstractEventLoop}
    while more := {child for kind in kinds for child in kind.__subclasses__()} - kinds:
        kinds |= more
    owners = [*kinds, asyncio.subprocess.Process, signal]
    before = [dict(vars(owner)) for owner in owners]
    with Recorder():
        assert signal.signal is not before[-1]["signal"]
    after = [dict(vars(owner)) for owner in owners]
    for was, is_now in zip(before, after, strict=True):
        assert {name: value for name, value in is_now.items() if name in was} == was
        assert is_now.keys() - was.keys() <= {"__abstractmethods__", "_abc_impl"}


def test_loops_look_as_before() -> None:
    before = asyncio.SelectorEventLoop.create_server
    with Recorder():
        now = asyncio.SelectorEventLoop.create_server
        assert now is not before
        assert now.__qualname__ == before.__qualname__
        assert inspect.signature(now) == inspect.signature(before)
        if sys.version_info >= (3, 12):
            assert inspect.iscoroutinefunction(now)
        with asyncio.Runner() as runner:
            assert type(runner.get_loop()) is asyncio.SelectorEventLoop
            names = {*vars(runner.get_loop())}
    with asyncio.Runner() as runner:
        assert {*vars(runner.get_loop())} == names
