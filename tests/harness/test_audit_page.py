"""What the page about audits shows is what everyloop says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from everyloop.harness.audit import judging

from ..conftest import Command

pytestmark = pytest.mark.once


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "audit.md").read_text(encoding="utf-8")


def block(page: str, mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert found is not None, mark
    return found[1]


@pytest.mark.skipif(sys.platform != "linux", reason="the answer on Linux")
def test_the_example(cli: Command, tmp_path: Path, page: str) -> None:
    (tmp_path / "program.py").write_text(block(page, "program"))
    done = cli("exec", "--audit", "program.py")
    assert (done.returncode, done.stdout) == (0, "")
    said = done.stderr.splitlines()
    for line in filter(None, block(page, "answer").splitlines()):
        assert line in said


def test_the_commands(cli: Command, python: Command, page: str) -> None:
    offered = python("-m", "pytest", "--help").stdout
    assert "--everyloop-audit" in offered
    helped = cli("exec", "--help").stdout
    for option in re.findall(r"everyloop exec (--\w+)", page):
        assert option in helped


def test_every_effect_is_explained(page: str) -> None:
    for effect in judging.EFFECTS:
        assert f"| `{effect}` |" in page
