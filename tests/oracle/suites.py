"""Which of CPython's tests are run over which platform, and what is known of them."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tomllib
import unittest
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from everyloop.fake_selectors import darwin, linux
from everyloop.fake_selectors.platform import Platform

IMPERSONATED = ("test.test_asyncio", "test.test_kqueue", "test.test_selectors")
"""CPython's test modules: what they import is the platform's."""

SELECT = {
    "test_selectors": ("DefaultSelectorTestCase", "SelectSelectorTestCase"),
    "test_asyncio.test_events": ("SelectEventLoopTests",),
}
KQUEUE = {
    "test_kqueue": ("TestKQueue",),
    "test_selectors": ("DefaultSelectorTestCase", "KqueueSelectorTestCase", "SelectSelectorTestCase"),
    "test_asyncio.test_events": ("KqueueEventLoopTests", "SelectEventLoopTests"),
}


@dataclass(frozen=True)
class Suite:
    """Classes of CPython's tests.

    Attributes:
        platform: None for this machine, without any fake: the control.
        classes: names of the classes, by module.
    """

    platform: Platform | None
    classes: dict[str, tuple[str, ...]]

    def installed(self) -> contextlib.AbstractContextManager[None]:
        """Make this process the platform, for CPython's tests."""
        return contextlib.nullcontext() if self.platform is None else self.platform.install(IMPERSONATED)

    def load(self) -> dict[str, type[unittest.TestCase]]:
        """Return the classes by module and name, executed on the platform."""
        with self.installed():
            try:
                return {
                    f"{module}.{name}": getattr(importlib.import_module(f"test.{module}"), name)
                    for module, names in self.classes.items()
                    for name in names
                }
            finally:  # the next platform has copies of its own
                for module in [module for module in sys.modules if module.startswith(IMPERSONATED)]:
                    del sys.modules[module]


SUITES = {
    "linux": Suite(None, SELECT),
    "linux-select": Suite(linux.select(), SELECT),
    "macos": Suite(darwin.macos(), KQUEUE),
}


@dataclass(frozen=True)
class Failure:
    """A test that is expected to fail on this Python, and why."""

    test: str
    reason: str


@cache
def failures() -> dict[str, Failure]:
    """Read which tests fail on this Python."""
    document = tomllib.loads(Path(__file__).with_name("expected.toml").read_text(encoding="utf-8"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        row["test"]: Failure(row["test"], row["reason"])
        for row in document.get("failure", [])
        if python in row.get("pythons", [python])
    }
