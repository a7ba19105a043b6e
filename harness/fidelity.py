"""Fidelity: how far the emulated loops do on Linux what the real ones do on their platform.

Every case must agree. What does not is on a list with a reason, in a TOML file::

    [[difference]]
    backend = "windows-selector"              # one, or a list
    case = "pipes::*"                         # an id, a pattern in which * is any text, or a list of them
    emulated = "unsupported"                  # what the emulated loop shows: a verdict, or absent, or a list; else any
    real = ["pass", "skip"]                   # and the real one
    python = ">=3.12"                         # if it is not so in every version
    reason = "why, in a sentence"
    url = "https://…"

The list is strict both ways: a difference that is not on it counts, and so does a line of it that explains none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from .baselines import BaselineError, fits, read_text
from .comparing import Change, Pair, alike, minor
from .judging import VERDICTS
from .results import Result, Run

TABLE = "difference"
COUNTERPARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "windows-selector": ("win32", ("asyncio-selector",)),
    "windows-proactor": ("win32", ("asyncio-proactor", "asyncio")),
    "macos": ("darwin", ("asyncio-kqueue", "asyncio")),
}
"""The platform and the real backends, the best first, that an emulated backend is held against."""

ABSENT = "absent"
_TEXTS = ("backend", "case", "emulated", "real")
_KEYS = (*_TEXTS, "python", "reason", "url")


class FidelityError(Exception):
    """A comparison or a list is not possible; the text is one line for a person."""


@dataclass(frozen=True)
class Reason:
    """A line of the list.

    Attributes:
        line: where it begins in the file, from 1.
        emulated: what the emulated loop shows; empty: anything.
        real: what the real one does.
        python: the versions of Python that it is about.
    """

    line: int
    backends: tuple[str, ...]
    cases: tuple[str, ...]
    emulated: tuple[str, ...]
    real: tuple[str, ...]
    python: SpecifierSet
    reason: str

    def explains(self, run: Run, change: Change) -> bool:
        """Whether it is about a difference between an emulated run and the real one."""
        case = change.result["case"]
        return (
            self.is_about(run)
            and any(fits(pattern, case) for pattern in self.cases)
            and _is_one_of(self.emulated, change.before)
            and _is_one_of(self.real, change.after)
        )

    def is_about(self, run: Run) -> bool:
        """Whether it is about an emulated backend on its Python."""
        try:
            return run["backend"] in self.backends and self.python.contains(Version(run["python"].rstrip("+")))
        except InvalidVersion:
            return False


def _is_one_of(verdicts: Sequence[str], result: Result | None) -> bool:
    return not verdicts or (ABSENT if result is None else result["verdict"]) in verdicts


@dataclass
class Fidelity:
    """An emulated run held against a real one.

    Attributes:
        judged: how many cases say something of both loops.
        agreeing: how many of them say the same.
        explained: the differences that are on the list, with the reason.
        unexplained: those that are not.
    """

    pair: Pair
    judged: int = 0
    agreeing: int = 0
    explained: list[tuple[Change, Reason]] = field(default_factory=list)
    unexplained: list[Change] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The share of the cases judged that say the same, from 0 to 1."""
        return self.agreeing / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class Report:
    """All emulated runs that have a real one beside them.

    Attributes:
        found: what came of each.
        alone: the emulated runs that have none.
        stale: the lines of the list that explain nothing.
    """

    found: Sequence[Fidelity]
    alone: Sequence[Run]
    stale: Sequence[Reason]


def measure(emulated: Iterable[Run], real: Iterable[Run], reasons: Sequence[Reason]) -> Report:
    """Hold every emulated run against the real loop's on the same version of Python.

    Raises:
        FidelityError: there are no two runs to compare.
    """
    ours = [run for run in emulated if run["emulated"] and run["backend"] in COUNTERPARTS]
    theirs = [run for run in real if not run["emulated"]]
    found: list[Fidelity] = []
    alone: list[Run] = []
    for run in ours:
        match = _counterpart(run, theirs)
        if match is None:
            alone.append(run)
        else:
            found.append(_held(Pair(run, match), reasons))
    if not found:
        names = ", ".join(f"{name} and {' or '.join(real)} on {place}" for name, (place, real) in COUNTERPARTS.items())
        raise FidelityError(f"no emulated run has the real loop's of the same Python beside it; wanted: {names}")
    used = {id(reason) for fidelity in found for _, reason in fidelity.explained}
    stale = [
        reason
        for reason in reasons
        if id(reason) not in used and any(reason.is_about(fidelity.pair.before) for fidelity in found)
    ]
    return Report(found, alone, stale)


def _counterpart(run: Run, real: Sequence[Run]) -> Run | None:
    platform, names = COUNTERPARTS[run["backend"]]
    for name in names:
        for other in real:
            if (other["backend"], other["platform"], minor(other)) == (name, platform, minor(run)):
                return other
    return None


def _held(pair: Pair, reasons: Sequence[Reason]) -> Fidelity:
    fidelity = Fidelity(pair)
    for ours, theirs in pair.cases():
        same = ours is not None and theirs is not None and alike(ours, theirs)
        if ours is not None and theirs is not None and _says_something({ours["verdict"], theirs["verdict"]}):
            fidelity.judged += 1
            fidelity.agreeing += same
        if same:
            continue
        change = Change(ours, theirs)
        reason = next((reason for reason in reasons if reason.explains(pair.before, change)), None)
        if reason is None:
            fidelity.unexplained.append(change)
        else:
            fidelity.explained.append((change, reason))
    return fidelity


def _says_something(verdicts: set[str]) -> bool:
    """Whether both loops were tried, and could have differed: what is implementation-defined is never wrong."""
    return verdicts.isdisjoint({"skip", "error"}) and verdicts != {"info"}


def read(path: Path) -> list[Reason]:
    """Read the list of known differences.

    Raises:
        FidelityError: it cannot be read, is no TOML, or says what such a list cannot say.
    """
    try:
        text = read_text(path)
        content = tomllib.loads(text)
    except BaselineError as error:
        raise FidelityError(str(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise FidelityError(f"{path}: {error}") from None
    for key in content:
        if key != TABLE:
            raise FidelityError(f"{path}: no {key!r}: known differences are [[{TABLE}]] tables")
    tables = content.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise FidelityError(f"{path}: known differences are [[{TABLE}]] tables")
    return [_reason(path, line, table) for line, table in zip(_lines(text, len(tables)), tables, strict=True)]


def _lines(text: str, count: int) -> Iterator[int]:
    """The lines of the headers; tables that are written in another way have the first one."""
    header = re.compile(rf"\s*\[\[\s*{TABLE}\s*\]\]")
    found = [number for number, line in enumerate(text.splitlines(), 1) if header.match(line)]
    yield from found if len(found) == count else [1] * count


def _reason(path: Path, line: int, table: dict[str, Any]) -> Reason:
    def refuse(text: str) -> FidelityError:
        return FidelityError(f"{path}:{line}: {text}")

    def texts(key: str) -> tuple[str, ...]:
        given = [table[key]] if isinstance(table[key], str) else table[key]
        if not isinstance(given, list) or not given or not all(isinstance(text, str) and text for text in given):
            raise refuse(f"{key} is a text, or a list of texts")
        return tuple(given)

    for key in table:
        if key not in _KEYS:
            raise refuse(f"no key {key!r}: there are {', '.join(_KEYS)}")
    for key in ("backend", "case", "reason"):
        if key not in table:
            raise refuse(f"a {key} is missing")
    for key in ("reason", "url", "python"):
        if not isinstance(table.get(key, ""), str):
            raise refuse(f"{key} is a text")
    if not table["reason"].strip():
        raise refuse("a difference has a reason")
    found = {key: texts(key) if key in table else () for key in _TEXTS}
    for name in found["backend"]:
        if name not in COUNTERPARTS:
            raise refuse(f"no emulated backend {name!r}: there are {', '.join(COUNTERPARTS)}")
    for verdict in (*found["emulated"], *found["real"]):
        if verdict not in (*VERDICTS, ABSENT):
            raise refuse(f"no verdict {verdict!r}: there are {', '.join(VERDICTS)}, {ABSENT}")
    try:
        python = SpecifierSet(table.get("python", ""), prereleases=True)
    except InvalidSpecifier:
        raise refuse("python is a version specifier, such as '>=3.12'") from None
    return Reason(line, found["backend"], found["case"], found["emulated"], found["real"], python, table["reason"])
