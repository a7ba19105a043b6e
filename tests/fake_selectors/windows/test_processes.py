"""Processes: each fact on the fake, and on the real system."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .completion import NULL, PATIENCE, SOON, Port, port_of
from .conftest import on_linux, refused

SLEEP = "import time; time.sleep(60)"
STILL_ACTIVE = 259
WAIT_TIMEOUT = 258


@pytest.fixture
def winapi(system: Any) -> Any:
    """The module ``_winapi`` as Windows has it."""
    return system.module("_winapi")


@pytest.fixture
def subprocess(system: Any) -> Any:
    """The module :mod:`subprocess` as Windows has it."""
    return system.module("subprocess")


@pytest.fixture
def port(system: Any) -> Iterator[Port]:
    """A completion port."""
    with port_of(system) as made:
        yield made


def python(code: str) -> list[str]:
    """Return the command for a program."""
    return [sys.executable, "-I", "-S", "-c", code]


@pytest.fixture
def sleeper(subprocess: Any) -> Iterator[Any]:
    """A program that sleeps."""
    with subprocess.Popen(python(SLEEP)) as child:
        yield child
        child.kill()


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_a_program_ends_with_its_number(subprocess: Any, code: int) -> None:
    assert subprocess.run(python(f"raise SystemExit({code})"), check=False).returncode == code


def test_while_it_runs_it_has_no_number(winapi: Any, sleeper: Any) -> None:
    handle = int(sleeper._handle)
    assert winapi.GetExitCodeProcess(handle) == STILL_ACTIVE
    assert winapi.WaitForSingleObject(handle, SOON) == WAIT_TIMEOUT
    assert sleeper.poll() is None


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_one_that_is_ended_has_the_number_1(sleeper: Any, how: str) -> None:
    getattr(sleeper, how)()
    assert sleeper.wait(10) == 1


def test_who_ends_it_names_the_number(winapi: Any, sleeper: Any) -> None:
    handle = int(sleeper._handle)
    winapi.TerminateProcess(handle, 42)
    assert winapi.WaitForSingleObject(handle, PATIENCE) == 0
    assert winapi.GetExitCodeProcess(handle) == 42
    with refused(5, PermissionError):
        winapi.TerminateProcess(handle, 1)


def test_a_wait_has_a_time_out(subprocess: Any, sleeper: Any) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.02)


@pytest.mark.parametrize("number", ["SIGINT", "SIGABRT"])
def test_signals_that_windows_cannot_send(system: Any, sleeper: Any, number: str) -> None:
    with pytest.raises(ValueError, match=r"^Unsupported signal: "):
        sleeper.send_signal(getattr(system.module("signal"), number))


def test_a_break_ends_a_group(system: Any, subprocess: Any) -> None:
    with subprocess.Popen(python(SLEEP), creationflags=subprocess.CREATE_NEW_PROCESS_GROUP) as child:
        system.module("os").kill(child.pid, system.module("signal").CTRL_BREAK_EVENT)
        assert child.wait(10) == 0xC000013A


def test_a_number_ends_a_process(system: Any, sleeper: Any) -> None:
    system.module("os").kill(sleeper.pid, 7)
    assert sleeper.wait(10) == 7


def test_programs_that_are_not_there(subprocess: Any) -> None:
    with refused(2, FileNotFoundError):
        subprocess.Popen(["everyloop-has-no-such-program"])


def test_folders_that_are_not_there(subprocess: Any, tmp_path: Any) -> None:
    with refused(267, NotADirectoryError):
        subprocess.Popen(python(""), cwd=tmp_path / "missing")


def test_what_is_no_program(subprocess: Any, tmp_path: Any) -> None:
    path = tmp_path / "program.exe"
    path.write_bytes(b"text\n")
    path.chmod(0o755)
    with refused(193):
        subprocess.Popen([str(path)])


@pytest.mark.parametrize(
    "words",
    [
        ["plain"],
        ["with blanks", "and\ttabs"],
        ['a "quoted" word', '"', '""'],
        ["back\\slash", "at the end\\", 'before a quote\\"', "two\\\\", "two and a blank \\\\"],
        ["", "nothing"],
        ["ümläut", "名"],
        ['a\\\\\\"b', "c d\\\\", "%PATH%", "*"],
    ],
)
def test_words_arrive_as_they_were(subprocess: Any, words: list[str]) -> None:
    code = "import sys; print(ascii(sys.argv[1:]))"
    assert subprocess.check_output([*python(code), *words]).decode().strip() == ascii(words)


def test_streams(subprocess: Any) -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('errors')"
    done = subprocess.run(python(code), input=b"text", capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"TEXT", b"errors")
    done = subprocess.run(python(code), input=b"text", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert sorted(done.stdout) == sorted(b"TEXTerrors")
    assert subprocess.run(python(code), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout == b""


def test_the_environment(subprocess: Any) -> None:
    code = "import os; print(os.environ.get('EVERYLOOP_TEST'))"
    assert subprocess.check_output(python(code), text=True).strip() == "None"
    environment = {**os.environ, "EVERYLOOP_TEST": "given"}
    assert subprocess.check_output(python(code), text=True, env=environment).strip() == "given"


@pytest.mark.parametrize("environment", [{"": "x"}, {"a=b": "x"}, {"a\0b": "x"}])
def test_environments_that_are_none(subprocess: Any, environment: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        subprocess.Popen(python(""), env=environment)


def test_the_folder(subprocess: Any, tmp_path: Any) -> None:
    code = "import os; print(os.getcwd())"
    assert tmp_path.samefile(subprocess.check_output(python(code), text=True, cwd=tmp_path).strip())


def test_a_shell(subprocess: Any) -> None:
    done = subprocess.run("echo one&& exit 3", shell=True, stdout=subprocess.PIPE, check=False, text=True)
    assert (done.stdout.strip(), done.returncode) == ("one", 3)


@pytest.mark.parametrize(
    ("option", "error"), [({"preexec_fn": print}, ValueError), ({"pass_fds": (1,)}, AssertionError)]
)
def test_options_that_windows_does_not_have(subprocess: Any, option: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="not supported on Windows"):
        subprocess.Popen(python(""), **option)


def test_a_port_is_told_of_the_end(port: Port, sleeper: Any) -> None:
    key = port.overlapped.Overlapped(NULL)
    wait = port.overlapped.RegisterWaitWithQueue(int(sleeper._handle), port.handle, key.address, 60_000)
    assert port.take(SOON) is None
    sleeper.kill()
    assert port.take() == (0, 0, 0, key.address)
    port.overlapped.UnregisterWait(wait)


def test_a_handle_that_is_no_process(winapi: Any, port: Port) -> None:
    with refused(6):
        winapi.GetExitCodeProcess(port.handle)


@on_linux
class TestOfTheFakeOnly:
    """What is not emulated, and what is left of processes."""

    @pytest.mark.parametrize("flags", [0x4, 0x80])
    def test_flags_that_are_not_emulated_say_so(self, subprocess: Any, flags: int) -> None:
        with pytest.raises(NotImplementedError, match=f"dwCreationFlags 0x{flags:x} is not emulated"):
            subprocess.Popen(python(""), creationflags=flags)

    def test_other_processes_are_not_ended(self, system: Any) -> None:
        with pytest.raises(NotImplementedError, match=r"^os\.kill of what is no child"):
            system.module("os").kill(os.getpid(), 2)

    def test_one_whose_handles_are_closed_leaves_no_zombie(self, subprocess: Any) -> None:
        child = subprocess.Popen(python(""), stdout=subprocess.PIPE)
        child._handle.Close()
        child.returncode = 0  # nobody can ask any more
        with child.stdout:
            assert child.stdout.read() == b""
        pid = child.pid
        for _ in range(50):
            subprocess.run(python(""), check=True)
            if not Path(f"/proc/{pid}").exists():
                return
        pytest.fail("it was not reaped")


@pytest.fixture
def proactor(system: Any) -> Iterator[Callable[[Any], Any]]:
    """Run a coroutine on a proactor loop, for a bounded time."""
    loop = system.module("asyncio").ProactorEventLoop()

    def run(coroutine: Any) -> Any:
        return loop.run_until_complete(asyncio.wait_for(coroutine, PATIENCE / 1000))

    yield run
    loop.close()


def test_a_loop_talks_to_a_program(proactor: Callable[[Any], Any]) -> None:
    async def talk() -> tuple[bytes, bytes, int | None]:
        code = "import sys; sys.stdout.write(sys.stdin.readline().upper()); sys.stderr.write('x' * 100000)"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*python(code), stdin=pipe, stdout=pipe, stderr=pipe)
        output, errors = await process.communicate(b"text\n")
        return output, errors, process.returncode

    output, errors, code = proactor(talk())
    assert (output.strip(), len(errors), code) == (b"TEXT", 100000, 0)
