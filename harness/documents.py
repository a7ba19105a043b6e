"""Documents of JSON: how they are written, and how one from anywhere is read without believing it.

A document names its kind and the version of that, ``everyloop-results/1``, and is described by a JSON Schema that ships
with the package.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import fastjsonschema

from .escaping import line


class DocumentError(Exception):
    """A file is not the document that it should be; the text is one line for a person."""


class TextError(Exception):
    """A text is no JSON, or no such document; the text says why, without the file."""


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of documents: ``results``, ``probe`` or ``audit``."""
    schema: dict[str, Any] = json.loads(files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def text(content: Mapping[str, object]) -> str:
    """Return a document as text, in ASCII; an object that has only plain values in it is a line of its own."""
    pieces: list[str] = []
    _write(content, "\n", pieces.append)
    return "".join(pieces) + "\n"


def _write(value: Any, newline: str, write: Callable[[str], None]) -> None:
    # json's own indenting is done in Python for every single value, which takes minutes where results are merged.
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list) or set(map(type, parts)).isdisjoint({dict, list}):
        write(_encode(value))
        return
    brackets = "{}" if isinstance(value, dict) else "[]"
    keys = [f"{_encode(key)}: " for key in value] if isinstance(value, dict) else itertools.repeat("")
    separator = brackets[0]
    for key, part in zip(keys, parts, strict=False):
        write(f"{separator}{newline} {key}")
        _write(part, f"{newline} ", write)
        separator = ","
    write(newline + brackets[1])


_encode = json.JSONEncoder().encode


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write a document as a whole or not at all."""
    replace_text(path, text(content))


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


def read_text(path: Path) -> str:
    """Return the text of a file; what is no UTF-8 in it is replaced.

    Raises:
        DocumentError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from error


def parse(text: str) -> Any:
    """Return what a text of JSON says.

    Raises:
        TextError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise TextError("it is empty") from None
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise TextError(f"it is cut off in line {error.lineno}") from None
        raise TextError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise TextError("it is nested too deeply") from None
    except ValueError as error:  # numbers without end
        raise TextError(str(error)) from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def check(content: object, schema: str) -> None:
    """Hold what a document says against the kind and version that it should be, and against its JSON Schema.

    Raises:
        TextError: it is another one, or it is not as the schema has it.
    """
    name, _, _ = schema.removeprefix("everyloop-").partition("/")
    said = content.get("schema") if isinstance(content, dict) else None
    if said != schema and isinstance(said, str):
        other = said.startswith(schema.partition("/")[0])
        raise TextError(f"it is {quoted(said)}" + (", of another version of everyloop" if other else ""))
    try:
        _validator(name)(content)
    except fastjsonschema.JsonSchemaValueException as error:
        raise TextError(quoted(str(error.message).removeprefix("data").lstrip(". "), 200)) from None


@cache
def _validator(name: str) -> Callable[[object], object]:
    validator: Callable[[object], object] = fastjsonschema.compile(json_schema(name), use_default=False)
    return validator


def quoted(text: str, most: int = 80) -> str:
    """Return what a file says for a line of a complaint: short, and without what steers a terminal."""
    shown = line(text)
    return shown if len(shown) <= most else f"{shown[:most]}…"
