"""Whatever a loop does to the process, every case gets its true verdict, and nothing is lost or left behind.

Each family of canaries is judged by one command, on one worker and on several. The first backend of each command is a
canary that does no harm: it tells the verdicts of the other cases, and which cases call what the others do harm in.
"""

from __future__ import annotations

import collections
import math
import re
import sys
from dataclasses import dataclass

import pytest
from everyloop.harness import results

from .runs import Commands, Ended, Verdicts, by_case, verdicts

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="the canaries use fork(), signals and poll()"),
]

CONTROL = "canaries.harmless:taking_notes"
SELECTION = ("--area", "FD", "-k", "removing and not leaves")
FEW = ("--area", "FD", "-k", "removing_a_watcher_twice or removing_twice_does_nothing")
FEWER = ("--area", "FD", "-k", "removing_a_watcher_twice or removing_what_was_never_added")
WORKERS = pytest.mark.parametrize("workers", [1, 3])
SLACK = 20.0
"""Seconds that everything but the hangs may take, on a machine that is busy with other things."""


@dataclass(frozen=True)
class Fate:
    """What is expected of the cases that a canary does harm in; the texts are regular expressions."""

    verdict: str
    cleanup: str = "clean"
    detail: str = ""


LOST = "unknown: the process was lost"


def crash(how: str) -> Fate:
    return Fate("crash", LOST, f"the process ended with {how}")


def hang(details: str) -> Fate:
    return Fate("hang", LOST, f"(?s)no verdict within 2 s{details}")


def left(cleanup: str) -> Fate:
    return Fate("pass", cleanup)


CRASHING = {
    "segfault": crash(r"SIGSEGV\nFatal Python error: Segmentation fault\n(?s:.)*crashing.py\", line \d+ in segfault"),
    "abort": crash(r"SIGABRT\nFatal Python error: Aborted\n(?s:.)*crashing.py\", line \d+ in abort"),
    "killed": crash("SIGKILL"),
    "exit_quietly": crash("exit status 0"),
    "system_exit": Fate("fail", detail="^SystemExit: out of a callback"),
    "keyboard_interrupt": Fate("fail", detail="KeyboardInterrupt: out of a callback"),
}
HANGING = {
    "spinning": hang(r"\nTimeout .*hanging.py\", line \d+ in spinning\n"),
    "deadlocked": hang(r"\nTimeout .*hanging.py\", line \d+ in deadlocked\n"),
    "holding_the_gil": hang(r"\nTimeout .*hanging.py\", line \d+ in holding_the_gil\n"),
    "deaf": hang(r"\nTimeout .*hanging.py\", line \d+ in deaf\n"),
    "unwatched": hang(", and the watchdog did not end it"),
    "stopped": hang(", and the watchdog did not end it"),
    "cut_off": hang("$"),  # it closed the file that the stacks are written to
}
CLOSING = {
    "standard_streams": left(r"closed descriptors that were not its own: 0, 1, 2"),
    # The descriptors of the loop and of the case are gone too: what remains of the case cannot go well.
    "everything": Fate("fail", r"closed descriptors that were not its own: 0, 1, 2, \d.*", "Bad file descriptor"),
}
LEAKING = {
    "a_descriptor": left("descriptors left open: 1 character device"),
    "a_thread": left("threads left running: leaked"),
    "a_child": left("child processes left: sh"),
    "a_forked_child": left(r"child processes left: \S*python\S*"),
    "a_daemon": left(r"child processes left: \S*python\S*"),
    # It ends by itself, in general sooner than the worker stops waiting for it.
    "a_returning_child": left(r"clean|child processes left: \S*python\S*"),
}
MEDDLING = {
    "signal_handler": left("signal handlers changed: SIGUSR1"),
    "signal_mask": left("signal mask changed: .*SIGUSR1.*"),
    "wakeup_fd": left(r"descriptors left open: 2 pipe; wakeup fd changed: \d+"),
    "policy": left(r"event loop policy changed: <asyncio\.[^ ]* object>"),
    "environment": left("environment variables changed: CANARY"),
    "working_directory": left("current directory changed: '/'"),
    "running_loop": left("running loop changed: <_RunningLoop .*>"),
}
HARMLESS = {
    "lazy": Fate("pass"),
    "chatty": Fate("pass"),
}


@pytest.mark.parametrize(
    ("module", "fates"),
    [("crashing", CRASHING), ("closing", CLOSING), ("leaking", LEAKING), ("meddling", MEDDLING)],
    ids=["crashing", "closing", "leaking", "meddling"],
)
@WORKERS
def test_harm_is_told_and_contained(module: str, fates: dict[str, Fate], workers: int, commands: Commands) -> None:
    # A worker waits for leaks to go away: the fewer, the better.
    selection = SELECTION if module != "leaking" else FEW if workers > 1 else FEWER
    ended = judge(commands, module, fates, *selection, "-n", str(workers))
    assert ended.status == 1
    check(commands, module, fates)


@WORKERS
def test_hangs_are_ended_from_outside(workers: int, commands: Commands) -> None:
    selection = FEW if workers > 1 else FEWER
    ended = judge(commands, "hanging", HANGING, *selection, "-n", str(workers), "--timeout", "2")
    assert ended.status == 1
    victims = check(commands, "hanging", HANGING)
    # Those that disable the watchdog take the time that it is given, too.
    allowed = math.ceil(len(victims) / workers) * (2 * len(HANGING) + 2 * 1.5)
    assert ended.seconds <= allowed + SLACK


@WORKERS
def test_what_is_no_harm_is_not_told(workers: int, commands: Commands) -> None:
    ended = judge(commands, "harmless", HARMLESS, *SELECTION, "-n", str(workers))
    assert ended.status == 0
    check(commands, "harmless", HARMLESS)


def test_workers_need_no_template(commands: Commands) -> None:
    fates = {
        "crashing:segfault": CRASHING["segfault"],
        "hanging:holding_the_gil": HANGING["holding_the_gil"],
        "leaking:a_daemon": LEAKING["a_daemon"],
        "closing:everything": CLOSING["everything"],
    }
    names = [f"canaries.{name}" for name in fates]
    env = {"EVERYLOOP_START_METHOD": "spawn", "CANARY_NOTES": str(commands.folder / "notes")}
    ended = commands.judge(CONTROL, *names, *FEWER, "-n", "2", "--timeout", "2", env=env)
    assert ended.status == 1
    check(commands, "", fates)


def test_the_end_of_one_worker_does_not_touch_what_another_started(commands: Commands) -> None:
    memory = commands.folder / "memory"
    env = {"CANARY_MEMORY": str(memory)}
    commands.judge("canaries.wavering:daemon_among_crashes", *SELECTION, "-n", "2", env=env)
    (run,) = commands.runs().values()
    found = collections.Counter(result["verdict"] for result in run["results"])
    assert found == {"pass": 7, "crash": 3}


def judge(commands: Commands, module: str, fates: dict[str, Fate], *options: str) -> Ended:
    names = [f"canaries.{module}:{name}" for name in fates]
    return commands.judge(CONTROL, *names, *options, env={"CANARY_NOTES": str(commands.folder / "notes")})


def check(commands: Commands, module: str, fates: dict[str, Fate]) -> set[str]:
    """Compare every verdict with what is expected; return the cases that canaries did harm in."""
    runs = commands.runs()
    control = verdicts(runs.pop(CONTROL))
    notes = set((commands.folder / "notes").read_text().splitlines())
    victims = {case for case in control if case.partition("::")[2] in notes}
    assert victims
    assert victims != control.keys()
    assert set(control.values()) == {("pass", "clean")}
    prefix = f"canaries.{module}:" if module else "canaries."
    assert list(runs) == [prefix + name for name in fates]
    for backend, run in runs.items():
        check_run(run, fates[backend.removeprefix(prefix)], victims, control)
    return victims


def check_run(run: results.Run, fate: Fate, victims: set[str], control: Verdicts) -> None:
    assert "incomplete" not in run
    assert [result["case"] for result in run["results"]] == list(control), "not every case has one result, in order"
    for case, result in by_case(run).items():
        about = f"{case} on {run['backend']}"
        assert not result["flaky"], about
        if case in victims:
            assert result["verdict"] == fate.verdict, about
            assert re.fullmatch(fate.cleanup, result["cleanup"]), f"{about}: {result['cleanup']}"
            assert re.search(fate.detail, result["detail"] or ""), f"{about}: {result['detail']}"
        else:
            assert (result["verdict"], result["cleanup"]) == control[case], about
