"""The results document, and the journal that survives whatever ends the run.

The document (``everyloop-results/1``) is described by ``results.schema.json``. While a run lasts, every verdict is
appended to a journal at once: first the document without results, then a line ``[run, result]`` each. A later line
about the same case replaces the earlier one (it was tried again).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, NotRequired, TypedDict

from .version import VERSION

SCHEMA = "everyloop-results/1"


class Result(TypedDict):
    """What one case said about one backend."""

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


class Run(TypedDict):
    """All results of one backend. `incomplete` stands only in a run that was ended before its time."""

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
    incomplete: NotRequired[bool]
    results: list[Result]


class Document(TypedDict):
    """The results document."""

    schema: str
    everyloop: str
    runs: list[Run]


class DocumentError(Exception):
    """A file is neither a results document nor a journal; the text is one line for a person."""


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


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    text = files(__package__).joinpath("results.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write a document as a whole or not at all."""
    replace_text(path, json.dumps(content, indent=1, ensure_ascii=True) + "\n")


def replace_text(path: Path, text: str, newline: str | None = None) -> None:
    """Write a file of text, in UTF-8, as a whole or not at all: it is replaced in one step.

    Args:
        path: where to.
        text: its content.
        newline: how its lines shall end; None: as they do on this machine.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline=newline)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> Document:
    """Read a document, or complete one from a journal: its runs are then marked `incomplete`.

    Raises:
        DocumentError: the file cannot be read or is neither.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from error
    try:
        content = json.loads(text)
    except ValueError:
        try:
            content = _from_journal(text)
        except (ValueError, TypeError, LookupError):  # lines that are none of ours
            content = None
    if not _is_document(content):
        raise DocumentError(f"{path} is no {SCHEMA} document, nor a journal of one")
    complete: Document = content
    return complete


class Journal:
    """Every verdict on disk as soon as it is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] = path.open("x", encoding="ascii")
        self._append(document([]))

    def begin(self, run: Run) -> None:
        """Note that a backend's run has begun."""
        self._append({**run, "results": []})

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


def _is_document(content: Any) -> bool:
    """Whether it has the shape of a document; what the values may be is the schema's to say."""
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("runs"), list):
        return False
    runs = content["runs"]
    return all(
        isinstance(run, dict)
        and run.keys() >= Run.__annotations__.keys() - {"incomplete"}
        and all(isinstance(found, dict) and found.keys() >= Result.__annotations__.keys() for found in run["results"])
        for run in runs
    )


def _from_journal(text: str) -> Any:
    content, *entries = _entries(text)
    results: list[dict[str, Result]] = []
    for entry in entries:
        if isinstance(entry, dict):
            content["runs"].append({**entry, "incomplete": True})
            results.append({})
        else:
            number, result = entry
            results[number][result["case"]] = result
    for run, found in zip(content["runs"], results, strict=True):
        run["results"] = list(found.values())
    return content


def _entries(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return  # the line that was being written when the run was killed
