"""Each failure in the wild that can be emulated fails here as it does there, and what is portable works everywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ..conftest import PATIENCE, neutral

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux"),
]

SELECTOR, PROACTOR, LINUX = "windows-selector", "windows-proactor", "linux-select"
WINDOWS, MACOS = (SELECTOR, PROACTOR), ("macos", "macos-10.8")
EMULATED = (*WINDOWS, *MACOS, LINUX)
SHUTDOWN = f"{PROACTOR}@faults=reset-on-shutdown"
EPOLL = "asyncio-epoll"

Found: TypeAlias = "dict[str, list[Any]]"
"""By function and backend: the outcome, how the report ends, and the limits that it names."""


@dataclass(frozen=True)
class Failure:
    """A failure that users of asyncio met.

    Attributes:
        name: of its function in ``app.py``; ``<name>_portable`` is what works instead.
        number: in the list that the evidence is collected in, each with its public issue threads.
        backends: where it fails; on other emulated platforms it does not, or not so.
        error: how the report of pytest ends, as a pattern.
        limit: the documented limit that the report names; None: it names none.
        since: the first Python that fails so.
        until: the last one.
        issues: some of the public threads.
    """

    name: str
    number: int
    backends: tuple[str, ...]
    error: str
    issues: str
    limit: str | None = None
    since: tuple[int, int] = (3, 11)
    until: tuple[int, int] = (4, 0)


FAILURES = (
    Failure(
        *("reader_proactor", 1, (PROACTOR,), "NotImplementedError$", "psycopg/psycopg#76 saghul/aiodns#86"),
        limit="windows-proactor-readers",
    ),
    Failure(
        *("subprocess_selector", 2, (SELECTOR,), "NotImplementedError$", "microsoft/playwright-python#2854"),
        limit="windows-selector-subprocesses",
    ),
    Failure(
        *("signal_handler", 3, WINDOWS, "NotImplementedError$", "Kludex/uvicorn#122 cjrh/aiorun#11"),
        limit="windows-signal-handlers",
    ),
    Failure("reader_and_subprocess", 4, WINDOWS, "NotImplementedError$", "scrapy-plugins/scrapy-playwright#7"),
    Failure(
        *("many_sockets", 5, (SELECTOR,), r"ValueError: too many file descriptors in select\(\)$"),
        "tornadoweb/tornado#2864",
        limit="windows-selector-512-sockets",
    ),
    Failure(
        "reset_on_shutdown", 7, (SHUTDOWN,), r"ConnectionResetError: \[WinError 10054\] ", "MagicStack/asyncpg#1190"
    ),
    Failure("timers", 9, WINDOWS, "AssertionError: too early$", "python/cpython#110695", until=(3, 12)),
    Failure(
        # Up to Python 3.13 nobody is told: the loop logs it, and the program waits for ever.
        *("stdin_pipe", 11, (PROACTOR,), r"(TimeoutError|OSError: \[WinError 6\] The handle is invalid)$"),
        "python/cpython#71019",
        limit="windows-proactor-overlapped-pipes",
    ),
    Failure(
        *("stdin_pipe", 11, (SELECTOR,), "NotImplementedError$", "qwj/python-proxy#46"),
        limit="windows-selector-pipes",
    ),
    Failure(
        *("redirected_stdin", 13, (EPOLL,), r"PermissionError: \[Errno 1\] Operation not permitted$"),
        "prompt-toolkit/python-prompt-toolkit#2065",
        limit="files-epoll",
    ),
    Failure(
        *("policy", 15, EMULATED, "RuntimeError: There is no current event loop in thread 'MainThread'"),
        "tcalmant/ipopo#198 zeromq/pyzmq#2137",
    ),
    Failure(
        *("reuse_port", 19, WINDOWS, "ValueError: reuse_port not supported by socket module$"),
        "aio-libs/aiomonitor#412",
        limit="windows-reuse-port",
    ),
    Failure("ctrl_c", 21, (SELECTOR,), "AssertionError: interrupted late$", "python/asyncio#407 python/cpython#101166"),
    Failure(
        *("thread_signal", 27, (*MACOS, LINUX), "RuntimeError: set_wakeup_fd only works in main thread"),
        "python/cpython#87173",
        limit="signals-main-thread",
    ),
    Failure("wait_closed", 29, EMULATED, "TimeoutError$", "python/cpython#104344 Kludex/uvicorn#2145", since=(3, 12)),
    Failure(
        *("errno_class", 51, (PROACTOR,), r"ConnectionRefusedError: \[WinError 1225\] The remote computer refused "),
        "python/cpython#109709",
    ),
    # As on macOS, a socket that was accepted does not know that it is TCP's.
    Failure("nodelay", 55, WINDOWS, "AssertionError: delayed$", "python/cpython#148783"),
    Failure(
        *("send_signal", 57, (PROACTOR,), "ValueError: Unsupported signal: 2$", "ros2/launch#4 giampaolo/psutil#644"),
        limit="windows-proactor-process-signals",
    ),
    Failure(
        *("popen_arguments", 58, (PROACTOR,), "ValueError: preexec_fn is not supported on Windows platforms$"),
        "ros2/launch#306",
        limit="windows-proactor-process-options",
    ),
    Failure(
        *(
            "not_a_socket",
            59,
            (SELECTOR,),
            r"OSError: \[WinError 10038\] An operation was attempted on something that ",
        ),
        "qwj/python-proxy#46 stellarbit/aioping#9",
        limit="windows-selector-sockets-only",
    ),
    Failure("forked", 65, MACOS, r"(ValueError.*closed kqueue object|OSError\(9, )", "python/cpython#66285"),
    Failure("endless_sleep", 67, ("rloop",), "AssertionError: slept for ever, and is awake$", "MagicStack/uvloop#259"),
    Failure(
        "reuse_address", 69, EMULATED, "TypeError: .*unexpected keyword argument 'reuse_address'", "pyradius/pyrad#124"
    ),
    Failure("object_with_fileno", 71, ("rloop",), "TypeError: ", "CabbageDevelopment/qasync#37 zeromq/pyzmq#1047"),
)
NAMES = tuple(dict.fromkeys(failure.name for failure in FAILURES))

SUITE = """
import asyncio
import importlib.util
import inspect
import os
import signal

import app
import pytest

NAMES = {names!r}


def press():
    os.kill(os.getpid(), signal.SIGINT)


def execute(name):
    function = getattr(app, name)
    if inspect.iscoroutinefunction(function):
        asyncio.run(function())
    elif "press" in inspect.signature(function).parameters:
        function(press)
    else:
        function()


@pytest.mark.everyloop
@pytest.mark.parametrize("name", [text for name in NAMES for text in (name, f"{{name}}_portable")])
def test(name):
    execute(name)


@pytest.mark.everyloop("asyncio-epoll")
@pytest.mark.parametrize("name", ["redirected_stdin", "redirected_stdin_portable"])
def test_on_linux(name):
    execute(name)


@pytest.mark.everyloop("windows-proactor", faults="reset-on-shutdown")
@pytest.mark.parametrize("name", ["reset_on_shutdown", "reset_on_shutdown_portable"])
def test_with_a_fault(name):
    execute(name)


if importlib.util.find_spec("rloop"):

    @pytest.mark.everyloop("rloop")
    @pytest.mark.parametrize("name", ["endless_sleep", "object_with_fileno"])
    def test_on_rloop(name):
        execute(name)
"""
NOTING = '''
import json
import pytest

FOUND = {}

def pytest_runtest_logreport(report):
    """Note what became of each test, and how its report ends."""
    if report.when == "call" or report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        limits = [value for name, value in report.user_properties if name == "everyloop_limit"]
        FOUND[report.nodeid.rpartition("[")[2].rstrip("]")] = [report.outcome, crash and crash.message, limits]

def pytest_sessionfinish():
    with open("found.json", "w") as file:
        json.dump(FOUND, file)
'''


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What became of every function on every backend: run once."""
    folder = tmp_path_factory.mktemp("application")
    shutil.copy(Path(__file__).with_name("app.py"), folder)
    (folder / "test_app.py").write_text(SUITE.format(names=NAMES))
    (folder / "conftest.py").write_text(NOTING)
    arguments = ("--everyloop", ",".join(EMULATED), "--everyloop-impersonate", "app", "-o", "faulthandler_timeout=30")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=native", *arguments],
        cwd=folder,
        env=neutral({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    results: Found = json.loads((folder / "found.json").read_text())
    return results


@pytest.mark.parametrize(
    ("failure", "backend"),
    [
        pytest.param(one, backend, id=f"{one.number}-{one.name}-{backend}")
        for one in FAILURES
        for backend in one.backends
    ],
)
def test_what_fails_there_fails_here(found: Found, failure: Failure, backend: str) -> None:
    if not failure.since <= sys.version_info[:2] <= failure.until:
        pytest.skip("another Python fails so")
    if f"{failure.name}-{backend}" not in found:
        pytest.skip(f"{backend} is not installed")
    outcome, message, limits = found[f"{failure.name}-{backend}"]
    assert outcome == "failed"
    assert re.search(failure.error, message.splitlines()[0] if failure.error.endswith("$") else message), message
    assert limits == ([failure.limit] if failure.limit else limits)


@pytest.mark.parametrize("backend", EMULATED)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_portable_works_everywhere(found: Found, name: str, backend: str) -> None:
    assert found[f"{name}_portable-{backend}"][:2] == ["passed", None]


def test_what_fails_on_one_platform_works_on_another(found: Found) -> None:
    everywhere = {"policy", "wait_closed", "reuse_address"}  # depend on Python's version, not on the platform
    elsewhere = {"endless_sleep", "object_with_fileno", "reset_on_shutdown", "timers", "thread_signal"}
    for name in set(NAMES) - everywhere - elsewhere:
        outcomes = {found[f"{name}-{backend}"][0] for backend in (*EMULATED, EPOLL) if f"{name}-{backend}" in found}
        assert outcomes == {"passed", "failed"}, name
