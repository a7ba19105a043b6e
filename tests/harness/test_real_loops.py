"""Loops that nobody here wrote: whatever they do, the document about them is whole. What they get is not tested."""

from __future__ import annotations

import importlib.util

import pytest

from .runs import Commands, by_case


@pytest.mark.parametrize("backend", ["uvloop", "rloop", "trio-asyncio", "qasync"])
def test_every_case_gets_a_verdict_that_is_the_loops_own(commands: Commands, backend: str) -> None:
    package = backend.replace("-", "_")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: tox has an environment for it")
    done = commands.judge("asyncio", backend, "-q", "-n", "2", "--timeout", "3", "--area", "FD")
    assert done.status in {0, 1}, done.stderr
    runs = commands.runs()
    assert runs[backend]["loop"].startswith(f"{package}.")
    found = by_case(runs[backend])
    assert found.keys() == by_case(runs["asyncio"]).keys()
    assert [case for case, result in found.items() if result["verdict"] == "error"] == []
