"""All that the pages say to type and to write works: commands, programs, files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from . import documentation
from .conftest import PATIENCE, neutral
from .documentation import PAGE, Block, blocks
from .harness.made import result, run, write

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux, and bash is there"),
]

LANGUAGES = {"sh", "python", "toml", "ini", "json", "yaml", "text"}
USUAL = {0, 1}
"""The exit status of a command that did what it says: whether all is as expected is for the loops."""

PRELUDE = {"README.md": "async def main() -> None: ...\n"}
"""What programs on a page leave to the reader."""

APPLICATION = """
import asyncio


async def main() -> str:
    await asyncio.sleep(0)
    return "done"


if __name__ == "__main__":
    asyncio.run(main())
"""
TESTS = """
import asyncio
import unittest

import myapp.__main__


class TestApplication(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        assert await myapp.__main__.main() == "done"


def test_it_with_run():
    assert asyncio.run(myapp.__main__.main()) == "done"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a program, a loop, results and what else the pages take for granted."""
    for name, text in {
        "myapp/__init__.py": "",
        "myapp/__main__.py": APPLICATION,
        "mypackage/__init__.py": "",
        "mypackage/loops.py": "from asyncio import new_event_loop as new_loop\n",
        "program.py": APPLICATION,
        "tests/test_app.py": TESTS,
        "known.toml": "# nothing is known\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "results").mkdir()
    emulated = [run(f"windows-{kind}", platform="win32", emulated=True) for kind in ("selector", "proactor")]
    real = [run(f"asyncio-{kind}", platform="win32") for kind in ("selector", "proactor")]
    for name, runs in {
        "linux.json": [run("asyncio"), *emulated],
        "windows.json": real,
        "macos.json": [run("asyncio", platform="darwin")],
        "old.json": [run("uvloop", [result(verdict="fail")])],
        "new.json": [run("uvloop")],
        "all.json": [run("asyncio"), run("uvloop")],
        "out.json": [run("uvloop")],
        "results/linux.json": [run("uvloop")],
        "results/macos.json": [run("uvloop", platform="darwin")],
    }.items():
        write(tmp_path / name, *runs)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in documentation.PROGRAMS:
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{documentation.__file__}" {name} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def commands(text: str) -> Iterator[str]:
    """The commands of a block of shell, each with its lines."""
    lines = text.replace("\\\n", " ").splitlines()
    yield from (line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def execute(command: list[str], folder: Path, block: Block) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env=neutral({"PATH": path, PAGE: block.page, "GITHUB_STEP_SUMMARY": str(folder / "step.md")}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_there_is_nothing_in_a_language_that_nobody_checks() -> None:
    assert {block.language for block in blocks()} <= LANGUAGES
    assert len(blocks("sh")) >= 12
    for page in documentation.pages():
        fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * sum(
            block.page == page.relative_to(documentation.ROOT).as_posix() for block in blocks()
        )


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_commands_do_what_they_say(block: Block, folder: Path) -> None:
    for command in commands(block.text):
        done = execute(["bash", "-c", command], folder, block)
        assert done.returncode in USUAL, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, command


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_programs_run(block: Block, folder: Path) -> None:
    (folder / "test_block.py").write_text(PRELUDE.get(block.page, "") + block.text)
    with_pytest = ["-m", "pytest", "-p", "no:cacheprovider"] if "def test_" in block.text else []
    done = execute([sys.executable, *with_pytest, "test_block.py"], folder, block)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("toml", "ini", "json"), ids=str)
def test_files_are_what_they_are_called(block: Block) -> None:
    if block.language == "toml":
        assert tomllib.loads(block.text)
    elif block.language == "json":
        assert json.loads(block.text)
    else:
        found = ConfigParser(interpolation=None)
        found.read_string(block.text)
        assert found.sections()
