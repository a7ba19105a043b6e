"""What is unexpected is tried again in a fresh process, then on the control: no loop is accused too early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .runs import Commands, by_case

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the canaries wait in poll()")

SELECTION = ("--area", "FD", "-k", "removing_a_watcher_twice or removing_what_was_never_added", "-n", "2")
VICTIM = "readers::removing_a_watcher_twice_returns_false[reader]"


@pytest.mark.parametrize("canary", ["failing_once", "crashing_once"])
def test_what_goes_well_the_second_time_is_flaky(canary: str, commands: Commands) -> None:
    memory = commands.folder / "memory"
    ended = commands.judge(f"canaries.wavering:{canary}", *SELECTION, env={"CANARY_MEMORY": str(memory)})
    assert ended.status == 0
    (run,) = commands.runs().values()
    found = by_case(run)
    assert (found[VICTIM]["verdict"], found[VICTIM]["cleanup"]) == ("pass", "clean")
    assert [case for case in found if found[case]["flaky"]] == [VICTIM]
    first, second = memory.read_text().split()
    assert first != second


def test_what_fails_every_time_is_not_flaky(commands: Commands) -> None:
    ended = commands.judge("canaries.wavering:failing_always", *SELECTION)
    assert ended.status == 1
    (run,) = commands.runs().values()
    found = by_case(run)
    assert found[VICTIM]["verdict"] == "fail"
    assert not any(result["flaky"] for result in found.values())


def test_what_the_control_cannot_do_either_is_an_error(commands: Commands) -> None:
    # Python imports a module of this name at its start: a broken installation, as far as everyloop can know.
    broken = commands.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import asyncio\n"
        "def remove_reader(self, fd):\n"
        "    raise RuntimeError('a broken standard library')\n"
        "asyncio.SelectorEventLoop.remove_reader = remove_reader\n"
    )
    ended = commands.judge("asyncio-poll", *SELECTION, import_path=[Path(broken)])
    assert ended.status == 1
    (run,) = commands.runs().values()
    found = by_case(run)
    assert found[VICTIM]["verdict"] == "error"
    detail = found[VICTIM]["detail"] or ""
    assert detail.startswith("the control (asyncio) is no better here: fail, clean: RuntimeError: a broken standard")
    assert found[VICTIM.replace("reader]", "writer]")]["verdict"] == "pass"
