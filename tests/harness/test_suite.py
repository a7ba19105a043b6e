"""The fixtures and reports that the cases meet."""

from __future__ import annotations

import sys

import pytest
from everyloop.conformance import catalogue
from everyloop.conformance.gates import FREE_THREADED
from everyloop.harness.results import Result

from ..conftest import Command
from .runs import TESTS, Commands

ONE_CASE = ("-n", "1", "-k", "loop_method_is_present and add_reader")
CLOSED = ("-n", "1", "-k", "loop_is_closed_after_close")


def judged(commands: Commands, backend: str, *arguments: str) -> Result:
    commands.judge(backend, *arguments)
    (run,) = commands.runs().values()
    (result,) = run["results"]
    return result


def test_a_loop_that_cannot_be_closed_is_at_fault(commands: Commands) -> None:
    result = judged(commands, "canaries.unopenable:CannotBeClosed", *ONE_CASE)
    assert (result["verdict"], result["detail"]) == ("fail", "LoopFaultError: loop.close() raised OSError('stuck')")


def test_a_loop_that_cannot_be_made_again_is_at_fault(commands: Commands) -> None:
    result = judged(commands, "canaries.lacking:fickle", *CLOSED)
    expected = "LoopFaultError: making a loop raised OSError('only once')"
    assert (result["verdict"], result["detail"]) == ("fail", expected)


def test_a_guest_is_judged_as_far_as_it_goes(commands: Commands) -> None:
    result = judged(commands, "canaries.lacking:GUEST", *ONE_CASE)
    assert (result["verdict"], result["detail"]) == ("pass", None)
    result = judged(commands, "canaries.lacking:GUEST", *CLOSED)
    assert result["verdict"] == "skip"
    assert result["detail"] == "canaries.lacking:GUEST hands out no stopped loop"


@pytest.mark.parametrize(
    "case", ["fifo_is_read_with_kqueue", "pipe_opened_for_overlapped_io_is_read_and_written"], ids=["macos", "windows"]
)
def test_what_is_not_promised_here_is_a_skip_with_the_reason(commands: Commands, case: str) -> None:
    result = judged(commands, "asyncio", "-n", "1", "-k", case)
    why = catalogue.behaviours()[result["behaviour"]].why_not_here()
    if why is not None:
        assert (result["verdict"], result["detail"]) == ("skip", f"{result['behaviour']} holds {why}")


def test_what_the_machine_lacks_is_a_skip_with_the_reason(commands: Commands) -> None:
    result = judged(commands, "asyncio", "-n", "1", "-k", "import_leaves_the_gil_off")
    if not FREE_THREADED.holds():
        assert (result["verdict"], result["detail"]) == ("skip", FREE_THREADED.reason)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a loop that can watch descriptors")
def test_an_informational_case_never_fails_a_pytest_run(python: Command) -> None:
    arguments = ("--pyargs", "everyloop.conformance", "--everyloop", "canaries.lacking:unspeakable")
    selection = ("-k", "a_watched_descriptor_is_closed")
    done = python("-m", "pytest", *arguments, *selection, "-v", env={"PYTHONPATH": str(TESTS)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "readers.py::a_watched_descriptor_is_closed INFO " in done.stdout
    assert "\neveryloop: 1 info\n" in done.stdout


def test_a_loop_that_cannot_be_referred_to_weakly_is_kept(python: Command) -> None:
    # In a process of its own: importing the suite asks pytest to rewrite assertions, too late for what is imported.
    script = (
        "from everyloop.harness import suite\n"
        "class Slots: __slots__ = ()\n"
        "loop = Slots()\n"
        "print(suite._reference(loop)() is loop)\n"
    )
    assert python("-c", script).stdout == "True\n"


@pytest.mark.parametrize("name", ["asyncio", "asyncio-select"])
def test_the_header_names_the_backends(python: Command, name: str) -> None:
    done = python(
        "-m", "pytest", "--pyargs", "everyloop.conformance", "--everyloop", name, "--collect-only", "-k", "no"
    )
    assert f"\neveryloop: {name}\n" in done.stdout
