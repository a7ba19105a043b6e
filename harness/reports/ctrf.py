"""CTRF, the Common Test Report Format (https://ctrf.io), of which there are viewers, summaries and notifiers."""

from __future__ import annotations

import collections
import datetime
import json
from typing import Any

from .. import results
from ..escaping import line, lines
from ..version import VERSION
from .content import Content, Judged, Standing

_SPECIFICATION = "0.0.0"
_STATUS: dict[Standing, str] = {"good": "passed", "explained": "other", "known": "other", "news": "failed"}


def render(content: Content) -> str:
    """Return the document; what a limit explains or a baseline expects has the status ``other``."""
    tests = [_test(judged) for run in content.runs for judged in content.judged(run)]
    statuses = collections.Counter(test["status"] for test in tests)
    begins = [_milliseconds(run) for run in content.runs]
    ends = [begin + round(1000 * run["duration"]) for begin, run in zip(begins, content.runs, strict=True)]
    document = {
        "reportFormat": "CTRF",
        "specVersion": _SPECIFICATION,
        "generatedBy": f"everyloop {VERSION}",
        "results": {
            "tool": {"name": "everyloop", "version": VERSION},
            "summary": {
                "tests": len(tests),
                **{status: statuses[status] for status in ("passed", "failed", "skipped", "pending", "other")},
                "flaky": sum(test["flaky"] for test in tests),
                "suites": len(content.runs),
                "start": min(begins, default=0),
                "stop": max(ends, default=0),
            },
            "tests": tests,
        },
    }
    return json.dumps(document) + "\n"


def _test(judged: Judged) -> dict[str, Any]:
    run, result = judged.run, judged.result
    test: dict[str, Any] = {
        "name": line(result["case"]),
        "testId": line(f"{result['case']} on {results.title(run)}"),
        "status": "skipped" if result["verdict"] == "skip" else _STATUS[judged.standing],
        "rawStatus": result["verdict"],
        "duration": round(1000 * result["duration"]),
        "suite": [line(results.label(run)), result["area"]],
        "tags": [result["level"], result["behaviour"]],
        "flaky": result["flaky"],
        "labels": {
            "backend": line(results.title(run)),
            "python": line(run["python"]),
            "platform": line(run["platform"]),
            "cleanup": line(result["cleanup"]),
        },
    }
    if result["limit"] is not None:
        test["labels"]["limit"] = line(result["limit"])
    if judged.expected is not None and judged.expected.url:
        test["labels"]["url"] = line(judged.expected.url)
    if result["detail"]:
        message, _, trace = lines(result["detail"]).partition("\n")
        test["message"] = message
        if trace:
            test["trace"] = trace
    return test


def _milliseconds(run: results.Run) -> int:
    return round(1000 * datetime.datetime.fromisoformat(run["started"]).timestamp())
