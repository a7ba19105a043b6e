"""The document of an audit, ``everyloop-audit/1``, described by ``audit.schema.json``; and how a report is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ...fake_selectors import limits
from .. import documents
from ..version import VERSION
from . import judging, sarif
from .record import NOWHERE, Record, Site

SCHEMA = "everyloop-audit/1"
SUFFIXES = {".json", ".sarif"}
"""Of reports."""


class ReportError(Exception):
    """A report cannot be written; the text is one line for a person."""


def check(path: Path) -> None:
    """Find out whether a report can be written there, before the program runs.

    Raises:
        ReportError: it cannot.
    """
    if path.suffix not in SUFFIXES:
        raise ReportError(f"{str(path)!r} is no name of a report: it ends with .json or .sarif")
    if path.is_dir():
        raise ReportError(f"cannot write {path}: it is a folder")
    trial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error


def write(path: Path, record: Record, root: Path) -> None:
    """Write the report of an audit, as JSON or, where the name ends so, as SARIF.

    Args:
        path: where to.
        record: what was seen.
        root: the folder that the program's paths are told from.

    Raises:
        ReportError: it cannot be written.
    """
    content = sarif.log(record, root) if path.suffix == ".sarif" else document(record, root)
    try:
        documents.write(path, content)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return documents.json_schema("audit")


def document(record: Record, root: Path) -> dict[str, Any]:
    """Return the document of an audit."""
    return {
        "schema": SCHEMA,
        "everyloop": VERSION,
        "python": ".".join(map(str, sys.version_info[:3])),
        "platform": sys.platform,
        "loops": sorted(record.loops),
        "lost": record.lost,
        "uses": [
            {"call": use.call, "circumstances": [*use.circumstances], "count": count, **_site(use.site, root)}
            for use, count in sorted(record.uses.items(), key=lambda pair: (pair[0].call, str(pair[0])))
        ],
        "amounts": [
            {"amount": amount, "value": value, **_site(site, root)}
            for (amount, site), value in sorted(record.amounts.items(), key=str)
        ],
        "judgements": [_judgement(one, root) for one in judging.judgements(record)],
        "conclusions": [
            {
                "system": one.system,
                "pythons": _pythons(one.pythons),
                "works": [*one.loops],
                "unknown": [*one.perhaps],
                "sentence": one.sentence,
            }
            for one in judging.conclusions(record)
        ],
        "unseen": [limit.id for limit in judging.unseen()],
    }


def _judgement(one: judging.Judgement, root: Path) -> dict[str, Any]:
    return {
        "loop": one.target.name,
        "system": one.target.system,
        "pythons": _pythons(one.pythons),
        "verdict": one.verdict,
        "findings": [
            {
                "limit": finding.limit.id,
                "effect": finding.effect,
                "needs": finding.phrases(),
                "doubt": finding.limit.doubt,
                "instead": finding.limit.instead,
                "sites": [_site(site, root) for site in finding.sites],
            }
            for finding in one.findings
        ],
    }


def _pythons(pythons: tuple[limits.Version, limits.Version]) -> list[str | None]:
    return [limits.text(version) for version in pythons]


def _site(site: Site, root: Path) -> dict[str, Any]:
    if site == NOWHERE:
        return {"file": None, "line": None, "function": None}
    return {"file": site.shown(root), "line": site.line, "function": site.function}
