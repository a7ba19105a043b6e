"""Programs on other platforms' loops, run as a user does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import Command
from .runs import Commands, wait_until

PROGRAM = """
import asyncio
import atexit
import os
import sys
import threading

def where():
    return f"{sys.platform} {os.name} {asyncio.run(loop())}"

async def loop():
    return type(asyncio.get_running_loop()).__name__

if __name__ == "__main__":
    atexit.register(lambda: print("at exit:", where()))
    threading.Thread(target=lambda: (threading.main_thread().join(), print("thread:", where()))).start()
    print("main:", where(), sys.argv, sys.path[0] == os.path.dirname(os.path.abspath(__file__)))
    if len(sys.argv) > 1:
        sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return file


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (("windows-selector",), "linux posix _WindowsSelectorEventLoop"),
        (("windows-selector", "--impersonate", "__main__"), "win32 nt _WindowsSelectorEventLoop"),
        (("macos", "--impersonate", "__main__"), "darwin posix _UnixSelectorEventLoop"),
        (("linux-select",), "linux posix _UnixSelectorEventLoop"),
        (("asyncio",), "linux posix _UnixSelectorEventLoop"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")
def test_script(cli: Command, script: Path, arguments: tuple[str, ...], seen: str) -> None:
    done = cli("exec", "--on", *arguments, script, "0", "-x")
    assert (done.returncode, done.stderr) == (0, "")
    main, *others = done.stdout.splitlines()
    assert main == f"main: {seen} {[str(script), '0', '-x']} True"
    assert sorted(others) == [f"at exit: {seen}", f"thread: {seen}"]


def test_module(cli: Command, script: Path, tmp_path: Path) -> None:
    done = cli("exec", "--on", "macos", "--impersonate", "program", "-m", "program", "3")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith("main: linux posix _UnixSelectorEventLoop")  # it is `__main__`, not `program`


def test_module_of_a_package_that_is_named(cli: Command, script: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import program\nprint(program.where())\n")
    done = cli("exec", "--on", "windows-selector", "--impersonate", "program", "other.py")
    assert (done.returncode, done.stdout) == (0, "win32 nt _WindowsSelectorEventLoop\n")


def test_pytest(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import asyncio, unittest\n"
        "class TestLoop(unittest.IsolatedAsyncioTestCase):\n"
        "    async def test_reader(self):\n"
        "        asyncio.get_running_loop().add_signal_handler(2, print)\n"
    )
    done = cli("exec", "--on", "windows-selector", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert done.returncode == 1
    assert "FAILED test_it.py::TestLoop::test_reader - NotImplementedError" in done.stdout


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('words')", 1, "words\n"),
    ],
)
def test_status(cli: Command, tmp_path: Path, code: str, status: int, error: str) -> None:
    (tmp_path / "program.py").write_text(code)
    done = cli("exec", "--on", "asyncio", "program.py")
    assert (done.returncode, done.stderr) == (status, error)


@pytest.mark.parametrize("arguments", [("program.py",), ("-m", "program")])
def test_an_error_is_shown_as_python_shows_it(cli: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "program.py").write_text("def f():\n    1 / 0\nf()\n")
    done = cli("exec", "--on", "asyncio", *arguments)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "program.py" in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("program.py",), "Missing option '--on'."),
        (("--on", "asyncio"), "name a script, or a module after -m"),
        (("--on", "windows", "program.py"), "unknown backend 'windows': "),
        (("--on", "asyncio", "missing.py"), "cannot open 'missing.py': there is no such file"),
        (("--on", "asyncio", "-m", "missing"), "No module named missing"),
        (("--on", "asyncio", "--impersonate", "x", "x.py"), "cannot open 'x.py': there is no such file"),
        (("--on", "asyncio", "--impersonate", "x", "-m", "this"), "asyncio is this machine's own platform: "),
        (("--on", "macos@version=1", "x.py"), "macos: knob version: "),
    ],
)
def test_usage(cli: Command, arguments: tuple[str, ...], complaint: str) -> None:
    done = cli("exec", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"everyloop: {complaint}")
    assert done.stderr.count("\n") == 1


def test_ctrl_c(commands: Commands) -> None:
    (commands.folder / "program.py").write_text(
        "import asyncio, pathlib\n"
        "async def main():\n"
        "    pathlib.Path('here').touch()\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with commands.start("exec", "--on", "macos", "program.py") as process:
        try:
            wait_until((commands.folder / "here").exists)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.stderr is not None
        assert process.stderr.read() == ""
