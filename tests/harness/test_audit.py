"""The audit as a user meets it: of a test run, of a program, in its three forms."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from everyloop.harness.audit import document

from ..conftest import Command
from .runs import Commands, wait_until

pytestmark = pytest.mark.once
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="watches pipes with epoll")

PROGRAM = """
import asyncio
import os
import sys

async def main():
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    loop.add_reader(reading, print)
    loop.remove_reader(reading)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()

if __name__ == "__main__":
    asyncio.run(main())
    print("the program's own", sys.argv[1:])
    sys.exit(3)
"""
TESTS = """
import asyncio
import unittest

import program

class TestProgram(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        await program.main()

def test_it_by_run():
    asyncio.run(program.main())

def test_timer():
    asyncio.run(asyncio.sleep(0.001))

def test_no_loop():
    pass

def test_failing():
    assert not "good"
"""
WINDOWS = "Windows: needs add_reader() on a pipe: no loop of the standard library on Windows has it"
SITE = {"file": "program.py", "line": 9, "function": "main"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "test_program.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.fixture(scope="session")
def sarif() -> jsonschema.protocols.Validator:
    schema = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def read(path: Path) -> dict[str, Any]:
    """Read a report, which keeps to its schema."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(document.json_schema()).validate(content)
    return content


def found(content: dict[str, Any], loop: str) -> dict[str, dict[str, Any]]:
    """The findings about a loop, of the newest Python, by limit."""
    judged = [one for one in content["judgements"] if one["loop"] == loop][-1]
    return {finding["limit"]: finding for finding in judged["findings"]}


def pytest_in(python: Command, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return python("-m", "pytest", "-p", "no:cacheprovider", *arguments, **options)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(document.json_schema())


@needs_linux
class TestTestRun:
    @pytest.mark.usefixtures("folder")
    def test_terminal(self, python: Command) -> None:
        done = pytest_in(python, "--everyloop-audit")
        assert done.returncode == 1  # of the test that fails
        said = done.stdout.splitlines()
        assert WINDOWS in said
        assert "macOS: works on macos, macos-poll and macos-select" in said
        assert "      program.py:9 in main" in said
        assert "\x1b" not in done.stdout

    @pytest.mark.usefixtures("folder")
    def test_status_is_that_of_the_tests(self, python: Command) -> None:
        done = pytest_in(python, "--everyloop-audit", "--deselect", "test_program.py::test_failing")
        assert done.returncode == 0
        assert WINDOWS in done.stdout

    @pytest.mark.usefixtures("folder")
    def test_colours(self, python: Command) -> None:
        assert "\x1b[1;31mbreaks\x1b[0m" in pytest_in(python, "--everyloop-audit", "--color=yes").stdout

    @pytest.mark.usefixtures("folder")
    def test_quiet(self, python: Command) -> None:
        done = pytest_in(python, "--everyloop-audit", "-q")
        assert WINDOWS in done.stdout
        assert "program.py:9" not in done.stdout

    def test_nothing_without_the_option(self, python: Command, folder: Path) -> None:
        (folder / "test_untouched.py").write_text(
            "import asyncio, sys\n"
            "def test_untouched():\n"
            "    assert 'everyloop.harness.audit.recording' not in sys.modules\n"
            "    assert '__init_subclass__' not in vars(asyncio.AbstractEventLoop)\n"
        )
        done = pytest_in(python, "test_untouched.py")
        assert done.returncode == 0
        assert "everyloop" not in done.stdout.partition("\n\n")[2]

    @pytest.mark.parametrize("workers", [[], ["-n", "2"], ["-n", "2", "--dist", "loadfile"]], ids=" ".join)
    def test_report(self, python: Command, folder: Path, workers: list[str]) -> None:
        done = pytest_in(python, "--everyloop-audit=report.json", *workers)
        assert done.returncode == 1
        assert WINDOWS in done.stdout
        content = read(folder / "report.json")
        uses = {use["call"]: use for use in content["uses"]}
        assert uses["add_reader"] == {"call": "add_reader", "circumstances": ["pipe"], "count": 2, **SITE}
        assert uses["subprocess_exec"]["count"] == 2
        assert uses["call_later"]["file"] == "test_program.py"
        assert {amount["amount"] for amount in content["amounts"]} >= {"shortest-timer", "sockets-at-once"}
        assert content["lost"] == 0
        assert found(content, "windows-selector")["windows-selector-sockets-only"]["sites"] == [SITE]
        assert set(found(content, "windows-proactor")) == {"windows-proactor-readers", "windows-waits"}
        assert found(content, "asyncio-epoll") == {}

    def test_report_says_that_a_worker_is_missing(self, python: Command, folder: Path) -> None:
        (folder / "test_crash.py").write_text("import os\ndef test_crash():\n    os._exit(1)\n")
        done = pytest_in(python, "--everyloop-audit=report.json", "-n", "1", "--max-worker-restart=1")
        assert "incomplete: 1 process ended without telling what it did" in done.stdout
        assert read(folder / "report.json")["lost"] == 1

    def test_sarif(self, python: Command, folder: Path, sarif: jsonschema.protocols.Validator) -> None:
        pytest_in(python, "--everyloop-audit=report.sarif")
        content = json.loads((folder / "report.sarif").read_text(encoding="utf-8"))
        sarif.validate(content)
        (run,) = content["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
        (result,) = (result for result in run["results"] if result["ruleId"] == "windows-selector-sockets-only")
        assert result["level"] == "error"
        (place,) = (location["physicalLocation"] for location in result["locations"])
        assert place["artifactLocation"] == {"uri": "program.py", "uriBaseId": "ROOT"}
        assert place["region"] == {"startLine": 9}
        assert WINDOWS in run["properties"]["conclusions"]
        assert {result["level"] for result in run["results"]} == {"error", "note"}

    def test_no_loop(self, python: Command, folder: Path) -> None:
        done = pytest_in(python, "--everyloop-audit=report.json", "-k", "no_loop")
        assert "no event loop ran, so there is nothing to tell" in done.stdout
        assert read(folder / "report.json")["loops"] == []

    @pytest.mark.parametrize(
        ("value", "complaint"),
        [
            ("=nowhere/report.json", "cannot write nowhere/report.json: No such file or directory"),
            ("=report.txt", "'report.txt' is no name of a report: it ends with .json or .sarif"),
            ("=made.json", "cannot write made.json: it is a folder"),
        ],
    )
    @pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
    def test_usage(self, python: Command, folder: Path, value: str, complaint: str, workers: list[str]) -> None:
        (folder / "made.json").mkdir()
        done = pytest_in(python, f"--everyloop-audit{value}", *workers)
        assert done.returncode == 4
        assert done.stderr.strip() == f"ERROR: --everyloop-audit: {complaint}"
        assert "test_program" not in done.stdout

    @pytest.mark.usefixtures("folder")
    def test_a_folder_that_is_taken_for_the_report(self, python: Command) -> None:
        done = pytest_in(python, "--everyloop-audit", "test_program.py")
        assert done.returncode == 4
        assert "write `pytest test_program.py --everyloop-audit`" in done.stderr


class TestProgram:
    @needs_linux
    @pytest.mark.parametrize(
        ("backend", "loop"), [("asyncio", "asyncio.unix_events._UnixSelectorEventLoop"), ("uvloop", "uvloop.Loop")]
    )
    def test_report(self, cli: Command, folder: Path, backend: str, loop: str) -> None:
        pytest.importorskip(backend)
        done = cli("exec", "--on", backend, "--audit=report.json", "program.py", "--audit", "x")
        assert done.returncode == 3
        assert done.stdout == "the program's own ['--audit', 'x']\n"
        assert WINDOWS in done.stderr.splitlines()
        content = read(folder / "report.json")
        assert content["loops"] == [loop]
        assert [use for use in content["uses"] if use["call"] == "add_reader"] == [
            {"call": "add_reader", "circumstances": ["pipe"], "count": 1, **SITE}
        ]
        assert {use["call"] for use in content["uses"]} == {"add_reader", "remove_reader", "subprocess_exec"}

    @needs_linux
    @pytest.mark.usefixtures("folder")
    def test_without_a_report_and_a_backend(self, cli: Command) -> None:
        done = cli("exec", "--audit", "program.py")
        assert (done.returncode, done.stdout) == (3, "the program's own []\n")
        assert WINDOWS in done.stderr
        assert "\x1b" not in done.stderr

    @needs_linux
    def test_module(self, cli: Command, folder: Path, sarif: jsonschema.protocols.Validator) -> None:
        done = cli("exec", "--audit=report.sarif", "-m", "program")
        assert done.returncode == 3
        sarif.validate(json.loads((folder / "report.sarif").read_text(encoding="utf-8")))

    @needs_linux
    def test_of_another_platforms_loop(self, cli: Command, folder: Path) -> None:
        (folder / "reads.py").write_text(
            "import asyncio\n"
            "async def main():\n"
            "    await asyncio.start_server(print, '127.0.0.1', 0)\n"
            "asyncio.run(main())\n"
        )
        done = cli("exec", "--on", "windows-proactor", "--audit=report.json", "reads.py")
        assert done.returncode == 0
        content = read(folder / "report.json")
        assert content["loops"] == ["asyncio.windows_events.ProactorEventLoop"]
        assert [(use["call"], use["line"]) for use in content["uses"]] == [("create_server", 3)]

    def test_a_program_that_raises(self, cli: Command, folder: Path) -> None:
        (folder / "raises.py").write_text("import asyncio\nasyncio.run(asyncio.sleep(0))\n1 / 0\n")
        done = cli("exec", "--audit", "raises.py")
        assert done.returncode == 1
        assert "ZeroDivisionError" in done.stderr
        assert "everyloop audit: 0 calls from 0 lines" in done.stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="sends a signal of POSIX")
    def test_ctrl_c(self, commands: Commands) -> None:
        (commands.folder / "program.py").write_text(
            "import asyncio, pathlib\n"
            "async def main():\n"
            "    server = await asyncio.start_server(print, '127.0.0.1', 0)\n"
            "    pathlib.Path('here').touch()\n"
            "    await server.serve_forever()\n"
            "asyncio.run(main())\n"
        )
        with commands.start("exec", "--audit", "program.py") as process:
            try:
                wait_until((commands.folder / "here").exists)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
            except BaseException:
                process.kill()
                raise
        assert process.returncode == 130
        assert re.search(r"^everyloop audit: 1 call from 1 line, on asyncio", said)

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (
                ("--audit=report.txt", "program.py"),
                "'.*report.txt' is no name of a report: it ends with .json or .sarif",
            ),
            (("--audit=nowhere/r.json", "program.py"), "cannot write .*: No such file or directory"),
            (("--audit", "missing.py"), "cannot open 'missing.py': there is no such file"),
            (("--audit", "-m", "missing"), "No module named missing"),
            (("--audit",), "name a script, or a module after -m"),
        ],
    )
    @pytest.mark.usefixtures("folder")
    def test_usage(self, cli: Command, arguments: tuple[str, ...], complaint: str) -> None:
        done = cli("exec", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(f"everyloop: {complaint}\n", done.stderr)

    @pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="needs a user who may not write everywhere")
    def test_a_folder_that_may_not_be_written(self, cli: Command, folder: Path) -> None:
        (folder / "closed").mkdir(mode=0o500)
        done = cli("exec", "--audit=closed/r.json", "program.py")
        assert (done.returncode, done.stdout) == (2, "")
        assert "Permission denied" in done.stderr
