"""The pool when the machine, or somebody on it, is not kind."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from everyloop.harness.pool import ending

from ..conftest import Command
from .runs import TESTS, Commands, by_case

STRANGERS = """
import asyncio
from everyloop.harness.pool import Pool
from everyloop.harness.orders import Selection

HELLOS = [
    b"GET / HTTP/1.0\\n",
    b"[]\\n",
    b'{"token": "guessed", "worker": 1}\\n',
    b'{"token": 3, "worker": 1}\\n',
    b'{"worker": 1}\\n',
    b"",
]

async def main():
    async with Pool.open(1, 10, Selection("loop_method_is_present and add_reader")) as pool:
        for hello in HELLOS:
            reader, writer = await asyncio.open_connection("127.0.0.1", pool._port)
            writer.write(hello)
            writer.write_eof()
            assert await reader.read() == b"", hello
            writer.close()
        print([case.case for case in (await pool.probe("asyncio")).cases])

asyncio.run(main())
"""

DAMAGE = """
from everyloop.conformance import catalogue

def areas():
    raise OSError("no catalogue")

catalogue.areas = areas
"""

ON_A_BAD_DAY = """
import sys
from everyloop.harness import cli, inherited, pool, processes

def refuse(*_, **__):
    raise OSError(11, "Resource temporarily unavailable")

{breakage}
cli.main()
"""


def test_a_stranger_on_our_port_is_turned_away(python: Command) -> None:
    done = python("-c", STRANGERS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['surface::loop_method_is_present[add_reader]']\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a loop that can watch descriptors")
def test_a_backend_that_opens_no_more_ends_the_run(commands: Commands) -> None:
    notes = commands.folder / "first"
    cases = "loop_method_is_present and get_debug or a_reader_is_called_with or loop_is_closed_after_close"
    selection = ("-n", "1", "-k", cases)
    done = commands.judge("canaries.lacking:once", *selection, env={"CANARY_NOTES": str(notes)})
    assert done.status == 3
    assert done.stderr == (
        "everyloop: everyloop itself failed: 3 workers in a row did not start: "
        "canaries.lacking:once: the factory raised OSError: only in the first process\n"
    )
    assert "incomplete: the run was ended before every case had its verdict" in done.stdout
    (run,) = commands.runs().values()
    assert run.get("incomplete")
    assert {case: result["verdict"] for case, result in by_case(run).items()} == {
        "surface::loop_method_is_present[get_debug]": "pass",
        "readers::a_reader_is_called_with_its_arguments": "crash",
    }


@pytest.mark.parametrize(
    ("breakage", "start"),
    [("template.Template.fork = refuse", "fork"), ("processes.spawn = refuse", "spawn")],
    ids=["fork", "spawn"],
)
def test_a_machine_that_starts_no_more_processes(python: Command, breakage: str, start: str) -> None:
    if start == "fork" and sys.platform != "linux":
        pytest.skip("workers are forked on Linux only")
    script = ON_A_BAD_DAY.format(breakage=f"from everyloop.harness import template\n{breakage}")
    arguments = ("run", "asyncio", "-n", "2", "-k", "loop_method_is_present and add_reader")
    done = python("-c", script, *arguments, env={"EVERYLOOP_START_METHOD": start, "PYTHONPATH": str(TESTS)})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "everyloop: everyloop itself failed: a worker cannot be started: [Errno 11] Resource temporarily unavailable\n"
    )


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_an_installation_that_is_damaged(python: Command, tmp_path: Path, start: str) -> None:
    # As if the catalogue could not be read by the workers: pytest ends before there is anything to run.
    (tmp_path / "sitecustomize.py").write_text(DAMAGE)
    breakage = (
        "whole = inherited.neutral_environment\n"
        f"inherited.neutral_environment = lambda given: whole(given) | {{'PYTHONPATH': {str(tmp_path)!r}}}"
    )
    script = ON_A_BAD_DAY.format(breakage=breakage)
    for command in (("run", "asyncio", "-n", "1"), ("list", "cases")):
        done = python("-c", script, *command, env={"EVERYLOOP_START_METHOD": start})
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("everyloop: everyloop itself failed: the cases cannot be collected:\n")
        assert "no catalogue" in done.stderr


@pytest.mark.parametrize(
    ("returncode", "name"),
    [(0, "exit status 0"), (3, "exit status 3"), (0xC0000005, "exit status 0xc0000005"), (-9, "SIGKILL")],
)
def test_ends_have_names(returncode: int, name: str) -> None:
    if returncode == -9 and sys.platform == "win32":
        pytest.skip("Windows has no SIGKILL")
    assert ending(returncode) == name


@pytest.mark.skipif(sys.platform != "linux", reason="needs real-time signals")
def test_a_signal_without_a_name_has_its_number() -> None:
    number = signal.SIGRTMIN + 1
    assert ending(-number) == f"signal {number:d}"
