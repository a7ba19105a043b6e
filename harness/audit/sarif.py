"""An audit as SARIF 2.1.0, which code hosts and editors show beside the lines that it is about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...fake_selectors.limits import Limit
from ..version import VERSION
from . import judging
from .record import Record, Site

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[judging.Effect, str] = {"breaks": "error", "unknown": "warning", "differs": "note"}
_WORDS: dict[judging.Effect, str] = {"breaks": "breaks", "unknown": "may break", "differs": "differs"}


def log(record: Record, root: Path) -> dict[str, Any]:
    """Return the log: a rule for each limit that the program meets, a result for each line that meets it."""
    found = judging.by_limit(judging.judgements(record))
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "everyloop",
                        "semanticVersion": VERSION,
                        "rules": [_rule(finding) for finding, _ in found],
                    }
                },
                "originalUriBaseIds": {"ROOT": {"uri": f"{root.resolve().as_uri()}/"}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(number, finding, loops, site, root)
                    for number, (finding, loops) in enumerate(found)
                    for site in finding.sites
                ],
                "properties": {"conclusions": [f"{one.system}: {one.sentence}" for one in judging.conclusions(record)]},
            }
        ],
    }


def _rule(finding: judging.Finding) -> dict[str, Any]:
    limit = finding.limit
    return {
        "id": limit.id,
        "shortDescription": {"text": limit.forbids},
        "fullDescription": {"text": f"{limit.where}: {limit.forbids} Instead: {limit.instead}"},
        "help": {"text": limit.instead},
        "helpUri": limit.source,
        "defaultConfiguration": {"level": _LEVELS[finding.effect]},
    }


def _result(number: int, finding: judging.Finding, loops: Sequence[str], site: Site, root: Path) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.limit.id,
        "ruleIndex": number,
        "level": _LEVELS[finding.effect],
        "message": {"text": _message(finding.limit, finding, loops)},
    }
    if site.file is not None:
        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(site.file, root),
                    "region": {"startLine": site.line},
                },
                "logicalLocations": [{"fullyQualifiedName": site.function}],
            }
        ]
    return result


def _message(limit: Limit, finding: judging.Finding, loops: Sequence[str]) -> str:
    doubt = f" {limit.doubt}" if limit.doubt else ""
    what = ", ".join(finding.phrases())
    return f"{what} {_WORDS[finding.effect]} on {', '.join(loops)}: {limit.forbids}{doubt} Instead: {limit.instead}"


def _artifact(file: str, root: Path) -> dict[str, str]:
    path = Path(file)
    if path.is_relative_to(root):
        relative = path.relative_to(root).as_posix()
        return {"uri": Path("/", relative).as_uri().removeprefix("file:///"), "uriBaseId": "ROOT"}
    return {"uri": path.as_uri()} if path.is_absolute() else {"uri": path.as_posix()}
