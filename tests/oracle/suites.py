"""Which of CPython's tests are run over which platform, and what is known of them."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tomllib
import unittest
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from everyloop.fake_selectors import darwin, linux, windows
from everyloop.fake_selectors.platform import Platform

support = pytest.importorskip("test.support", reason="this Python came without its tests")

IMPERSONATED = ("test.support.socket_helper", "test.test_asyncio", "test.test_kqueue", "test.test_selectors")
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

TERMINALS = {
    "test_kqueue": ("TestKQueue",),
    "test_asyncio.test_events": ("KqueueEventLoopTests",),
}

PROACTOR = {
    "test_asyncio.test_events": ("ProactorEventLoopTests",),
    "test_asyncio.test_windows_events": (
        "ProactorLoopCtrlC",
        "ProactorMultithreading",
        "ProactorTests",
        "WinPolicyTests",
    ),
    "test_asyncio.test_windows_utils": ("PipeTests", "PopenTests"),
    "test_asyncio.test_sock_lowlevel": ("ProactorEventLoopTests",),
    "test_asyncio.test_sendfile": ("ProactorEventLoopTests",),
    "test_asyncio.test_server": (
        "ProactorStartServerTests",
        *(("TestServer2",) if sys.version_info >= (3, 12) else ()),
    ),
    "test_asyncio.test_subprocess": ("SubprocessProactorTests", "SubprocessTransportTests"),
    "test_asyncio.test_streams": ("StreamTests",),
    "test_asyncio.test_sslproto": ("ProactorStartTLSTests",),
    "test_asyncio.test_buffered_proto": ("BufferedProtocolProactorTests",),
    "test_asyncio.test_runners": ("RunTests", "RunnerTests"),
}


@dataclass(frozen=True)
class Suite:
    """Classes of CPython's tests.

    Attributes:
        platform: None for this machine, without any fake: the control.
        classes: names of the classes, by module.
        patience: for how many seconds a test waits for what is bound to happen; None: as long as CPython's do. For
            platforms on which some of it never happens.
    """

    platform: Platform | None
    classes: Mapping[str, tuple[str, ...]]
    patience: float | None = None

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Make this process the platform, for CPython's tests."""
        platform = contextlib.nullcontext() if self.platform is None else self.platform.install(IMPERSONATED)
        is_windows = self.platform is not None and self.platform.sys_platform == "win32"
        known: dict[str, Any] = {"SHORT_TIMEOUT": self.patience or support.SHORT_TIMEOUT, "MS_WINDOWS": is_windows}
        with platform, mock.patch.multiple(support, create=True, **known):
            yield

    def load(self) -> dict[str, type[unittest.TestCase]]:
        """Return the classes by module and name, executed on the platform."""
        with self.installed(), _own_copies():
            return {
                f"{module}.{name}": getattr(importlib.import_module(f"test.{module}"), name)
                for module, names in self.classes.items()
                for name in names
            }


@contextlib.contextmanager
def _own_copies() -> Iterator[None]:
    """Import CPython's test modules anew, and leave none behind for the next platform."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.startswith(IMPERSONATED)]:
        del sys.modules[name]
        package, _, child = name.rpartition(".")
        if package in sys.modules:
            vars(sys.modules[package]).pop(child, None)


SUITES = {
    "linux": Suite(None, SELECT),
    "linux-select": Suite(linux.select(), SELECT),
    "windows-selector": Suite(windows.selector(), SELECT),
    "windows-proactor": Suite(windows.proactor(), PROACTOR),
    "macos": Suite(darwin.macos(), KQUEUE),
    "macos-10.8": Suite(darwin.macos("10.8"), TERMINALS, patience=5),
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
