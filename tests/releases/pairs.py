"""Pairs of releases: a bug of a real loop that its authors fixed, and the cases that see it come and go."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("pairs.toml")
BROKEN = frozenset({"fail", "deviation", "unsupported", "crash", "hang"})


@dataclass(frozen=True)
class Pair:
    """Two releases of a loop, neighbours or nearly so, with one bug between them.

    Attributes:
        name: what the pair is called.
        package: what pip installs.
        backend: the loop, as `everyloop run` knows it.
        python: the version of Python that both releases exist for, such as ``3.12``.
        before: the last release with the bug.
        fixed: the first release without it.
        bug: what went wrong, in a sentence.
        evidence: URLs where the loop's own authors say so.
        cases: ids of cases that pass with the fix only.
        verdicts: what each of them may be before it; a bug of memory crashes here and hangs there.
        beside: what pip installs with both releases.
    """

    name: str
    package: str
    backend: str
    python: str
    before: str
    fixed: str
    bug: str
    evidence: tuple[str, ...]
    cases: tuple[str, ...]
    verdicts: tuple[str, ...]
    beside: tuple[str, ...] = ()


def read(path: Path = FILE) -> list[Pair]:
    """Read the pairs of a file; TypeError if one lacks a field or has one too many."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["pair"]
    return [_pair(row) for row in rows]


def _pair(row: dict[str, Any]) -> Pair:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Pair(**fields)
