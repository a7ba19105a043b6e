"""What a failed test teaches: the limit that it met, and what to write instead."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

import pytest

from ..fake_selectors import limits
from ..fake_selectors.limits import Limit
from .plugin import LIMIT


def lesson(limit: Limit) -> str:
    """Return what a person should know who has met a limit, a line each."""
    return "\n".join(
        (
            limit.forbids,
            f"holds for: {limit.where}",
            f"instead:   {limit.instead}",
            f"see:       {limit.source}",
        )
    )


def add_lesson(report: pytest.TestReport, limit: Limit, config: pytest.Config) -> None:
    """Let the report of a failure end with the limit that caused it."""
    title, text = f"everyloop: {limit.id}", lesson(limit)
    longrepr: Any = report.longrepr
    # Sections come last, but are hidden together with what was captured.
    if config.getoption("showcapture") == "all" or not hasattr(longrepr, "addsection"):
        report.sections.append((title, f"{text}\n"))
    else:
        longrepr.addsection(title, text)


def summarise(terminal: pytest.TerminalReporter, reports: Iterable[pytest.TestReport]) -> None:
    """Count the failed tests by the limit that each shows."""
    found = {(report.nodeid, value) for report in reports for name, value in report.user_properties if name == LIMIT}
    terminal.section("everyloop: limits", "=", bold=True)
    for name, count in collections.Counter(str(value) for _, value in sorted(found)).most_common():
        tests = "1 test" if count == 1 else f"{count} tests"
        terminal.write_line(f"{name}: {tests}. {limits.by_id(name).forbids}")
