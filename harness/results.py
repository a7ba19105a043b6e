"""The results document, and the journal that survives whatever ends the run.

The document (``everyloop-results/1``) is described by ``results.schema.json``. While a run lasts, every verdict is
appended to a journal at once: first the document without results, then a line ``[run, result]`` each. A later line
about the same case replaces the earlier one (it was tried again).
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NotRequired, TypedDict, cast

from . import documents, sharding
from .sharding import Shard
from .version import VERSION

SCHEMA = "everyloop-results/1"


class Result(TypedDict):
    """What one case said about one backend. `gateway` stands only in a run that had gateways."""

    case: str
    behaviour: str
    area: str
    level: str
    verdict: str
    cleanup: str
    limit: str | None
    detail: str | None
    flaky: bool
    duration: float
    gateway: NotRequired[str]


class Run(TypedDict):
    """All results of one backend.

    `incomplete` stands only in a run that was ended before its time, or that lost who was to execute its cases. `shard`
    stands only in a part of a run, and `gateways` only if it did not run on the machine that wrote the document.
    """

    backend: str
    version: str
    emulated: bool
    knobs: dict[str, str | int | float | bool]
    loop: str
    python: str
    platform: str
    host: str
    started: str
    duration: float
    shard: NotRequired[Shard]
    gateways: NotRequired[list[str]]
    incomplete: NotRequired[bool]
    results: list[Result]


class Document(TypedDict):
    """The results document."""

    schema: str
    everyloop: str
    runs: list[Run]


def document(runs: list[Run]) -> Document:
    """Return the document of these runs."""
    return {"schema": SCHEMA, "everyloop": VERSION, "runs": runs}


def title(run: Run) -> str:
    """Name a run's backend as on the command line: ``windows-selector@max_sockets=64``."""
    return titled(run["backend"], run["knobs"])


def titled(backend: str, knobs: Mapping[str, str | int | float | bool]) -> str:
    """Name a backend with its knobs, as on the command line."""
    text = ",".join(f"{name}={str(value).lower()}" for name, value in knobs.items())
    return f"{backend}@{text}" if text else backend


def label(run: Run) -> str:
    """Tell a run from others in a line: ``uvloop 0.23.0, Python 3.13.0, linux, shard 1/3``."""
    shard = run.get("shard")
    return label_of_whole(run) + (f", shard {shard['number']}/{shard['of']}" if shard else "")


def label_of_whole(run: Run) -> str:
    """The same, without the shard."""
    version = "" if run["version"] == run["python"] else f" {run['version']}"
    return f"{title(run)}{version}, Python {run['python']}, {run['platform']}"


def told_apart(runs: Sequence[Run], short: Callable[[Run], str]) -> list[str]:
    """Name every run in short; those that are not told apart by that get their Python, and then their gateways."""
    names = list(map(short, runs))
    more: tuple[Callable[[Run], str], ...] = (
        lambda run: f"Python {run['python']}",
        lambda run: "+".join(run.get("gateways", ["here"])),
    )
    for addition in more:
        count = collections.Counter(names)
        names = [f"{name}, {addition(run)}" if count[name] > 1 else name for run, name in zip(runs, names, strict=True)]
    return names


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return documents.json_schema("results")


def read(path: Path) -> Document:
    """Read a document, or complete one from a journal: its runs are then marked `incomplete`.

    Raises:
        DocumentError: the file cannot be read or is neither, it is cut off, or it was changed into what no run gives.
    """
    text = documents.read_text(path)
    try:
        content = _from_journal(text) if _begins_journal(text) else documents.parse(text)
        documents.check(content, SCHEMA)
        for run in content["runs"]:
            _check(run)
    except documents.TextError as error:
        raise documents.DocumentError(f"{path} is no {SCHEMA} document, nor a journal of one: {error}") from None
    return cast("Document", content)


class Journal:
    """Every verdict on disk as soon as it is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] = path.open("x", encoding="ascii")
        self._runs = 0
        self._append(document([]))

    def begin(self, run: Run) -> int:
        """Note that a backend's run has begun, and give it a number."""
        self._append({**run, "results": []})
        self._runs += 1
        return self._runs - 1

    def add(self, run: int, result: Result) -> None:
        """Note a verdict of the run with this number."""
        self._append([run, result])

    def discard(self) -> None:
        """Remove the journal: the document has all that it has."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _append(self, entry: object) -> None:
        # Once written, a line is the kernel's and outlives this process: no fsync, which is for the machine's death.
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


def _check(run: Run) -> None:
    """Hold a run against what no schema can say.

    Raises:
        TextError: its time is none, a case is in it twice, a behaviour is in the wrong area, or it is no such shard.
    """
    try:
        datetime.datetime.fromisoformat(run["started"])
    except ValueError:
        raise documents.TextError(f"{run['started']} is no time") from None
    seen: set[str] = set()
    for result in run["results"]:
        if result["case"] in seen:
            raise documents.TextError(f"it has {documents.quoted(result['case'])} twice in a run")
        if result["behaviour"].partition("-")[0] != result["area"]:
            raise documents.TextError(f"it has {result['behaviour']} in the area {result['area']}")
        seen.add(result["case"])
    if (shard := run.get("shard")) and (shard["number"] > shard["of"] or len(seen) > sharding.size(shard)):
        raise documents.TextError(
            f"it has {len(seen)} results in shard {shard['number']}/{shard['of']} of {shard['cases']}"
        )


def _begins_journal(text: str) -> bool:
    """Whether the first line is a document without results, and is not all that there is."""
    first, newline, _ = text.partition("\n")
    try:
        return bool(newline) and documents.parse(first).get("runs") == []
    except (documents.TextError, AttributeError):
        return False


def _from_journal(text: str) -> Any:
    content, *entries = _entries(text)
    found: list[dict[str, Result]] = []
    try:
        for entry in entries:
            if isinstance(entry, dict):
                content["runs"].append({**entry, "incomplete": True})
                found.append({})
            else:
                number, result = entry
                found[number][result["case"]] = result
    except (ValueError, TypeError, LookupError):
        raise documents.TextError("it has lines that are none of ours") from None
    for run, results in zip(content["runs"], found, strict=True):
        run["results"] = list(results.values())
    return content


def _entries(text: str) -> Iterator[Any]:
    *lines, last = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            yield documents.parse(line)
        except documents.TextError:
            raise documents.TextError(f"its line {number} is damaged") from None
    with contextlib.suppress(documents.TextError):  # what was being written when the run was killed
        yield documents.parse(last)
