"""Every name that this Python's own code, and CPython's own tests, use of Windows' modules is there."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MODULES = ("_overlapped", "_winapi", "msvcrt")
USERS = (
    "asyncio.proactor_events",
    "asyncio.windows_events",
    "asyncio.windows_utils",
    "subprocess",
    "test.test_asyncio.test_subprocess",
    "test.test_asyncio.test_windows_events",
    "test.test_asyncio.test_windows_utils",
)


def used(user: str) -> Iterator[tuple[str, str]]:
    """Yield the names that a module's text takes of the three: ``module.name`` and ``from module import name``."""
    try:
        spec = importlib.util.find_spec(user)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        pytest.skip("this Python came without its tests")
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODULES:
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                yield node.module, alias.name


@pytest.mark.parametrize("user", USERS)
def test_what_cpython_uses_is_there(system: Any, user: str) -> None:
    missing = {f"{module}.{name}" for module, name in used(user) if not hasattr(system.module(module), name)}
    assert not missing


def test_the_search_finds_what_is_used() -> None:
    found = set(used("asyncio.windows_events"))
    assert {("_overlapped", "GetQueuedCompletionStatus"), ("_winapi", "CloseHandle")} <= found
