"""SUB: starting programs, talking to them through pipes, and learning how they ended.

What a child writes, the end of its pipes and its exit are all reported, in an order that makes sense, however
fast it is. Options mean what they mean for :class:`subprocess.Popen`. Nothing of a child outlives it: no
zombie, no descriptor.

Most children here are scripts for ``/bin/sh``, which starts in a millisecond. They end with their standard
input or by themselves, so that even a loop that loses one leaves nothing behind for long.
"""

# Standing still until a child is dead is what several cases are about.
# ruff: noqa: ASYNC110, ASYNC220, ASYNC221, ASYNC222

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import pytest

from .declare import shows
from .descriptors import open_descriptors
from .gates import POSIX, ROOT, WAITID, Gate
from .peers import PATIENCE, InThread, receive_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

    from .subject import LoopFactory, Observe, Run

T = TypeVar("T")
# What not every system has, untyped: the cases that use it are gated.
_posix: Any = os
_signals: Any = signal
Command = tuple[str, ...]
SocketPair = tuple[socket.socket, socket.socket]

DEV_FD = Gate(
    "dev-fd", "needs /dev/fd, a directory of the open descriptors", Path("/dev/fd").is_dir, never_on=("win32",)
)


def sh(script: str) -> Command:
    """Make a command of a script for the POSIX shell."""
    return "/bin/sh", "-c", script


def child(script: str, python: str) -> Command:
    """Make a command for every platform: of a script, or where there is no shell of the same in Python."""
    return sh(script) if os.name == "posix" else (sys.executable, "-c", python)


CAT = child("exec cat", "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)")
SLEEP = child("exec sleep 30", "import time; time.sleep(30)")
OUT_AND_ERR = child("printf out; printf err >&2", "import sys; sys.stdout.write('out'); sys.stderr.write('err')")
OUT_AND_ERR_ON_GO = child(
    "read go; printf out; printf err >&2",
    "import sys; sys.stdin.read(); sys.stdout.write('out'); sys.stderr.write('err')",
)


def exits_with(code: int) -> Command:
    """Make a command that does nothing but exit."""
    return child(f"exit {code}", f"raise SystemExit({code})")


@contextlib.asynccontextmanager
async def started(creation: Awaitable[Process]) -> AsyncIterator[Process]:
    """Hold a child that was just created; it is dead and its pipes are closed at the end of the block."""
    process = await creation
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.communicate(), PATIENCE)


def running(*command: Any, **options: Any) -> contextlib.AbstractAsyncContextManager[Process]:
    """Run a program for the length of the block."""
    return started(asyncio.create_subprocess_exec(*command, **options))


def running_shell(command: Any, **options: Any) -> contextlib.AbstractAsyncContextManager[Process]:
    """Run a shell command for the length of the block."""
    return started(asyncio.create_subprocess_shell(command, **options))


async def output_of(*command: Any, **options: Any) -> bytes:
    """Run a program to its successful end and return what it wrote."""
    async with running(*command, **{"stdin": DEVNULL, "stdout": PIPE, **options}) as process:
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output


async def everything_from(process: Process, data: bytes | None = None) -> tuple[bytes | None, bytes | None]:
    """Feed a child and return its output and errors, None for a stream that is no pipe."""
    return await process.communicate(data)


class Recorder(asyncio.SubprocessProtocol):
    """Notes what it is told of a child, in order; data by descriptor."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received = {1: b"", 2: b""}
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002
        self.events.append("connection_made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.events.append(f"pipe_data_received {fd}")
        self.received[fd] += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self.events.append(f"pipe_connection_lost {fd}")

    def process_exited(self) -> None:
        self.events.append("process_exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("connection_lost")
        self.ended.set_result(exc)


@contextlib.asynccontextmanager
async def recorded(*command: str, **options: Any) -> AsyncIterator[tuple[asyncio.SubprocessTransport, Recorder]]:
    """Run a program with the loop's own method; its streams are DEVNULL unless the options say otherwise."""
    loop = asyncio.get_running_loop()
    silent = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL}
    transport, recorder = await loop.subprocess_exec(Recorder, *command, **{**silent, **options})
    try:
        yield transport, recorder
    finally:
        transport.close()
        await asyncio.wait([recorder.ended], timeout=PATIENCE)


def pipe_of(transport: asyncio.SubprocessTransport, descriptor: int) -> Any:
    """Return the transport of one of a child's pipes."""
    pipe = transport.get_pipe_transport(descriptor)
    assert pipe is not None, f"no transport for descriptor {descriptor}"
    return pipe


async def eventually(true: Callable[[], bool], claim: str, patience: float = PATIENCE) -> None:
    """Let the loop run until something is true; fail with the claim if it takes too long."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, claim
        await asyncio.sleep(0.001)


def block_until_dead(pid: int) -> None:
    """Block the whole loop until a child is dead, without reaping it."""
    with contextlib.suppress(ChildProcessError):  # a thread of the loop was faster
        _posix.waitid(_posix.P_PID, pid, _posix.WEXITED | _posix.WNOWAIT)


def exists(pid: int) -> bool:
    """Say whether there is such a process, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def has_no_children() -> bool:
    """Say whether this process has no child, not even a zombie."""
    try:
        _posix.waitid(_posix.P_ALL, 0, _posix.WEXITED | _posix.WNOHANG | _posix.WNOWAIT)
    except ChildProcessError:
        return True
    return False


CHILDLESS = Gate(
    "childless",
    "needs os.waitid() and a process without children of its own",
    lambda: WAITID.holds() and has_no_children(),
    never_on=("win32",),
)


def of_length(size: int) -> bytes:
    """Make that many bytes, no two neighbouring blocks of which are equal."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# SUB-01: the basics


@shows("SUB-01")
@pytest.mark.parametrize("code", [0, 1, 7, 255])
async def exit_code_becomes_returncode(code: int) -> None:
    async with running(*exits_with(code)) as process:
        assert await process.wait() == code
        assert process.returncode == code


@shows("SUB-01")
async def returncode_is_none_while_child_runs() -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL) as process:
        assert process.returncode is None


@shows("SUB-01", POSIX)
async def death_by_signal_becomes_negative_returncode() -> None:
    async with running(*sh("kill -TERM $$")) as process:
        assert await process.wait() == -signal.SIGTERM


@shows("SUB-01")
async def shell_command_is_run_by_shell() -> None:
    async with running_shell("exit 3 && exit 4") as process:
        assert await process.wait() == 3


@shows("SUB-01", POSIX)
@pytest.mark.parametrize("command", ["echo $((6 * 7)) | cat", b"echo $((6 * 7)) | cat"], ids=["str", "bytes"])
async def shell_command_may_be_text_or_bytes(command: str | bytes) -> None:
    async with running_shell(command, stdout=PIPE) as process:
        assert await everything_from(process) == (b"42\n", None)


@shows("SUB-01")
async def child_reads_what_is_written_to_stdin() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"some ")
        await process.stdin.drain()
        process.stdin.write(b"data")
        process.stdin.close()
        assert await process.stdout.read() == b"some data"
        assert await process.wait() == 0


@shows("SUB-01")
async def dialogue_with_child_goes_back_and_forth() -> None:
    script = 'while read -r line; do echo "<$line>"; done'
    python = "import sys\nfor line in sys.stdin: print(f'<{line.strip()}>', flush=True)"
    async with running(*child(script, python), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for word in (b"one", b"two", b"three"):
            process.stdin.write(word + b"\n")
            assert (await process.stdout.readline()).strip() == b"<" + word + b">"


@shows("SUB-01")
async def communicate_feeds_and_collects() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert await everything_from(process, b"some data") == (b"some data", None)
        assert process.returncode == 0


@shows("SUB-01")
async def communicate_keeps_output_and_errors_apart() -> None:
    async with running(*OUT_AND_ERR, stdout=PIPE, stderr=PIPE) as process:
        assert await everything_from(process) == (b"out", b"err")


@shows("SUB-01")
async def communicate_without_pipes_only_waits() -> None:
    async with running(*exits_with(5)) as process:
        assert await everything_from(process) == (None, None)
        assert process.returncode == 5


@shows("SUB-34")
async def no_input_is_end_of_input() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert await asyncio.wait_for(everything_from(process), PATIENCE) == (b"", None)
        assert process.returncode == 0


@shows("SUB-01")
async def empty_input_is_end_of_input() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert await everything_from(process, b"") == (b"", None)


@shows("SUB-01", POSIX)
async def arguments_are_not_interpreted() -> None:
    arguments = ["", " two words ", '"quoted"', "it's", "$HOME", "*", "a\\b\\", "new\nline", "--", "snö ☃"]
    output = await output_of(*sh(r'printf "%s\0" "$@"'), "argv-0", *arguments)
    assert output.split(b"\0")[:-1] == [os.fsencode(argument) for argument in arguments]


@shows("SUB-01", POSIX)
@pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "path"])
async def program_may_be_given_as(kind: Callable[[str], object]) -> None:
    assert await output_of(kind("/bin/sh"), "-c", "echo ran") == b"ran\n"


@shows("SUB-01", POSIX)
@pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "path"])
async def argument_may_be_given_as(kind: Callable[[str], object]) -> None:
    assert await output_of(*sh('echo "$1"'), "argv-0", kind("value")) == b"value\n"


@shows("SUB-01", POSIX)
async def program_without_slash_is_looked_up_in_path() -> None:
    assert await output_of("sh", "-c", "echo ran") == b"ran\n"


@shows("SUB-01")
async def many_children_run_at_once() -> None:
    async def talk(number: int) -> bytes:
        async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
            output, _ = await process.communicate(b"%d" % number)
            return output

    assert await asyncio.gather(*map(talk, range(10))) == [b"%d" % number for number in range(10)]


# SUB-02: what a protocol is told


@shows("SUB-02")
async def loop_methods_make_three_pipes_by_default() -> None:
    loop = asyncio.get_running_loop()
    transport, recorder = await loop.subprocess_exec(Recorder, *CAT)
    pipes = [transport.get_pipe_transport(descriptor) for descriptor in (0, 1, 2)]
    transport.close()
    await recorder.ended
    assert None not in pipes


@shows("SUB-02")
async def loop_runs_shell_command_for_protocol() -> None:
    loop = asyncio.get_running_loop()
    transport, recorder = await loop.subprocess_shell(Recorder, "echo ran", stdin=DEVNULL, stderr=DEVNULL)
    await recorder.ended
    transport.close()
    assert recorder.received[1].split() == [b"ran"]


@shows("SUB-02")
async def connection_is_made_before_creation_returns() -> None:
    async with recorded(*CAT, stdin=PIPE) as (_, recorder):
        assert recorder.events == ["connection_made"]


@contextlib.asynccontextmanager
async def whole_life() -> AsyncIterator[Recorder]:
    """Give the record of a child that wrote and exited, but not before the loop had set up everything."""
    async with recorded(*OUT_AND_ERR_ON_GO, stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, recorder):
        pipe_of(transport, 0).close()
        await recorder.ended
        await asyncio.sleep(0)  # for events that come too late
        yield recorder


@shows("SUB-02")
async def protocol_hears_every_event_once() -> None:
    async with whole_life() as recorder:
        # Both writes are smaller than any buffer: each arrives in one piece.
        assert Counter(recorder.events) == {
            "connection_made": 1,
            "pipe_connection_lost 0": 1,
            "pipe_data_received 1": 1,
            "pipe_data_received 2": 1,
            "pipe_connection_lost 1": 1,
            "pipe_connection_lost 2": 1,
            "process_exited": 1,
            "connection_lost": 1,
        }


@shows("SUB-02")
async def data_is_told_apart_by_descriptor() -> None:
    async with whole_life() as recorder:
        assert recorder.received == {1: b"out", 2: b"err"}


@shows("SUB-35")
async def data_come_as_bytes_of_a_descriptor() -> None:
    pieces: list[tuple[int, Any]] = []

    class Noting(Recorder):
        def pipe_data_received(self, fd: int, data: bytes) -> None:
            pieces.append((fd, data))

    transport, recorder = await asyncio.get_running_loop().subprocess_exec(Noting, *OUT_AND_ERR, stdin=DEVNULL)
    await asyncio.wait_for(recorder.ended, PATIENCE)
    transport.close()
    assert {(type(fd), type(data)) for fd, data in pieces} == {(int, bytes)}
    assert {fd for fd, _ in pieces} == {1, 2}
    assert b"" not in [data for _, data in pieces]


@shows("SUB-02")
async def connection_made_is_first() -> None:
    async with whole_life() as recorder:
        assert recorder.events[0] == "connection_made"


@shows("SUB-02")
@pytest.mark.parametrize("descriptor", [1, 2])
async def pipe_is_lost_after_its_data(descriptor: int) -> None:
    async with whole_life() as recorder:
        of_the_pipe = [event for event in recorder.events if event.endswith(str(descriptor))]
        assert of_the_pipe == [f"pipe_data_received {descriptor}", f"pipe_connection_lost {descriptor}"]


@shows("SUB-02")
async def connection_lost_is_last() -> None:
    async with whole_life() as recorder:
        assert recorder.events[-1] == "connection_lost"


@shows("SUB-02")
async def connection_of_finished_child_is_lost_without_error() -> None:
    async with recorded(*exits_with(3)) as (_, recorder):
        assert await recorder.ended is None


@shows("SUB-02")
async def returncode_is_known_when_exit_is_told() -> None:
    async with recorded(*CAT, stdin=PIPE) as (transport, recorder):
        known: list[int | None] = []
        recorder.process_exited = lambda: known.append(transport.get_returncode())  # type: ignore[method-assign]
        pipe_of(transport, 0).close()
        await recorder.ended
        assert known == [0]


@shows("SUB-02", POSIX)
async def pipe_can_be_lost_before_exit() -> None:
    script = "exec >&-; echo closed >&2; read go"
    async with recorded(*sh(script), stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, recorder):
        await eventually(lambda: recorder.received[2] == b"closed\n", "nothing came from stderr")
        # What the loop is to notice has happened by now.
        await eventually(lambda: "pipe_connection_lost 1" in recorder.events, "the end of stdout was not told", 1)
        assert "process_exited" not in recorder.events
        pipe_of(transport, 0).write(b"go\n")
        await recorder.ended


@shows("SUB-02", POSIX)
async def connection_lasts_as_long_as_grandchild_holds_pipe() -> None:
    # The shell gives background jobs no standard input of their own accord: it goes through descriptor 3.
    script = "exec 3<&0; cat <&3 & exit 0"
    async with recorded(*sh(script), stdin=PIPE, stdout=PIPE) as (transport, recorder):
        await eventually(lambda: "process_exited" in recorder.events, "the exit was not told")
        assert "connection_lost" not in recorder.events
        pipe_of(transport, 0).write(b"late")
        pipe_of(transport, 0).close()
        await recorder.ended
        assert recorder.received[1] == b"late"


@shows("SUB-02", POSIX)
async def end_of_stdin_is_told_when_parent_closes_it() -> None:
    async with recorded(*sh("exec cat"), stdin=PIPE) as (transport, recorder):
        pipe_of(transport, 0).close()
        await recorder.ended
        assert recorder.events.count("pipe_connection_lost 0") == 1


@shows("SUB-02", POSIX)
async def child_writing_to_closed_stdout_gets_broken_pipe() -> None:
    async with recorded(*sh("read go; echo text"), stdin=PIPE, stdout=PIPE) as (transport, recorder):
        pipe_of(transport, 1).close()
        await eventually(lambda: "pipe_connection_lost 1" in recorder.events, "stdout was not closed")
        pipe_of(transport, 0).write(b"go\n")
        await recorder.ended
        assert transport.get_returncode() == -_signals.SIGPIPE


# SUB-03: signals


@shows("SUB-03")
@pytest.mark.parametrize("how", ["kill", "terminate"])
async def child_is_ended_by(how: str, platform: str) -> None:
    async with running(*SLEEP) as process:
        getattr(process, how)()
        code = await process.wait()
        if platform != "win32":
            assert code == {"kill": -_signals.SIGKILL, "terminate": -signal.SIGTERM}[how]


@shows("SUB-03", POSIX)
async def kill_cannot_be_ignored() -> None:
    async with running(*sh("trap '' TERM; echo deaf; exec cat"), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"deaf\n"
        process.terminate()
        process.kill()
        assert await process.wait() == -_signals.SIGKILL


@shows("SUB-03", POSIX)
async def send_signal_reaches_handler_of_child() -> None:
    script = "trap 'echo caught; exit 9' USR1; echo ready; while read -r line; do :; done"
    async with running(*sh(script), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        process.send_signal(_signals.SIGUSR1)
        # Some shells run the trap only when the command that it interrupted is over.
        process.stdin.write(b"\n")
        assert await process.stdout.readline() == b"caught\n"
        assert await process.wait() == 9


@shows("SUB-03")
@pytest.mark.parametrize("how", ["kill", "terminate", "send_signal"])
async def signal_after_exit_is_harmless(how: str) -> None:
    arguments = [signal.SIGTERM] if how == "send_signal" else []
    async with running(*exits_with(3)) as process:
        await process.wait()
        # The standard library raises; saying nothing, as subprocess.Popen does, is as harmless.
        with contextlib.suppress(ProcessLookupError):
            getattr(process, how)(*arguments)
        assert process.returncode == 3


@shows("SUB-03", WAITID)
@pytest.mark.parametrize("how", ["kill", "terminate"])
async def signal_races_with_exit_harmlessly(how: str) -> None:
    """Send the signal when the child is dead but the loop had no chance to notice."""
    async with running(*exits_with(3)) as process:
        block_until_dead(process.pid)
        with contextlib.suppress(ProcessLookupError):
            getattr(process, how)()
        # Until 3.12.4 the standard library lost the exit code here (255): python/cpython#87744.
        lost = {255} if sys.version_info < (3, 12, 5) else set()
        assert await process.wait() in {3} | lost


# SUB-04: closing the transport


@shows("SUB-04")
async def close_kills_running_child(platform: str) -> None:
    async with recorded(*SLEEP) as (transport, recorder):
        transport.close()
        await recorder.ended
        if platform != "win32":
            assert transport.get_returncode() == -_signals.SIGKILL


@shows("SUB-04", POSIX)
async def close_closes_pipes_of_running_child() -> None:
    async with recorded(*SLEEP, stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, recorder):
        transport.close()
        await recorder.ended
        lost = {event for event in recorder.events if event.startswith("pipe_connection_lost")}
        assert lost == {f"pipe_connection_lost {descriptor}" for descriptor in (0, 1, 2)}


@shows("SUB-04")
async def close_of_running_child_still_tells_exit() -> None:
    async with recorded(*SLEEP) as (transport, recorder):
        transport.close()
        await recorder.ended
        assert recorder.events == ["connection_made", "process_exited", "connection_lost"]


@shows("SUB-04")
async def close_leaves_finished_child_alone() -> None:
    async with recorded(*exits_with(3)) as (transport, recorder):
        await recorder.ended
        transport.close()
        assert transport.get_returncode() == 3


@shows("SUB-04", WAITID)
async def close_leaves_child_alone_that_died_unnoticed() -> None:
    async with recorded(*exits_with(3)) as (transport, recorder):
        block_until_dead(transport.get_pid() or 0)
        transport.close()
        await recorder.ended
        # Where Popen.poll() was faster than the loop the code is lost: it is no signal's in any case.
        assert transport.get_returncode() in {3, 255}


@shows("SUB-04")
async def close_twice_is_harmless() -> None:
    async with recorded(*SLEEP) as (transport, recorder):
        transport.close()
        transport.close()
        await recorder.ended


@shows("SUB-04")
async def close_makes_transport_closing() -> None:
    async with recorded(*SLEEP) as (transport, _):
        before = transport.is_closing()
        transport.close()
        assert (before, transport.is_closing()) == (False, True)


# SUB-05: cancellation


@shows("SUB-05")
async def cancelled_wait_leaves_child_running() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        waiting = asyncio.ensure_future(process.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert await everything_from(process, b"still there") == (b"still there", None)


@shows("SUB-05")
async def wait_can_be_repeated_after_cancellation() -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL) as process:
        waiting = asyncio.ensure_future(process.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await process.communicate(b"")
        assert await process.wait() == 0


@shows("SUB-05")
async def cancelled_wait_does_not_disturb_another() -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL) as process:
        first, second = (asyncio.ensure_future(process.wait()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await process.communicate(b"")
        assert await second == 0
        assert first.cancelled()


@shows("SUB-05", POSIX)
@pytest.mark.parametrize("pipe", [None, PIPE], ids=["without-pipe", "with-pipe"])
async def cancelled_creation_leaves_no_child(pipe: int | None, socket_pair: SocketPair) -> None:
    theirs, ours = socket_pair
    creation = asyncio.ensure_future(
        asyncio.create_subprocess_exec(*sh("echo $$; exec sleep 30"), stdin=pipe, stdout=theirs.fileno())
    )
    # The child tells its pid while the loop stands still: its creation cannot be complete.
    await asyncio.sleep(0)
    while not select.select([ours], [], [], 0.2)[0]:
        await asyncio.sleep(0)
    pid = int(ours.recv(32))
    try:
        creation.cancel()
        await asyncio.wait([creation])
        if not creation.cancelled():  # it was complete after all
            creation.result().kill()
            await creation.result().wait()
        await eventually(lambda: not exists(pid), "the child is still there, or its zombie")
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, _signals.SIGKILL)
            os.waitpid(pid, 0)


@shows("SUB-33")
@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
async def cancelled_communicate_leaves_child_running(turns: int) -> None:
    async with running(*SLEEP, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        talking = asyncio.ensure_future(process.communicate(b"something"))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not talking.done()
        talking.cancel()
        await asyncio.wait({talking}, timeout=PATIENCE)
        assert talking.cancelled()
        assert process.returncode is None
        process.kill()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == process.returncode


# SUB-06: several waiters


@shows("SUB-06")
async def tasks_wait_together_for_exit() -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL) as process:
        waiting = asyncio.gather(*(process.wait() for _ in range(5)))
        await asyncio.sleep(0)
        await process.communicate(b"")
        assert await waiting == [0] * 5


@shows("SUB-06")
async def tasks_wait_after_exit() -> None:
    async with running(*exits_with(3)) as process:
        await process.wait()
        assert await asyncio.gather(*(process.wait() for _ in range(5))) == [3] * 5


# SUB-07: output that outlives the child


@shows("SUB-07", WAITID)
async def output_of_dead_child_is_read() -> None:
    """Nothing was read when the child died; 4096 bytes fit into the smallest pipe."""
    async with running(*sh("printf %4096s x"), stdout=PIPE) as process:
        assert process.stdout is not None
        block_until_dead(process.pid)
        assert await process.stdout.read() == b"x".rjust(4096)


@shows("SUB-07")
async def output_is_read_after_wait() -> None:
    async with running(*OUT_AND_ERR, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await process.wait()
        assert await process.stdout.read() == b"out"
        assert await process.stderr.read() == b"err"


@shows("SUB-07", POSIX)
async def output_is_read_bit_by_bit_after_exit(tmp_path: Path) -> None:
    content = of_length(300_000)
    (tmp_path / "content").write_bytes(content)
    async with running("cat", tmp_path / "content", stdout=PIPE) as process:
        assert process.stdout is not None
        received = bytearray()
        while data := await process.stdout.read(10_000):
            received += data
            await asyncio.sleep(0)
        assert received == content


# SUB-08: what a loop's pipes cannot be


@shows("SUB-08")
@pytest.mark.parametrize(
    "option",
    [
        {"text": True},
        {"universal_newlines": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
        {"bufsize": 4096},
    ],
    ids=lambda option: next(iter(option)),
)
@pytest.mark.parametrize("how", ["exec", "shell"])
async def pipes_of_text_are_refused(how: str, option: dict[str, Any]) -> None:
    creation = running(*exits_with(0), **option) if how == "exec" else running_shell("exit 0", **option)
    with pytest.raises(ValueError):
        async with creation:
            pass


@shows("SUB-08")
async def exec_with_shell_is_refused() -> None:
    with pytest.raises(ValueError):
        async with running(*exits_with(0), shell=True):
            pass


@shows("SUB-08")
async def shell_without_shell_is_refused() -> None:
    with pytest.raises(ValueError):
        async with running_shell("exit 0", shell=False):
            pass


# SUB-09: environment, directory, executable


@shows("SUB-09", POSIX)
@pytest.mark.parametrize("how", ["exec", "shell"])
async def env_reaches_child(how: str) -> None:
    script, options = 'printf %s "$EVERYLOOP"', {"env": {"EVERYLOOP": "set"}, "stdout": PIPE}
    creation = running(*sh(script), **options) if how == "exec" else running_shell(script, **options)
    async with creation as process:
        assert await everything_from(process) == (b"set", None)


@shows("SUB-09", POSIX)
async def env_replaces_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYLOOP", "inherited")
    assert await output_of(*sh('printf %s "${EVERYLOOP-unset}"'), env={"OTHER": "set"}) == b"unset"


@shows("SUB-09", POSIX)
async def empty_env_replaces_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYLOOP", "inherited")
    assert await output_of(*sh('printf %s "${EVERYLOOP-unset}"'), env={}) == b"unset"


@shows("SUB-09", POSIX)
async def environment_is_inherited_without_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYLOOP", "inherited")
    assert await output_of(*sh('printf %s "$EVERYLOOP"')) == b"inherited"


@shows("SUB-09", POSIX)
@pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "path"])
async def child_starts_in_cwd(kind: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert await output_of(*sh("echo *"), cwd=kind(tmp_path)) == b"here\n"


@shows("SUB-09", POSIX)
async def cwd_of_parent_stays(tmp_path: Path) -> None:
    before = Path.cwd()
    await output_of(*exits_with(0), cwd=tmp_path)
    assert Path.cwd() == before


@shows("SUB-09", POSIX)
async def executable_is_what_runs() -> None:
    assert await output_of("/no/such/program", "-c", "echo ran", executable="/bin/sh") == b"ran\n"


@shows("SUB-09", POSIX)
async def executable_leaves_first_argument_alone() -> None:
    assert await output_of("my-name", "-c", 'printf %s "$0"', executable="/bin/sh") == b"my-name"


@shows("SUB-09", POSIX)
async def executable_replaces_shell(tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho "$@"\n')
    shell.chmod(0o755)
    async with running_shell("a command", executable=str(shell), stdout=PIPE) as process:
        assert await everything_from(process) == (b"-c a command\n", None)


# SUB-10: preexec_fn


@shows("SUB-10", POSIX)
async def preexec_fn_runs_in_child(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert await output_of(*sh("echo *"), preexec_fn=lambda: os.chdir(tmp_path)) == b"here\n"


@shows("SUB-10", POSIX)
async def preexec_fn_runs_before_shell_command(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    async with running_shell("echo *", preexec_fn=lambda: os.chdir(tmp_path), stdout=PIPE) as process:
        assert await everything_from(process) == (b"here\n", None)


def _raise_in_child() -> None:
    raise RuntimeError("in the child")


@shows("SUB-10", POSIX)
async def exception_in_preexec_fn_is_raised_as_subprocess_error() -> None:
    with pytest.raises(subprocess.SubprocessError):
        async with running(*exits_with(0), preexec_fn=_raise_in_child):
            pass


# SUB-11: which descriptors a child gets


@contextlib.contextmanager
def opened(path: Path, count: int, *, inheritable: bool = False) -> Iterator[list[int]]:
    """Open a file several times and hold the descriptors."""
    numbers = [os.open(path, os.O_RDONLY) for _ in range(count)]
    try:
        for number in numbers:
            os.set_inheritable(number, inheritable)
        yield numbers
    finally:
        for number in numbers:
            os.close(number)


def which_are_open(numbers: list[int]) -> Command:
    """Make a command that prints those of the numbers that are open descriptors.

    The redirections ``<&10`` of many shells end at 9, the names in /dev/fd do not.
    """
    return sh(f"for number in {' '.join(map(str, numbers))}; do [ -e /dev/fd/$number ] && echo $number; done; :")


@pytest.fixture
def passed_file(tmp_path: Path) -> Path:
    """Make a file to pass open descriptors of."""
    path = tmp_path / "passed"
    path.write_bytes(b"passed")
    return path


@shows("SUB-11", DEV_FD)
async def passed_descriptor_keeps_its_number(passed_file: Path) -> None:
    with opened(passed_file, 1) as [number]:
        assert await output_of("cat", f"/dev/fd/{number}", pass_fds=[number]) == b"passed"


@shows("SUB-11", DEV_FD)
async def passed_descriptor_keeps_its_number_below_shell(passed_file: Path) -> None:
    with opened(passed_file, 1) as [number]:
        async with running_shell(f"cat /dev/fd/{number}", pass_fds=(number,), stdout=PIPE) as process:
            assert await everything_from(process) == (b"passed", None)


@shows("SUB-11", DEV_FD)
async def uninheritable_descriptor_is_not_passed(passed_file: Path) -> None:
    with opened(passed_file, 3) as numbers:
        assert await output_of(*which_are_open(numbers)) == b""


@shows("SUB-11", DEV_FD)
async def inheritable_descriptor_is_not_passed_unasked(passed_file: Path) -> None:
    with opened(passed_file, 3, inheritable=True) as numbers:
        assert await output_of(*which_are_open(numbers)) == b""


@shows("SUB-11", DEV_FD)
async def child_has_no_more_descriptors_than_its_standard_streams() -> None:
    probe = which_are_open([*range(3, 100)])
    control = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    async with running(*probe, stdin=DEVNULL, stdout=PIPE, stderr=PIPE) as process:
        assert await everything_from(process) == (control.stdout, control.stderr)


@shows("SUB-11", DEV_FD)
async def inheritable_descriptor_between_passed_ones_is_closed(passed_file: Path) -> None:
    with opened(passed_file, 3, inheritable=True) as numbers:
        first, _, last = numbers
        output = await output_of(*which_are_open(numbers), pass_fds=[last, first])
        assert output.split() == [b"%d" % first, b"%d" % last]


@shows("SUB-11", DEV_FD)
async def inheritable_descriptor_is_passed_without_close_fds(passed_file: Path) -> None:
    with opened(passed_file, 1, inheritable=True) as [number]:
        assert await output_of("cat", f"/dev/fd/{number}", close_fds=False) == b"passed"


@shows("SUB-11", POSIX)
@pytest.mark.parametrize("inheritable", [False, True], ids=["uninheritable", "inheritable"])
async def passing_keeps_descriptor_of_parent_as_inheritable_as_it_was(inheritable: bool, passed_file: Path) -> None:
    with opened(passed_file, 1, inheritable=inheritable) as [number]:
        await output_of(*exits_with(0), pass_fds=[number])
        assert os.get_inheritable(number) == inheritable


@shows("SUB-11", POSIX)
@pytest.mark.parametrize("blocking", [False, True], ids=["non-blocking", "blocking"])
async def passing_keeps_blocking_mode(blocking: bool, socket_pair: SocketPair) -> None:
    # The mode belongs to what the descriptor refers to, which parent and child share.
    theirs, _ = socket_pair
    theirs.setblocking(blocking)
    await output_of(*exits_with(0), pass_fds=[theirs.fileno()])
    assert _posix.get_blocking(theirs.fileno()) == blocking


@shows("SUB-11", POSIX)
async def redirection_keeps_blocking_mode(socket_pair: SocketPair) -> None:
    theirs, ours = socket_pair
    theirs.setblocking(True)
    async with running(*sh("echo text"), stdout=theirs.fileno()) as process:
        await process.wait()
        assert _posix.get_blocking(theirs.fileno())
    assert ours.recv(100) == b"text\n"


# SUB-12: identity of the child


@shows("SUB-12", POSIX)
@pytest.mark.parametrize("new", [False, True], ids=["same", "new"])
async def start_new_session_makes_child_session_leader(new: bool) -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL, start_new_session=new) as process:
        assert _posix.getsid(process.pid) == (process.pid if new else _posix.getsid(0))


@shows("SUB-12", POSIX)
async def process_group_zero_makes_child_group_leader() -> None:
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL, process_group=0) as process:
        assert _posix.getpgid(process.pid) == process.pid


@shows("SUB-12", POSIX)
async def umask_is_that_of_child() -> None:
    assert int(await output_of(*sh("umask"), umask=0o027), 8) == 0o027


@shows("SUB-12", POSIX)
async def user_may_be_own() -> None:
    assert int(await output_of("id", "-u", user=_posix.geteuid())) == _posix.geteuid()


@shows("SUB-12", POSIX)
async def group_may_be_own() -> None:
    assert int(await output_of("id", "-g", group=_posix.getegid())) == _posix.getegid()


@shows("SUB-12", ROOT)
async def root_may_choose_user() -> None:
    assert await output_of("id", "-u", user=12345) == b"12345\n"


@shows("SUB-12", ROOT)
async def root_may_choose_group() -> None:
    assert await output_of("id", "-g", group=12345) == b"12345\n"


@shows("SUB-12", ROOT)
async def root_may_choose_extra_groups() -> None:
    assert b"12345" in (await output_of("id", "-G", extra_groups=[12345])).split()


# SUB-13: who holds the writing end of stdin


@shows("SUB-13")
async def child_does_not_hold_its_own_stdin_open() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE, close_fds=False) as process:
        assert await everything_from(process, b"abc") == (b"abc", None)


@shows("SUB-13", POSIX)
async def later_child_does_not_hold_stdin_of_earlier_open() -> None:
    async with (
        running(*CAT, stdin=PIPE, stdout=DEVNULL) as first,
        running(*CAT, stdin=PIPE, stdout=DEVNULL, close_fds=False) as second,
    ):
        await asyncio.wait_for(first.communicate(b"abc"), PATIENCE)
        assert second.returncode is None


# SUB-14: standard streams that are no pipes


@shows("SUB-14")
async def devnull_as_stdin_is_empty() -> None:
    assert await output_of(*CAT, stdin=DEVNULL) == b""


@shows("SUB-14")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def devnull_swallows(stream: str, capfd: pytest.CaptureFixture[str]) -> None:
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    async with running(*OUT_AND_ERR, **{stream: DEVNULL, other: PIPE}) as process:
        await process.communicate()
        assert process.returncode == 0
    assert capfd.readouterr() == ("", "")


@shows("SUB-14")
async def streams_that_are_no_pipes_are_none() -> None:
    async with running(*exits_with(0), stdin=DEVNULL, stdout=DEVNULL, stderr=None) as process:
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)


@shows("SUB-14")
async def stderr_follows_stdout_into_pipe() -> None:
    async with running(*OUT_AND_ERR, stdout=PIPE, stderr=STDOUT) as process:
        output, errors = await everything_from(process)
        assert (sorted(output or b""), errors) == (sorted(b"outerr"), None)


@shows("SUB-14")
async def stderr_follows_inherited_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    async with running(*OUT_AND_ERR, stderr=STDOUT) as process:
        await process.wait()
    out, err = capfd.readouterr()
    assert (sorted(out), err) == (sorted("outerr"), "")


@shows("SUB-14")
async def streams_are_inherited_without_options(capfd: pytest.CaptureFixture[str]) -> None:
    async with running(*OUT_AND_ERR) as process:
        await process.wait()
    assert capfd.readouterr() == ("out", "err")


def _itself(file: IO[bytes]) -> IO[bytes]:
    return file


def _its_descriptor(file: IO[bytes]) -> int:
    return file.fileno()


AS_FILE_OR_DESCRIPTOR = pytest.mark.parametrize("given", [_itself, _its_descriptor], ids=["file", "descriptor"])


@shows("SUB-14")
@AS_FILE_OR_DESCRIPTOR
async def stdin_is_read_from(given: Callable[[IO[bytes]], Any], tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"some data")
    with (tmp_path / "input").open("rb") as file:
        assert await output_of(*CAT, stdin=given(file)) == b"some data"


@shows("SUB-14")
@AS_FILE_OR_DESCRIPTOR
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def output_is_written_to(given: Callable[[IO[bytes]], Any], stream: str, tmp_path: Path) -> None:
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    with (tmp_path / "output").open("wb") as file:
        async with running(*OUT_AND_ERR, **{stream: given(file), other: DEVNULL}) as process:
            await process.wait()
    assert (tmp_path / "output").read_bytes() == {"stdout": b"out", "stderr": b"err"}[stream]


@shows("SUB-14")
@AS_FILE_OR_DESCRIPTOR
async def two_streams_share(given: Callable[[IO[bytes]], Any], tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        async with running(*OUT_AND_ERR, stdout=given(file), stderr=given(file)) as process:
            await process.wait()
    assert sorted((tmp_path / "output").read_bytes()) == sorted(b"outerr")


@shows("SUB-14")
async def file_of_parent_stays_open(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        async with running(*OUT_AND_ERR, stdout=file, stderr=file) as process:
            await process.wait()
        file.write(b"after")
    assert (tmp_path / "output").read_bytes().endswith(b"after")


@shows("SUB-14", POSIX)
async def output_and_errors_are_swapped(capfd: pytest.CaptureFixture[str]) -> None:
    """Each of the two descriptors is needed after the other has taken its number."""
    async with running(*OUT_AND_ERR, stdout=2, stderr=1) as process:
        await process.wait()
    assert capfd.readouterr() == ("err", "out")


# SUB-15: a child that does not read


@shows("SUB-15")
async def drain_raises_when_child_died_before_reading() -> None:
    async with running(*SLEEP, stdin=PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(bytes(1_000_000))  # more than a pipe takes
        process.kill()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await process.stdin.drain()


@shows("SUB-15", POSIX)
async def communicate_ignores_child_that_closes_stdin() -> None:
    async with running(*sh("read line; exec <&-; exit 3"), stdin=PIPE) as process:
        assert await everything_from(process, b"\n" + bytes(1_000_000)) == (None, None)
        assert process.returncode == 3


@shows("SUB-15")
async def communicate_ignores_child_that_has_exited() -> None:
    async with running(*exits_with(3), stdin=PIPE) as process:
        await process.wait()
        assert await everything_from(process, bytes(1_000_000)) == (None, None)


@shows("SUB-15", POSIX)
async def communicate_returns_output_of_child_that_stops_reading() -> None:
    async with running(*sh("read line; echo $line"), stdin=PIPE, stdout=PIPE) as process:
        assert await everything_from(process, b"first\n" + bytes(1_000_000)) == (b"first\n", None)


# SUB-16: holding a child back


@shows("SUB-16", POSIX)
async def paused_pipe_delivers_nothing() -> None:
    # That the same child's other pipe delivers shows that the loop had the occasion.
    script = 'while read -r line; do echo "$line"; echo "$line" >&2; done'
    async with recorded(*sh(script), stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, recorder):
        pipe_of(transport, 1).pause_reading()
        for line in (b"one\n", b"two\n", b"three\n"):
            pipe_of(transport, 0).write(line)
            await eventually(lambda line=line: recorder.received[2].endswith(line), "no echo")  # type: ignore[misc]
        assert recorder.received[1] == b""


@shows("SUB-16", POSIX)
async def resumed_pipe_delivers_what_it_held_back() -> None:
    script = 'while read -r line; do echo "$line"; echo "$line" >&2; done'
    async with recorded(*sh(script), stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, recorder):
        pipe_of(transport, 1).pause_reading()
        pipe_of(transport, 0).write(b"one\ntwo\n")
        await eventually(lambda: recorder.received[2] == b"one\ntwo\n", "no echo")
        pipe_of(transport, 1).resume_reading()
        await eventually(lambda: recorder.received[1] == b"one\ntwo\n", "nothing came after resume_reading()")


@shows("SUB-16", POSIX)
async def limit_of_stream_loses_nothing(tmp_path: Path) -> None:
    content = of_length(300_000)
    (tmp_path / "content").write_bytes(content)
    async with running("cat", tmp_path / "content", stdout=PIPE, limit=100) as process:
        assert await everything_from(process) == (content, None)


@shows("SUB-16", POSIX)
async def limit_of_stream_holds_child_back() -> None:
    """Two children write the same amount: when the one that is read has finished, the other has not."""
    much = sh("exec head -c 4000000 /dev/zero")
    async with running(*much, stdout=PIPE, limit=1000) as unread, running(*much, stdout=PIPE) as control:
        output, _ = await control.communicate()
        assert len(output) == 4_000_000
        assert unread.returncode is None


# SUB-17: much data


@shows("SUB-17")
@pytest.mark.parametrize("size", [8192, 8193, 65536, 65537, 219_263, 219_264, 1_000_000])
async def data_goes_through_child_unchanged(size: int) -> None:
    content = of_length(size)
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        output, _ = await process.communicate(content)
        assert len(output) == size
        assert output == content


@shows("SUB-17", POSIX)
async def output_beyond_pipe_comes_on_both_streams() -> None:
    script = "head -c 300000 /dev/zero & head -c 300000 /dev/zero >&2 & wait"
    async with running(*sh(script), stdout=PIPE, stderr=PIPE) as process:
        output, errors = await process.communicate()
        assert (len(output), len(errors)) == (300_000, 300_000)


@shows("SUB-17", POSIX)
async def many_small_writes_arrive_in_order() -> None:
    lines = [b"%d\n" % number for number in range(20_000)]
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        for line in lines:
            process.stdin.write(line)
        process.stdin.close()
        assert await everything_from(process) == (b"".join(lines), None)


# SUB-18: children that are faster than the loop


async def stillborn(socket_pair: SocketPair, create: Callable[[int], Coroutine[Any, Any, T]]) -> T:
    """Create a child, and let the loop stand still from the fork to the child's death.

    Args:
        socket_pair: one end goes to the child, whose pid and exit the other end tells.
        create: creates the child, given the descriptor to which it is to write its pid.
    """
    theirs, ours = socket_pair
    creation = asyncio.ensure_future(create(theirs.fileno()))
    await asyncio.sleep(0)
    theirs.close()
    # A loop that has not even forked yet makes this wait in vain: then the child is an ordinary one.
    if select.select([ours], [], [], 1)[0]:
        block_until_dead(int(receive_all(ours)))
    return await creation


@shows("SUB-18", WAITID)
async def stream_of_stillborn_child_is_complete(socket_pair: SocketPair) -> None:
    def create(descriptor: int) -> Coroutine[Any, Any, Process]:
        return asyncio.create_subprocess_exec(*sh("echo $$ >&2; echo text"), stdout=PIPE, stderr=descriptor)

    async with started(stillborn(socket_pair, create)) as process:
        assert await everything_from(process) == (b"text\n", None)


@shows("SUB-18", WAITID)
async def returncode_of_stillborn_child_is_known(socket_pair: SocketPair) -> None:
    def create(descriptor: int) -> Coroutine[Any, Any, Process]:
        return asyncio.create_subprocess_exec(*sh("echo $$; exit 7"), stdout=descriptor)

    async with started(stillborn(socket_pair, create)) as process:
        assert await process.wait() == 7


@shows("SUB-18", WAITID)
async def stdin_of_stillborn_child_is_no_obstacle(socket_pair: SocketPair) -> None:
    def create(descriptor: int) -> Coroutine[Any, Any, Process]:
        return asyncio.create_subprocess_exec(*sh("echo $$; exit 7"), stdin=PIPE, stdout=descriptor)

    async with started(stillborn(socket_pair, create)) as process:
        assert await process.wait() == 7


async def stillborn_life(socket_pair: SocketPair) -> list[str]:
    """Return what the protocol of a stillborn child is told."""

    def create(descriptor: int) -> Coroutine[Any, Any, tuple[asyncio.SubprocessTransport, Recorder]]:
        loop = asyncio.get_running_loop()
        return loop.subprocess_exec(Recorder, *sh("echo $$ >&0; printf out; printf err >&2"), stdin=descriptor)

    transport, recorder = await stillborn(socket_pair, create)
    await recorder.ended
    await asyncio.sleep(0)  # for events that come too late
    transport.close()
    return recorder.events


@shows("SUB-18", WAITID)
async def protocol_of_stillborn_child_hears_every_event_once(socket_pair: SocketPair) -> None:
    assert Counter(await stillborn_life(socket_pair)) == {
        "connection_made": 1,
        "pipe_data_received 1": 1,
        "pipe_data_received 2": 1,
        "pipe_connection_lost 1": 1,
        "pipe_connection_lost 2": 1,
        "process_exited": 1,
        "connection_lost": 1,
    }


@shows("SUB-18", WAITID)
async def connection_made_of_stillborn_child_is_first(socket_pair: SocketPair) -> None:
    assert (await stillborn_life(socket_pair))[0] == "connection_made"


@shows("SUB-18", WAITID)
async def connection_lost_of_stillborn_child_is_last(socket_pair: SocketPair) -> None:
    assert (await stillborn_life(socket_pair))[-1] == "connection_lost"


# SUB-19: what cannot be started


@shows("SUB-19")
async def missing_program_raises_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with running(str(tmp_path / "missing")):
            pass


@shows("SUB-19", POSIX)
async def program_missing_in_path_raises_file_not_found_error() -> None:
    with pytest.raises(FileNotFoundError):
        async with running("there-is-no-such-program"):
            pass


@shows("SUB-19", POSIX)
async def file_without_execute_permission_raises_permission_error(tmp_path: Path) -> None:
    # Root is no exception: it too needs one execute bit to be set.
    (tmp_path / "file").touch(0o600)
    with pytest.raises(PermissionError):
        async with running(tmp_path / "file"):
            pass


@shows("SUB-19")
async def missing_cwd_raises_file_not_found_error(tmp_path: Path, platform: str) -> None:
    expected = NotADirectoryError if platform == "win32" else FileNotFoundError
    with pytest.raises(expected):
        async with running(*exits_with(0), cwd=tmp_path / "missing"):
            pass


@shows("SUB-19", DEV_FD)
async def failed_start_leaves_no_descriptor(tmp_path: Path) -> None:
    async def fail() -> None:
        with contextlib.suppress(FileNotFoundError):
            async with running(tmp_path / "missing", stdin=PIPE, stdout=PIPE, stderr=PIPE):
                pass

    await assert_no_descriptor_is_left(fail)


@shows("SUB-19", CHILDLESS)
async def failed_start_leaves_no_zombie(tmp_path: Path) -> None:
    # The fork has succeeded when the exec fails, so there was a child.
    with contextlib.suppress(FileNotFoundError):
        async with running(tmp_path / "missing"):
            pass
    await eventually(has_no_children, "a zombie is left")


@shows("SUB-19")
async def start_succeeds_after_failed_one(tmp_path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        async with running(str(tmp_path / "missing"), stdin=PIPE, stdout=PIPE):
            pass
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert await everything_from(process, b"some data") == (b"some data", None)


# SUB-20: descriptors


async def assert_no_descriptor_is_left(
    live: Callable[[], Awaitable[object]], warm_up: int = 3, times: int = 20
) -> None:
    """Do something often and count descriptors; what a loop opens once, it opens in the warm-up."""
    for _ in range(warm_up):
        await live()
    before = len(open_descriptors())
    for _ in range(times):
        await live()
    await eventually(
        lambda: len(open_descriptors()) <= before,
        f"{times} children left {len(open_descriptors()) - before} descriptors open",
    )


@shows("SUB-20", DEV_FD)
async def children_leave_no_descriptors() -> None:
    async def live() -> None:
        async with running(*exits_with(0), stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
            await process.communicate()

    await assert_no_descriptor_is_left(live)


@shows("SUB-20", DEV_FD)
async def closed_transports_leave_no_descriptors() -> None:
    async def live() -> None:
        async with recorded(*SLEEP, stdin=PIPE, stdout=PIPE, stderr=PIPE):
            pass

    await assert_no_descriptor_is_left(live, times=10)


@shows("SUB-20", DEV_FD)
async def redirected_children_leave_no_descriptors(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:

        async def live() -> None:
            async with running(*exits_with(0), stdin=DEVNULL, stdout=file, stderr=STDOUT) as process:
                await process.wait()

        await assert_no_descriptor_is_left(live, times=10)


# SUB-21: what is no string


@shows("SUB-21")
@pytest.mark.parametrize("argument", ["nul\0byte", b"nul\0byte"], ids=["str", "bytes"])
async def null_in_argument_raises_value_error(argument: str | bytes) -> None:
    with pytest.raises(ValueError):
        async with running(*exits_with(0), argument):
            pass


@shows("SUB-21")
async def null_in_program_raises_value_error() -> None:
    program, *arguments = exits_with(0)
    with pytest.raises(ValueError):
        async with running(f"{program}\0x", *arguments):
            pass


@shows("SUB-21")
async def null_in_shell_command_raises_value_error() -> None:
    with pytest.raises(ValueError):
        async with running_shell("exit 0\0x"):
            pass


@shows("SUB-21")
@pytest.mark.parametrize(
    "variables",
    [{"A\0B": "C"}, {"A": "B\0C"}, {"A=B": "C"}],
    ids=["null-in-name", "null-in-value", "equals-sign"],
)
async def impossible_environment_raises_value_error(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        async with running(*exits_with(0), env={**os.environ, **variables}):
            pass


@shows("SUB-21", POSIX)
async def null_in_cwd_raises_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        async with running(*exits_with(0), cwd=f"{tmp_path}\0x"):
            pass


@shows("SUB-21")
@pytest.mark.parametrize("argument", [1, None, 1.5, ["x"]], ids=lambda argument: type(argument).__name__)
async def argument_that_is_no_string_raises_type_error(argument: object) -> None:
    with pytest.raises(TypeError):
        async with running(*exits_with(0), argument):
            pass


@shows("SUB-21")
async def shell_command_that_is_no_string_is_refused() -> None:
    # The standard library answers ValueError here, TypeError is no worse.
    with pytest.raises((TypeError, ValueError)):
        async with running_shell(1):
            pass


# SUB-22: explicit defaults

DEFAULTS: dict[str, Any] = {
    "bufsize": 0,
    "executable": None,
    "preexec_fn": None,
    "close_fds": True,
    "cwd": None,
    "env": None,
    "universal_newlines": False,
    "startupinfo": None,
    "creationflags": 0,
    "restore_signals": True,
    "start_new_session": False,
    "pass_fds": (),
    "user": None,
    "group": None,
    "extra_groups": None,
    "encoding": None,
    "errors": None,
    "text": None,
    "umask": -1,
    "pipesize": -1,
    "process_group": None,
}


@shows("SUB-22")
@pytest.mark.parametrize("option", [*DEFAULTS, "shell"])
async def exec_accepts_default_of(option: str) -> None:
    async with running(*exits_with(3), **{option: DEFAULTS.get(option, False)}) as process:
        assert await process.wait() == 3


@shows("SUB-22")
@pytest.mark.parametrize("option", [*DEFAULTS, "shell"])
async def shell_accepts_default_of(option: str) -> None:
    async with running_shell("exit 3", **{option: DEFAULTS.get(option, True)}) as process:
        assert await process.wait() == 3


# SUB-23: what the pipes are


@shows("SUB-23", DEV_FD)
async def kind_of_standard_streams(observe: Observe) -> None:
    script = "for n in 0 1 2; do [ -p /dev/fd/$n ] && echo $n is a pipe || echo $n is no pipe; done"
    async with running(*sh(script), stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        output, _ = await process.communicate()
    observe(", ".join(output.decode().splitlines()))


@shows("SUB-23", DEV_FD)
async def stdout_can_be_opened_anew(observe: Observe) -> None:
    # Linux opens a pipe anew through /dev/stdout, but answers ENXIO for a socket.
    async with running(*sh("echo text >/dev/stdout"), stdout=PIPE, stderr=DEVNULL) as process:
        output, _ = await process.communicate()
    observe("a child can open /dev/stdout" if output == b"text\n" else "a child cannot open /dev/stdout")


# SUB-24: children of others


@shows("SUB-24", WAITID)
async def exit_of_unrelated_child_is_left_to_its_owner() -> None:
    with subprocess.Popen(sh("exit 3")) as unrelated:
        block_until_dead(unrelated.pid)
        await output_of(*exits_with(0))
        # subprocess.Popen takes a stolen exit status for 0.
        assert unrelated.wait() == 3


@shows("SUB-24", POSIX)
async def unrelated_child_that_ends_during_loop_is_left_to_its_owner(in_thread: InThread) -> None:
    # The owner waits in a thread while the loop runs and reaps a child of its own.
    async with running(*CAT, stdin=PIPE, stdout=DEVNULL) as process:
        with subprocess.Popen(sh("read go; exit 3"), stdin=subprocess.PIPE) as unrelated:
            assert unrelated.stdin is not None
            waiting = asyncio.wrap_future(in_thread(unrelated.wait, PATIENCE))
            unrelated.stdin.close()
            await process.communicate(b"")
            assert await waiting == 3


# SUB-25: many exits at once


@shows("SUB-25", POSIX)
async def children_ended_by_one_event_are_told_apart() -> None:
    """All wait for the end of the same pipe."""
    reading, writing = os.pipe()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(os.close, reading)
        with os.fdopen(writing, "wb"):
            processes = [
                await stack.enter_async_context(running(*sh(f"read go; exit {code}"), stdin=reading))
                for code in range(10)
            ]
        assert await asyncio.gather(*(process.wait() for process in processes)) == list(range(10))


@shows("SUB-25", WAITID)
async def children_that_died_while_loop_was_busy_are_all_noticed() -> None:
    """Any number of pending SIGCHLD is one SIGCHLD."""
    async with contextlib.AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(running(*exits_with(code))) for code in range(10)]
        for process in processes:
            block_until_dead(process.pid)
        assert await asyncio.gather(*(process.wait() for process in processes)) == list(range(10))


@shows("SUB-25", POSIX)
async def exits_and_deaths_are_told_apart() -> None:
    async with contextlib.AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(running(*sh(script)))
            for script in ("exit 1", "kill -TERM $$", "exit 2", "kill -KILL $$", "exit 0")
        ]
        codes = await asyncio.gather(*(process.wait() for process in processes))
        assert codes == [1, -signal.SIGTERM, 2, -_signals.SIGKILL, 0]


# SUB-26: signal dispositions of the child


@shows("SUB-26", POSIX)
async def signal_handled_by_parent_has_default_action_in_child() -> None:
    before = signal.signal(_signals.SIGUSR1, lambda *_: None)
    try:
        async with running(*sh("kill -USR1 $$; exit 0")) as process:
            assert await process.wait() == -_signals.SIGUSR1
    finally:
        signal.signal(_signals.SIGUSR1, before)


@shows("SUB-26", POSIX)
async def broken_pipe_has_default_action_in_child() -> None:
    async with running(*sh("kill -PIPE $$; exit 0")) as process:
        assert await process.wait() == -_signals.SIGPIPE


@shows("SUB-26", POSIX)
async def broken_pipe_stays_ignored_without_restore_signals() -> None:
    async with running(*sh("kill -PIPE $$; exit 3"), restore_signals=False) as process:
        assert await process.wait() == 3


# SUB-27: loops outside the main thread


async def _talk_to_child() -> tuple[bytes, int | None]:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        output, _ = await process.communicate(b"some data")
        return output, process.returncode


@shows("SUB-27")
def loop_in_thread_runs_child(run: Run, in_thread: InThread) -> None:
    assert in_thread(run, _talk_to_child).result(PATIENCE) == (b"some data", 0)


@shows("SUB-27")
def loops_in_two_threads_run_children(new_loop: LoopFactory, in_thread: InThread) -> None:
    loops = [new_loop(), new_loop()]
    futures = [in_thread(loop.run_until_complete, _talk_to_child()) for loop in loops]
    assert [future.result(PATIENCE) for future in futures] == [(b"some data", 0)] * 2


# SUB-28: interrupted system calls


@shows("SUB-28", WAITID)
async def exit_of_child_interrupts_no_system_call(in_thread: InThread, socket_pair: SocketPair) -> None:
    """Python repeats what was interrupted (PEP 475), other libraries may not: this call is made by C."""
    theirs, ours = socket_pair
    theirs.setblocking(True)
    libc = ctypes.CDLL(None, use_errno=True)
    reading, writing = os.pipe()

    def end_child_then_write(pid: int) -> None:
        # An exit before the call has begun interrupts nothing: the pause makes the case sharp, not right.
        time.sleep(0.02)
        ours.send(b"\n")
        block_until_dead(pid)
        os.write(writing, b"x")

    try:
        async with running(*sh("read go"), stdin=theirs.fileno()) as process:
            written = in_thread(end_child_then_write, process.pid)
            buffer = ctypes.create_string_buffer(1)
            received, error = libc.read(reading, buffer, 1), ctypes.get_errno()
            written.result(PATIENCE)
            assert received == 1, os.strerror(error)
    finally:
        os.close(reading)
        os.close(writing)


# SUB-29: what a transport tells


@shows("SUB-29", POSIX)
async def get_pid_is_pid_of_child() -> None:
    async with recorded(*sh("echo $$"), stdout=PIPE) as (transport, recorder):
        await recorder.ended
        assert int(recorder.received[1]) == transport.get_pid()


@shows("SUB-29", POSIX)
async def pid_of_shell_command_is_that_of_shell() -> None:
    async with running_shell("echo $$; exec cat", stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        assert int(await process.stdout.readline()) == process.pid


@shows("SUB-29")
async def get_pid_stays_after_exit() -> None:
    async with recorded(*exits_with(0)) as (transport, recorder):
        before = transport.get_pid()
        await recorder.ended
        assert transport.get_pid() == before


@shows("SUB-29")
async def get_returncode_is_none_until_exit() -> None:
    async with recorded(*CAT, stdin=PIPE) as (transport, recorder):
        before = transport.get_returncode()
        pipe_of(transport, 0).close()
        await recorder.ended
        assert (before, transport.get_returncode()) == (None, 0)


@shows("SUB-29")
async def get_pipe_transport_is_none_without_pipe() -> None:
    async with recorded(*CAT, stdin=PIPE) as (transport, _):
        found = [transport.get_pipe_transport(descriptor) is not None for descriptor in (0, 1, 2, 3)]
        assert found == [True, False, False, False]


@shows("SUB-29")
@pytest.mark.parametrize(("descriptor", "method"), [(0, "write"), (1, "pause_reading"), (2, "pause_reading")])
async def get_pipe_transport_gives_transport_of_right_direction(descriptor: int, method: str) -> None:
    async with recorded(*CAT, stdin=PIPE, stdout=PIPE, stderr=PIPE) as (transport, _):
        assert callable(getattr(pipe_of(transport, descriptor), method))


@shows("SUB-29")
async def get_extra_info_gives_popen_object() -> None:
    async with recorded(*CAT, stdin=PIPE) as (transport, _):
        popen = transport.get_extra_info("subprocess")
        assert popen is not None
        assert popen.pid == transport.get_pid()


@shows("SUB-29")
async def get_protocol_gives_protocol() -> None:
    async with recorded(*CAT, stdin=PIPE) as (transport, recorder):
        assert transport.get_protocol() is recorder


@shows("SUB-29")
async def set_protocol_redirects_events() -> None:
    async with recorded(*CAT, stdin=PIPE, stdout=PIPE) as (transport, first):
        second = Recorder()
        transport.set_protocol(second)
        pipe_of(transport, 0).write(b"some data")
        pipe_of(transport, 0).close()
        await asyncio.wait([first.ended, second.ended], return_when=asyncio.FIRST_COMPLETED)
        assert first.events == ["connection_made"]
        assert second.received[1] == b"some data"
        first.ended.set_result(None)


# SUB-30: Windows


@shows("SUB-30")
async def cancelled_read_leaves_pipe_usable() -> None:
    async with running(*CAT, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        reading = asyncio.ensure_future(process.stdout.read(100))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert await everything_from(process, b"some data") == (b"some data", None)


# SUB-31: strings on their way through a Windows command line

ODD = {
    "empty": "",
    "blanks": " two words ",
    "double-quotes": '"quoted"',
    "apostrophe": "it's",
    "backslash": "a\\",
    "backslash-and-quote": 'a\\"b',
    "share": "\\\\server\\share\\",
    "percent": "%PATH%",
    "operators": "^&|<>",
    "letter": "snö",
}
SHOW_ARGUMENTS = "import sys; sys.stdout.write(ascii(sys.argv[1:]))"


@shows("SUB-31")
@pytest.mark.parametrize("argument", ODD.values(), ids=ODD)
async def argument_survives_command_line(argument: str) -> None:
    output = await output_of(sys.executable, "-c", SHOW_ARGUMENTS, argument)
    assert output.decode() == ascii([argument])


@shows("SUB-31")
async def arguments_in_bytes_survive_command_line() -> None:
    output = await output_of(sys.executable, "-c", SHOW_ARGUMENTS, *map(os.fsencode, ODD.values()))
    assert output.decode() == ascii([*ODD.values()])


@shows("SUB-31")
async def directory_with_odd_name_is_entered(tmp_path: Path) -> None:
    folder = tmp_path / "odd & (snö) 'name'"
    folder.mkdir()
    output = await output_of(
        sys.executable,
        "-c",
        "import os, sys; sys.stdout.write(ascii(os.path.basename(os.getcwd())))",
        cwd=folder,
    )
    assert output.decode() == ascii(folder.name)


# SUB-32: PATH


@shows("SUB-32", POSIX)
async def program_is_looked_for_in_path_of_env(tmp_path: Path) -> None:
    program = tmp_path / "everyloop-program"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    assert await output_of(program.name, env={"PATH": str(tmp_path)}) == b"found\n"
