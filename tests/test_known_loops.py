"""The baselines of other people's loops: each accusation has a reason and evidence, which stands alone."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from everyloop.harness import backends
from everyloop.harness.baselines import Baseline

BASELINES = Path(__file__).resolve().parents[1] / "baselines"
FILES = sorted(BASELINES.glob("*.toml"))
GOOD = {"pass", "info", "skip"}

pytestmark = pytest.mark.once


def entries(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["expected"]
    return found


def accusations(path: Path) -> list[dict[str, Any]]:
    """The tables that expect a verdict which is not good, or something that is left behind."""
    return [
        row
        for row in entries(path)
        if not GOOD.issuperset(row["verdict"].split() if isinstance(row["verdict"], str) else row["verdict"])
        or "cleanup" in row
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestFiles:
    def test_it_is_about_the_loop_that_it_is_called_after(self, path: Path) -> None:
        assert {name for found in Baseline.read(path).expectations for name in found.backends} == {path.stem}
        assert backends.find(path.stem).name == path.stem

    def test_every_accusation_has_a_reason_and_evidence(self, path: Path) -> None:
        for row in accusations(path):
            assert row["reason"], row
            assert "\n" not in row["reason"], row
            assert "url" in row or (BASELINES / row["evidence"]).is_file(), row

    def test_every_script_is_evidence_of_something(self, path: Path) -> None:
        named = {row["evidence"] for row in entries(path) if "evidence" in row}
        folder = BASELINES / "evidence" / path.stem.replace("-", "_")
        assert named == {script.relative_to(BASELINES).as_posix() for script in folder.glob("*.py")}


def test_evidence_knows_nothing_of_everyloop() -> None:
    allowed = sys.stdlib_module_names | {"uvloop", "rloop", "trio", "trio_asyncio", "qasync", "PySide6"}
    for script in BASELINES.rglob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = ["asyncio" if node.level else str(node.module)]
            assert all(name.split(".")[0] in allowed for name in names), script
