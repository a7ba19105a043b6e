"""Random scripts find what no single case would think of, and what they find is a program that shows it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from everyloop.conformance.scripts import programs, schedules, searching, worlds
from everyloop.conformance.subject import Exploring, InconclusiveError
from everyloop.harness import backends
from everyloop.harness.judging import judge

from .runs import TESTS, Commands, by_case

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="the canaries are selector loops with Unix sockets"),
]

SCHEDULES = "scheduling::random_schedules_are_called_in_a_legal_order"
EXCHANGES = "tcp::random_exchanges_keep_every_byte"
OPERATIONS = "surface::random_operations_leave_the_trace_of_the_control"
CONTROL = "asyncio:new_event_loop"

FINDINGS = {
    "LaterTimersFirst": (SCHEDULES, "fail", "due"),
    "RunsWhatIsCancelled": (SCHEDULES, "fail", "was called although it was cancelled"),
    "DropsNeighbours": (EXCHANGES, "fail", "the peer received"),
    "IgnoresSecondPause": (EXCHANGES, "fail", "delivered while reading was paused"),
    "LosesDataOfCancelledReceive": (OPERATIONS, "deviation", "sock_recv"),
    "SegfaultsAtThirdTimer": (SCHEDULES, "crash", "SIGSEGV"),
}


def execute(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that was found, as who found it would."""
    path = folder / "found.py"
    path.write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.run(
        [sys.executable, path, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def exploring(**changes: object) -> Exploring:
    said = {
        "run": worlds.runner(asyncio.SelectorEventLoop),
        "backend": "asyncio",
        "factory": "from asyncio import SelectorEventLoop as new_loop",
        "seconds": 0.0,
        "seed": 0,
        "executing": lambda _: None,
    }
    return Exploring(**(said | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("canary", FINDINGS)
def test_a_bug_is_found_and_shown_by_a_program(canary: str, commands: Commands) -> None:
    case, verdict, said = FINDINGS[canary]
    name = f"canaries.subtle:{canary}"
    keyword = case.partition("::")[2]
    ended = commands.judge(name, "-k", keyword, "-n", "1", "--fuzz", "30", "--fuzz-seed", "100")
    assert ended.status == 1
    (run,) = commands.runs().values()
    result = by_case(run)[case]
    detail = result["detail"] or ""
    assert (result["verdict"], said in detail) == (verdict, True), detail
    program = detail[detail.index(programs.SHEBANG) :]
    assert program.strip() in ended.stdout, "it can be copied as it stands"
    here = execute(program, commands.folder)
    assert here.returncode == (-11 if verdict == "crash" else 1), here
    there = execute(program, commands.folder, CONTROL)
    assert (there.returncode, there.stdout, there.stderr) == (0, "nothing is wrong\n", "")


def test_a_hang_yields_its_script(commands: Commands) -> None:
    name = "canaries.subtle:HangsWhenStoppedTwice"
    ended = commands.judge(name, "-k", "random_schedules", "-n", "1", "--timeout", "1.5", "--fuzz", "30")
    assert ended.status == 1
    (run,) = commands.runs().values()
    result = by_case(run)[SCHEDULES]
    assert result["verdict"] == "hang"
    assert "no verdict within 1.5 s" in (result["detail"] or "")
    assert "world.stop()" in (result["detail"] or "") or "('stop',)" in (result["detail"] or "")


def test_a_good_loop_survives(commands: Commands) -> None:
    ended = commands.judge("asyncio-select", "-k", "random_", "-n", "2", "--fuzz", "2", "--timeout", "1.9")
    assert (ended.status, programs.SHEBANG in ended.stdout) == (0, False), ended
    assert ended.seconds > 2
    (run,) = commands.runs().values()
    assert {result["verdict"] for result in run["results"]} == {"pass"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--fuzz", "0"), "Invalid value for '--fuzz'"),
        (("--fuzz", "nan"), "Invalid value for '--fuzz': nan is no time"),
        (("--fuzz", "inf"), "Invalid value for '--fuzz': inf is no time"),
        (("--fuzz", "soon"), "Invalid value for '--fuzz'"),
        (("--fuzz-seed", "1"), "--fuzz-seed needs --fuzz S"),
        (("--fuzz", "1", "--area", "FD", "-k", "removing_what"), "--fuzz: none of the chosen cases is property-based"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments: tuple[str, ...], complaint: str, commands: Commands) -> None:
    ended = commands.run("run", "asyncio", *arguments)
    assert (ended.status, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert complaint in line


def test_a_case_executes_the_same_scripts_every_time() -> None:
    def scripts() -> list[str]:
        found: list[str] = []
        searching.search_exchanges(exploring(executing=found.append), "tcp")
        searching.search_schedules(exploring(executing=found.append), asyncio.SelectorEventLoop)
        return found

    first = scripts()
    assert len(first) == 2 * searching.EXAMPLES
    assert scripts() == first


def test_an_exploration_executes_others_and_repeats_those_of_its_seed() -> None:
    def first_scripts(seed: int) -> list[str]:
        found: list[str] = []
        searching.search_exchanges(exploring(executing=found.append, seconds=0.3, seed=seed), "tcp")
        return found[:5]

    assert first_scripts(1) == first_scripts(1)
    assert first_scripts(1) != first_scripts(2)


def test_what_the_control_cannot_do_either_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "new_event_loop", broken)
    with pytest.raises(InconclusiveError, match="the control is no better here") as caught:
        searching.search_schedules(exploring(), broken)
    outcome = judge("must", "call", caught.value)
    assert outcome.verdict == "error"
    assert programs.SHEBANG in (outcome.detail or "")


def test_what_is_not_shown_again_is_no_finding() -> None:
    made: list[int] = []

    def once() -> asyncio.AbstractEventLoop:
        made.append(1)
        return broken() if len(made) == 3 else asyncio.SelectorEventLoop()

    searching.search_schedules(exploring(), once)
    assert len(made) > searching.EXAMPLES + searching.AGAIN


def broken() -> asyncio.AbstractEventLoop:
    """Make a loop that calls nothing twice, and what is scheduled last first."""
    loop = asyncio.SelectorEventLoop()
    loop._ready = _LastFirst()  # type: ignore[attr-defined]
    return loop


class _LastFirst(list[asyncio.Handle]):
    def popleft(self) -> asyncio.Handle:
        return self.pop()


def test_a_program_needs_nothing_but_the_loop(tmp_path: Path) -> None:
    steps: list[programs.Step] = [("call_soon", "c1", [("call_later", "c2", 0.001, [])]), ("run",)]
    text = programs.program(
        schedules, steps, 'it says """no"""', "asyncio", "from asyncio import new_event_loop as new_loop"
    )
    assert "everyloop" not in text
    assert "    world.call_soon('c1', [('call_later', 'c2', 0.001, [])])\n    world.run()\n" in text
    path = tmp_path / "found.py"
    path.write_text(text, encoding="utf-8")
    for options in ([], ["asyncio:SelectorEventLoop"]):
        subprocess.run([sys.executable, "-I", "-W", "error", path, *options], check=True, timeout=60)


@pytest.mark.parametrize(
    "name", ["asyncio", "asyncio-poll", "windows-selector@max_sockets=64", "canaries.lacking:GUEST"]
)
def test_the_source_of_a_backend_makes_its_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TESTS)
    bound: dict[str, object] = {}
    exec(backends.find(name).source(), bound)
    assert callable(bound["run" if "GUEST" in name else "new_loop"])
