"""A run that is ended before its time keeps what it has, and takes all of its processes with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from everyloop.harness import results

from .runs import PATIENCE, Commands, wait_until

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="signals end runs on POSIX only"),
]

SELECTION = ("--area", "FD", "-k", "removing and not leaves")
PROMPT = 6.0
"""Seconds within which an interrupted run must have ended: 2 on an idle machine."""
HANGING = pytest.mark.parametrize("canary", ["deadlocked", "holding_the_gil", "deaf", "stopped"])


@HANGING
def test_ctrl_c_ends_a_run_at_once(canary: str, commands: Commands) -> None:
    process = start_hanging(commands, canary)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole foreground group
    check_interrupted(commands, process, canary)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_are_as_good(name: str, commands: Commands) -> None:
    process = start_hanging(commands, "deadlocked")
    process.send_signal(signal.Signals[name])
    check_interrupted(commands, process, "deadlocked")


def test_impatience_does_no_harm(commands: Commands) -> None:
    process = start_hanging(commands, "deadlocked")
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    check_interrupted(commands, process, "deadlocked")


def test_a_run_can_be_interrupted_before_its_first_case(commands: Commands) -> None:
    process = commands.start(
        "run", "asyncio", "--json", str(commands.document), *SELECTION, "-n", "2", start_new_session=True
    )
    wait_until(lambda: bool(list(commands.temporary.iterdir())))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PROMPT) == 130
    process.communicate()
    assert results.read(commands.document)["runs"] == []
    commands.nothing_is_left()


def test_a_killed_run_leaves_its_verdicts_and_nobody(commands: Commands) -> None:
    process = start_hanging(commands, "deadlocked")
    process.kill()
    process.communicate(timeout=PATIENCE)
    commands.nobody_is_left()

    given = journalled(commands.journal)
    assert given
    assert not commands.document.exists()
    merged = commands.folder / "merged.json"
    with commands.start("merge", str(commands.journal), "-o", str(merged)) as merging:
        assert merging.wait(PATIENCE) == 0
    (run,) = results.read(merged)["runs"]
    assert run["backend"] == "canaries.hanging:deadlocked"
    assert run["incomplete"] is True
    assert {result["case"]: result for result in run["results"]} == given


def test_a_killed_runs_journal_is_kept_aside(commands: Commands) -> None:
    commands.journal.write_text("left by a killed run")
    for number in (1, 2):
        commands.journal.write_text(f"left by killed run {number}")
        ended = commands.judge("asyncio", "--area", "FD", "-k", "removing_twice", "-n", "1")
        kept = commands.folder / f"out.json.journal.{number}"
        assert ended.status == 0
        assert kept.read_text() == f"left by killed run {number}"
        assert f"kept as {kept}" in " ".join(ended.stderr.split())


def start_hanging(commands: Commands, canary: str) -> subprocess.Popen[str]:
    """Start a run; return when one worker hangs and others have given all the verdicts that they can give."""
    process = commands.start(
        *("run", f"canaries.hanging:{canary}", "--json", str(commands.document), *SELECTION),
        *("-n", "2", "--timeout", "600"),
        start_new_session=True,
    )
    wait_until(lambda: len(journalled(commands.journal)) >= 1)
    return process


def check_interrupted(commands: Commands, process: subprocess.Popen[str], canary: str) -> None:
    began = time.monotonic()
    given = journalled(commands.journal)
    _, stderr = process.communicate(timeout=PATIENCE)
    seconds = time.monotonic() - began
    assert process.returncode == 130
    assert "interrupted: the results are those so far" in stderr
    assert seconds < PROMPT
    commands.nothing_is_left()
    (run,) = results.read(commands.document)["runs"]
    assert run["backend"] == f"canaries.hanging:{canary}"
    assert run["incomplete"] is True
    found = {result["case"]: result for result in run["results"]}
    assert found.items() >= given.items()
    assert {result["verdict"] for result in run["results"]} == {"pass"}


def journalled(journal: Path) -> dict[str, results.Result]:
    """Return what the journal has by now; its last line may not be complete yet."""
    if not journal.exists():
        return {}
    lines = journal.read_text().splitlines(keepends=True)
    entries = [json.loads(line) for line in lines if line.endswith("\n")]
    return {entry[1]["case"]: entry[1] for entry in entries if isinstance(entry, list)}
