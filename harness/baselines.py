"""Baselines: which verdicts an adopter expects of a loop though they are not good, in a file of the own repository.

The file is TOML: a table ``[[expected]]`` for what is known about some cases of some backends. Against it, only
differences count, in both directions: a verdict that it does not expect, and one that it expects in vain. Without a
word about a case, a good verdict is expected.

Of the tables that name a case the one that decides has its exact id, or else is the last whose pattern fits.
"""

from __future__ import annotations

import difflib
import platform
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tomlkit
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from tomlkit.exceptions import ParseError, TOMLKitError

from . import backends, results
from .judging import VERDICTS
from .running import is_expected

TABLE = "expected"
KEYS = ("backend", "case", "verdict", "cleanup", "when", "reason", "url", "evidence")
CONDITIONS = ("platform", "python", "version")
LOST = frozenset({"crash", "hang"})
"""Verdicts after which nobody can say what the case left behind."""

_HEADER = re.compile(rf"\s*\[\[\s*{TABLE}\s*\]\]")


class BaselineError(Exception):
    """A baseline cannot be used; the text is one line for a person, with the file and the line in it."""


@dataclass(frozen=True)
class Subject:
    """What the conditions of a baseline are about: a backend as it is run here.

    Attributes:
        names: what it is called: with its knobs, and without.
        version: of the loop.
        python: of Python.
        platform: the :data:`sys.platform` under the loop, real or emulated.
    """

    names: frozenset[str]
    version: str
    python: str
    platform: str

    @classmethod
    def to_run(cls, backend: backends.Backend) -> Subject:
        """Describe a backend that is going to be run."""
        names = frozenset({backend.name, results.titled(backend.name, backend.knobs)})
        return cls(names, backend.version(), platform.python_version(), backend.platform)

    @classmethod
    def of(cls, run: results.Run) -> Subject:
        """Describe the backend of a run."""
        names = frozenset({run["backend"], results.title(run)})
        return cls(names, run["version"], run["python"], run["platform"])


@dataclass(frozen=True)
class Expectation:
    """A table of the file.

    Attributes:
        line: where it begins, from 1.
        backends: the names of those it is about.
        cases: ids of cases, or patterns in which ``*`` is any text.
        verdicts: those it expects, several of what is known to be intermittent.
        cleanups: what the cases may leave behind, as patterns.
        when: its conditions: names of platforms, or specifiers of versions.
        reason: why, in the words of its author.
        url: where the bug is tracked.
    """

    line: int
    backends: tuple[str, ...]
    cases: tuple[str, ...]
    verdicts: tuple[str, ...]
    cleanups: tuple[str, ...] = ("clean",)
    when: Mapping[str, tuple[str, ...] | SpecifierSet] = field(default_factory=dict)
    reason: str = ""
    url: str = ""

    def is_about(self, subject: Subject) -> bool:
        """Whether it is about this backend, and its conditions hold."""
        return not subject.names.isdisjoint(self.backends) and all(
            _holds(condition, getattr(subject, name)) for name, condition in self.when.items()
        )

    def allows(self, result: results.Result) -> bool:
        """Whether the verdict is one of those expected, and so is what was left behind."""
        if result["verdict"] == "skip":  # it was not tried: that is news of the machine, not of the loop
            return True
        return result["verdict"] in self.verdicts and (
            result["verdict"] in LOST or any(fits(pattern, result["cleanup"]) for pattern in self.cleanups)
        )

    def __str__(self) -> str:
        """What it expects, in words."""
        left = "" if self.cleanups == ("clean",) else f", left with {' or '.join(self.cleanups)}"
        return " or ".join(self.verdicts) + left


@dataclass(frozen=True)
class Difference:
    """A result that is not as the baseline has it; without an expectation it is one that is not good."""

    run: results.Run
    result: results.Result
    expected: Expectation | None


class Baseline:
    """The expectations of a file, in their order there."""

    def __init__(self, path: Path, expectations: Sequence[Expectation]) -> None:
        self.path = path
        self.expectations = tuple(expectations)

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read a file.

        Raises:
            BaselineError: it cannot be read, is no TOML, or says what no baseline can say.
        """
        return cls(path, [expectation(path, part) for part in parts(path, read_text(path))[1]])

    def check(self, subjects: Iterable[Subject], cases: Collection[str]) -> None:
        """Hold what is about these backends against the ids of all cases that there are.

        Raises:
            BaselineError: there is no such case, or one is named twice.
        """
        for subject in subjects:
            seen: dict[str, int] = {}
            for expectation in self.expectations:
                if not expectation.is_about(subject):
                    continue
                for name in expectation.cases:
                    place = f"{self.path}:{expectation.line}"
                    if name in seen:
                        raise BaselineError(f"{place}: {name} is in line {seen[name]} already")
                    seen[name] = expectation.line
                    if name not in cases and not ("*" in name and any(fits(name, case) for case in cases)):
                        raise BaselineError(f"{place}: no case {name!r}{_nearest(name, cases)}")

    def strangers(self) -> list[str]:
        """Return a line for each backend that is not known here: its name may be misspelt."""
        found: dict[str, str] = {}
        for expectation in self.expectations:
            for name in expectation.backends:
                try:
                    backends.find(name)
                except backends.BackendError as error:
                    found.setdefault(name, f"{self.path}:{expectation.line}: {error}")
        return list(found.values())

    def decides(self, subject: Subject, case: str) -> Expectation | None:
        """Return the expectation that decides about a case; None if there is none."""
        about = [expectation for expectation in self.expectations if expectation.is_about(subject)]
        for expectation in about:
            if case in expectation.cases:
                return expectation
        fitting = (e for e in reversed(about) if any("*" in name and fits(name, case) for name in e.cases))
        return next(fitting, None)

    def differences(self, runs: Iterable[results.Run]) -> list[Difference]:
        """Return the results that are not as expected."""
        return list(self._differences(runs))

    def _differences(self, runs: Iterable[results.Run]) -> Iterator[Difference]:
        for run in runs:
            subject = Subject.of(run)
            for result in run["results"]:
                expected = self.decides(subject, result["case"])
                if not (is_expected(result) if expected is None else expected.allows(result)):
                    yield Difference(run, result, expected)


@dataclass
class Part:
    """A table of the file, as text that keeps every character, and as TOML.

    Attributes:
        line: the line of its header, from 1.
        remarks: the comment right above the header, which belongs to the table.
        document: the header and its keys.
        rest: blank lines and comments that follow.
    """

    line: int
    remarks: str
    document: tomlkit.TOMLDocument
    rest: str

    @property
    def table(self) -> Any:
        """The table itself."""
        return self.document[TABLE][0]

    def text(self) -> str:
        """Return it as in the file."""
        return self.remarks + tomlkit.dumps(self.document) + self.rest


def read_text(path: Path) -> str:
    """Return the text of a file, its lines ending as in memory.

    Raises:
        BaselineError: it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BaselineError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BaselineError(f"cannot read {path}: it is not UTF-8: {error.reason}") from None


def parts(path: Path, text: str) -> tuple[str, list[Part]]:
    """Take the text of a file apart: into what stands before the first table, and the tables.

    Raises:
        BaselineError: it is no TOML, or has something else.
    """
    lines = text.splitlines(keepends=True)
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    begins = [_remarks(lines, header) for header in headers]
    ends = [*begins, len(lines)][1:]
    first = begins[0] if begins else len(lines)
    if preamble := _parsed(path, 0, lines[:first]):
        raise BaselineError(f"{path}:{_line(lines, 0, next(iter(preamble)))}: expectations are [[{TABLE}]] tables")
    found = []
    for begin, header, end in zip(begins, headers, ends, strict=True):
        last = max(number for number in range(header, end) if not _is_remark(lines[number])) + 1
        document = _parsed(path, header, lines[header:last])
        for name in document:
            if name != TABLE:
                raise BaselineError(f"{path}:{_line(lines, header, name)}: expectations are [[{TABLE}]] tables")
        remarks, rest = "".join(lines[begin:header]), "".join(lines[last:end])
        found.append(Part(header + 1, remarks, document, rest))
    return "".join(lines[:first]), found


def expectation(path: Path, part: Part) -> Expectation:
    """Return what a table says.

    Raises:
        BaselineError: no table of a baseline may say that.
    """
    lines = tomlkit.dumps(part.document).splitlines()
    table: dict[str, Any] = part.table.unwrap()
    when = table.get("when", {})

    def refuse(key: str, text: str) -> BaselineError:
        return BaselineError(f"{path}:{part.line - 1 + _line(lines, 0, key)}: {text}")

    def choose(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
        for key in given:
            if key not in known:
                raise refuse(key, f"no {what} {key!r}: there are {', '.join(known)}")

    def texts(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = [given[key]] if isinstance(given[key], str) else given[key]
        if not isinstance(found, list) or not found or not all(isinstance(text, str) and text for text in found):
            raise refuse(key, f"{key} is a text, or a list of texts")
        return tuple(found)

    choose(table, KEYS, "key")
    if not isinstance(when, dict):
        raise refuse("when", f"when is a table of {', '.join(CONDITIONS)}")
    choose(when, CONDITIONS, "condition")
    for key in ("backend", "case", "verdict"):
        if key not in table:
            raise refuse(TABLE, f"a {key} is missing")
    for key in ("reason", "url", "evidence"):
        if not isinstance(table.get(key, ""), str):
            raise refuse(key, f"{key} is a text")
    for verdict in texts(table, "verdict"):
        if verdict not in VERDICTS:
            raise refuse("verdict", f"no verdict {verdict!r}: there are {', '.join(VERDICTS)}")
    conditions: dict[str, tuple[str, ...] | SpecifierSet] = {}
    for key in when:
        if key == "platform":
            conditions[key] = texts(when, key)
            continue
        try:
            conditions[key] = SpecifierSet(",".join(texts(when, key)))
        except InvalidSpecifier:
            raise refuse(key, f"{key} is a version specifier, such as '>=3.12'") from None
    return Expectation(
        part.line,
        texts(table, "backend"),
        texts(table, "case"),
        texts(table, "verdict"),
        texts(table, "cleanup") if "cleanup" in table else ("clean",),
        conditions,
        str(table.get("reason", "")),
        str(table.get("url", "")),
    )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # fnmatch would take the brackets of ids for sets of characters.
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def fits(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern has it, in which ``*`` is any text and everything else is itself."""
    return _pattern(pattern).fullmatch(text) is not None


def _holds(condition: tuple[str, ...] | SpecifierSet, value: str) -> bool:
    if isinstance(condition, tuple):
        return value in condition
    try:
        # A version before the final one is one of it, and a build's own mark (3.13.0+) says nothing.
        return condition.contains(Version(value.rstrip("+")).base_version)
    except InvalidVersion:  # a loop that comes from no distribution has none
        return False


def _nearest(name: str, cases: Collection[str]) -> str:
    near = difflib.get_close_matches(name, cases, n=3, cutoff=0.75) or difflib.get_close_matches(name, cases, n=1)
    if near:
        return f": did you mean {' or '.join(near)}? (one that only other Pythons or platforms have needs a `when`)"
    return ": `everyloop list cases` shows all"


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _remarks(lines: Sequence[str], header: int) -> int:
    """Return the first line of the comment right above a header, or the header's own."""
    while header and lines[header - 1].lstrip().startswith("#"):
        header -= 1
    return header


def _line(lines: Sequence[str], begin: int, key: str) -> int:
    """Return the number of the line, from 1, that has a key."""
    mention = re.compile(rf"[^#]*(?<![\w-])[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return 1 + next((number for number in range(begin, len(lines)) if mention.match(lines[number])), begin)


def _parsed(path: Path, begin: int, lines: Sequence[str]) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse("".join(lines))
    except ParseError as error:
        what = str(error).partition(" at line ")[0]
        raise BaselineError(f"{path}:{begin + error.line}: {what}") from None
    except TOMLKitError as error:
        raise BaselineError(f"{path}:{begin + 1}: {error}") from None
