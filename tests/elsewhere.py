"""A plugin of pytest that collects tests as they are collected on another system: ``-p tests.elsewhere``.

What that system lacks is taken away, as far as test modules meet it when they are imported. What would be executed
there is written to a file, and what would be skipped, with the reason. Nothing is executed: it cannot be.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import json
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path

import click
import hypothesis
import jsonschema
import psutil
import pytest
import rich.console
from _pytest.skipping import evaluate_skip_marks

SYSTEM, REPORT = "EVERYLOOP_TEST_SYSTEM", "EVERYLOOP_TEST_REPORT"
"""The variables that say which system, a value of :data:`sys.platform`, and where to write."""

_READY = (asyncio, click, hypothesis, jsonschema, psutil, rich.console)  # imported while this is still the own system

# https://docs.python.org/3/library/: "Availability: Unix", of what tests may reach for.
_MODULES = {
    "win32": {"fcntl", "termios", "tty", "pty", "resource", "pwd", "grp", "syslog"},
    "darwin": set[str](),
}
_NAMES: dict[str, dict[object, str]] = {
    "win32": {
        os: "fork forkpty openpty setsid getsid getuid geteuid getgid setuid chown mkfifo mknod killpg sysconf uname "
        "register_at_fork eventfd pidfd_open memfd_create waitid getpgid WNOHANG pipe2 posix_spawn sched_yield",
        select: "epoll poll",
        socket: "AF_UNIX SO_REUSEPORT MSG_DONTWAIT SCM_RIGHTS CMSG_LEN CMSG_SPACE send_fds recv_fds",
    },
    "darwin": {os: "eventfd pidfd_open memfd_create", select: "epoll"},
}
_SIGNALS = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM"}
"""Those that Windows has, as far as Linux has them."""


class _Absent(importlib.abc.MetaPathFinder):
    """Finds modules that are not there."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in _MODULES[sys.platform]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pytest_configure() -> None:
    """Move to the other system."""
    system = os.environ[SYSTEM]
    for name in _MODULES[system]:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, _Absent())
    for module, names in _NAMES[system].items():
        for name in names.split():
            vars(module).pop(name, None)
    if system == "win32":
        for name in [name for name in vars(signal) if name.startswith("SIG") and name[3] != "_"]:
            if name not in _SIGNALS:
                delattr(signal, name)
        vars(shutil)["which"] = lambda *_, **__: None  # it would ask Windows itself
    sys.platform = system


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write what would happen to each test: null if it is executed, else why it is skipped."""
    found = {item.nodeid: skipped.reason if (skipped := evaluate_skip_marks(item)) else None for item in session.items}
    Path(os.environ[REPORT]).write_text(json.dumps(found), encoding="utf-8")
