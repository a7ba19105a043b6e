"""Test suites of applications, in folders of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ..conftest import Command, Completed

CONFTEST = '''
import asyncio
import json
import pytest

LOOPS = {
    "windows-selector": "_WindowsSelectorEventLoop",
    "windows-proactor": "ProactorEventLoop",
    "macos": "_UnixSelectorEventLoop",
    "uvloop": "Loop",
}
FOUND = {}


def loop():
    """The class of the running loop."""
    return type(asyncio.get_running_loop()).__name__


@pytest.fixture
def expected(request):
    """The class of the loop that the id of the test promises."""
    name = request.node.nodeid.rpartition("[")[2].rstrip("]")
    return next(kind for backend, kind in LOOPS.items() if name == backend or name.endswith(f"-{backend}"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Those of a worker of pytest-xdist are reported to the controller, too."""


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        name = report.nodeid.partition("::")[2]
        FOUND[name] = "error" if report.when != "call" and report.failed else report.outcome


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        with open("found.json", "w") as file:
            json.dump(FOUND, file)
'''


@dataclass(frozen=True)
class Ran:
    """A run of pytest.

    Attributes:
        done: the process.
        found: the outcome of every test, by its id without the file.
    """

    done: Completed
    found: dict[str, str]

    @property
    def order(self) -> list[str]:
        """The backends in the order of their first test; "" for none."""
        suffixes = (re.search(r"\[(?:.*-)?(windows-\w+|macos|uvloop|asyncio)]$", name) for name in self.found)
        return list(dict.fromkeys(found[1] if found else "" for found in suffixes))


Suite: TypeAlias = Callable[..., Ran]


@pytest.fixture
def suite(tmp_path: Path, python: Command) -> Suite:
    """Write files and run pytest on them."""

    def run(files: dict[str, str], *arguments: str, status: int | None = 0, **options: Any) -> Ran:
        for name, text in {"conftest.py": CONFTEST, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        results = tmp_path / "found.json"
        results.unlink(missing_ok=True)
        done = python("-m", "pytest", "-p", "no:randomly", "--import-mode=importlib", *arguments, **options)
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return Ran(done, json.loads(results.read_text()) if results.exists() else {})

    return run
