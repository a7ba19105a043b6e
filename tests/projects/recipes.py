"""What is known of each project: how its tests are run, and why some fail on other platforms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECTS = Path(__file__).with_name("projects.toml")
BACKENDS = ("windows-proactor", "windows-selector", "macos-10.8")
VERDICTS = ("documented", "worked around", "skipped", "unaware", "this machine", "this run", "not emulated", "ours")
"""Whose a difference is.

documented: the project's documentation says so; worked around: its code avoids it, where it knows the platform;
skipped: its tests leave it out there; unaware: it breaks there, and the project does not say so; this machine: the test
is about programs and files of Linux, or wants what only the other system has; this run: the test chooses its loop
itself, and the run another one; not emulated: everyloop says that it does not know; ours: everyloop is wrong.
"""


@dataclass(frozen=True)
class Difference:
    """Why tests fail on another platform that pass natively.

    Args:
        on: backends.
        test: a regular expression, found in the test's name.
        error: a regular expression, found in the line of the exception.
        verdict: one of `VERDICTS`.
        because: where one can see it.
    """

    on: tuple[str, ...]
    test: re.Pattern[str]
    error: re.Pattern[str]
    verdict: str
    because: str

    def explains(self, backend: str, test: str, error: str) -> bool:
        """Whether this is why a test failed with an exception."""
        return backend in self.on and bool(self.test.search(test) and self.error.search(error))


@dataclass(frozen=True)
class Project:
    """A library of the package index.

    Args:
        name: of the distribution.
        version: that was looked at.
        kind: what the library is, in a few words.
        requires: what its tests need besides.
        sees: packages that see the emulated platform; its tests too, if they ask which one it is.
        arguments: of pytest, in the folder of the sdist.
        known: differences that somebody has looked into.
    """

    name: str
    version: str
    kind: str
    requires: tuple[str, ...]
    sees: tuple[str, ...]
    arguments: tuple[str, ...]
    known: tuple[Difference, ...]

    def why(self, backend: str, test: str, error: str) -> Difference | None:
        """Return the known difference that a failure is; None if nobody has looked into it."""
        return next((known for known in self.known if known.explains(backend, test, error)), None)


def read(path: Path = PROJECTS) -> dict[str, Project]:
    """Return the projects of a file by name.

    Raises:
        ValueError: a difference is on no backend, or has no verdict, that is known.
        KeyError: something is missing.
    """
    document: Mapping[str, Mapping[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _project(name, table) for name, table in document.items()}


def _project(name: str, table: Mapping[str, Any]) -> Project:
    return Project(
        name=name,
        version=table["version"],
        kind=table["kind"],
        requires=tuple(table["requires"]),
        sees=tuple(table["sees"]),
        arguments=tuple(table["arguments"]),
        known=tuple(_difference(name, known) for known in table.get("known", ())),
    )


def _difference(project: str, table: Mapping[str, Any]) -> Difference:
    on = tuple(table.get("on", BACKENDS))
    if unknown := set(on).difference(BACKENDS):
        raise ValueError(f"{project}: no such backend: {', '.join(sorted(unknown))}")
    if table["verdict"] not in VERDICTS:
        raise ValueError(f"{project}: no such verdict: {table['verdict']}")
    return Difference(
        on, re.compile(table.get("test", "")), re.compile(table.get("error", "")), table["verdict"], table["because"]
    )
