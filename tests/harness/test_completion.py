"""Shell completion: what click is told, and what a real shell makes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from everyloop.conformance import catalogue
from everyloop.harness.cli import cli as everyloop
from everyloop.harness.cli_completion import SHELLS

from ..conftest import PATIENCE, Command, neutral

pytestmark = pytest.mark.once


def offered(*words: str) -> list[str]:
    """What is offered for the last word."""
    asked = ShellComplete(everyloop, {}, "everyloop", "_EVERYLOOP_COMPLETE")
    return [item.value for item in asked.get_completions(list(words[:-1]), words[-1])]


def test_commands_and_options() -> None:
    assert offered("co") == ["compare", "completion"]
    assert "--durations" in offered("run", "--")
    assert offered("list", "l") == ["limits"]
    assert offered("completion", "") == list(SHELLS)


def test_backends() -> None:
    assert {"asyncio", "uvloop", "windows-selector"} <= set(offered("run", ""))
    assert "trio" not in offered("run", "tr")
    assert {"trio", "trio-asyncio"} == set(offered("probe", "tr"))
    assert {"windows-selector", "windows-proactor"} == set(offered("run", "asyncio", "windows-"))
    assert offered("exec", "--on", "macos") == ["macos", "macos-10.8"]
    assert offered("run", "mypackage.loops:") == []


def test_why_a_backend_cannot_be_run_is_beside_it() -> None:
    asked = ShellComplete(everyloop, {}, "everyloop", "_EVERYLOOP_COMPLETE")
    found = {item.value: item.help for item in asked.get_completions(["run"], "asyncio")}
    assert found["asyncio"] is None
    absent = "asyncio-epoll" if sys.platform == "win32" else "asyncio-proactor"
    assert found[absent]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("windows-selector@", ["windows-selector@max_sockets=", "windows-selector@clock_resolution="]),
        ("windows-selector@max", ["windows-selector@max_sockets="]),
        ("windows-selector@max_sockets=64,", ["windows-selector@max_sockets=64,clock_resolution="]),
        ("macos@v", ["macos@version="]),
        ("macos-10.8@", []),  # its version is what it is
        ("uvloop@", []),
        ("nothing@", []),
    ],
)
def test_knobs(word: str, expected: list[str]) -> None:
    assert offered("run", word) == expected


def test_levels_areas_and_cases() -> None:
    assert offered("run", "--level", "") == list(catalogue.LEVELS)
    assert offered("run", "--area", "") == [area.code for area in catalogue.areas()]
    assert offered("run", "--area", "fd") == ["FD"]
    assert "add_reader_replaces_callback" in offered("run", "-k", "add_r")
    assert "readers" in offered("run", "-k", "read")


def test_every_case_is_offered(cli: Command) -> None:
    rows = json.loads(cli("list", "cases", "--json").stdout)
    names = {row["case"].partition("[")[0].partition("::")[2] for row in rows}
    assert len(names) > 1000
    assert names <= set(offered("run", "-k", ""))


@pytest.mark.parametrize("words", [("exec", "--on", "macos", "pro"), ("report", "out"), ("merge", "a.json", "b")])
def test_files_are_the_shells(words: tuple[str, ...]) -> None:
    asked = ShellComplete(everyloop, {}, "everyloop", "_EVERYLOOP_COMPLETE")
    assert [item.type for item in asked.get_completions(list(words[:-1]), words[-1])] == ["file"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_everyloop(cli: Command, shell: str) -> None:
    done = cli("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_EVERYLOOP_COMPLETE={shell}_complete" in done.stdout


def test_a_shell_that_is_not_known(cli: Command) -> None:
    done = cli("completion", "csh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in done.stderr


class TestShells:
    """The script in the shell that it is for."""

    def ask(self, shell: str, script: str, program: str, folder: Path) -> list[str]:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        path = os.pathsep.join([str(Path(program).parent), os.environ["PATH"]])
        done = subprocess.run(
            [shell, "-c", script],
            env=neutral({"PATH": path}),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    @pytest.mark.skipif(sys.platform == "win32", reason="bash is another system's there")
    def test_bash(self, program: str, tmp_path: Path) -> None:
        script = """
eval "$(everyloop completion bash)"
complete -p everyloop > registered
COMP_WORDS=(everyloop run asyncio windows-p) COMP_CWORD=3
_everyloop_completion everyloop
echo "${COMPREPLY[@]}"
"""
        assert self.ask("bash", script, program, tmp_path) == ["windows-proactor"]
        assert (tmp_path / "registered").read_text().split()[-3:] == ["-F", "_everyloop_completion", "everyloop"]

    def test_fish(self, program: str, tmp_path: Path) -> None:
        script = "everyloop completion fish | source; complete -C 'everyloop run windows-p' | cut -f1"
        assert self.ask("fish", script, program, tmp_path) == ["windows-proactor"]
