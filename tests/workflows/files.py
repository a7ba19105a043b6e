"""The workflows as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLE = ROOT / "examples" / "loop-project"
EXAMPLES = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
ALL = [*OURS, *EXAMPLES]


def read(path: Path) -> dict[str, Any]:
    """Return the content of a workflow, as YAML 1.2 has it: `on` is no truth value."""
    content: dict[str, Any] = YAML(typ="safe").load(path)
    return content


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Return the steps of all jobs of a workflow, and its jobs that are other workflows."""
    for job in read(path)["jobs"].values():
        yield from job.get("steps", [job])
