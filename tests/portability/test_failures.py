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

# On every Python: some of it only the old ones do, and some only the new ones.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")

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
    Failure(
        *(
            "udp_size",
            53,
            MACOS,
            r"OSError: \[Errno 40\] Message too long$",
            "python/asyncio#153 firezone/firezone#9798",
        ),
        limit="macos-datagram-size",
    ),
    Failure(
        *("unix_datagrams", 53, MACOS, r"OSError: \[Errno 55\] No buffer space available$"),
        "bnoordhuis/node-unix-dgram#38",
        limit="macos-unix-datagrams",
    ),
    Failure("nodelay", 55, (*WINDOWS, *MACOS), "AssertionError: delayed$", "python/cpython#148783"),
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
ROWS = {1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 19, 21, 25, 27, 29, 51, 53, 55, 57, 58, 59, 61, 63, 65, 67, 69, 71}
"""The list that the evidence is collected in: every failure of it has a test here, or a reason why not."""
NOT_SHOWN = {
    25: "Programs are this machine's: whether a script of Linux is an .exe there, as pytest is, or npm.cmd, cannot be "
    "known. The audit says so: `command`.",
    61: "What was reported is a refused connection, rarely, and what was blamed is that AcceptEx starts an iteration "
    "after listen(). create_server() waits for that iteration, and a backlog refuses nobody: `accept_late` passes "
    "everywhere, also with faults=late-accept. Nothing that is documented refuses, so neither does the emulation.",
    63: "The interpreter frees an operation that Windows has not ended. Here the kernel is an object of Python's: what "
    "it still works on is not freed.",
}
NAMES = (*dict.fromkeys(failure.name for failure in FAILURES), "command")

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


@pytest.mark.everyloop
@pytest.mark.parametrize("name", ["accept_late"])
def test_what_refuses_nobody(name):
    execute(name)


@pytest.mark.everyloop("windows-proactor", faults="late-accept")
@pytest.mark.parametrize("name", ["accept_late"])
def test_what_refuses_nobody_with_a_fault(name):
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


def test_every_failure_of_the_list_is_shown_or_has_a_reason() -> None:
    shown = {failure.number for failure in FAILURES}
    assert shown | NOT_SHOWN.keys() == ROWS
    assert shown.isdisjoint(NOT_SHOWN)


@pytest.mark.parametrize("backend", [*EMULATED, f"{PROACTOR}@faults=late-accept"])
def test_who_connects_at_once_is_not_refused(found: Found, backend: str) -> None:
    assert found[f"accept_late-{backend}"][:2] == ["passed", None]


def test_what_fails_on_one_platform_works_on_another(found: Found) -> None:
    everywhere = {"policy", "wait_closed", "reuse_address"}  # depend on Python's version, not on the platform
    elsewhere = {"endless_sleep", "object_with_fileno", "reset_on_shutdown", "timers", "thread_signal"}
    for name in set(NAMES) - everywhere - elsewhere - {"command"}:
        outcomes = {found[f"{name}-{backend}"][0] for backend in (*EMULATED, EPOLL) if f"{name}-{backend}" in found}
        assert outcomes == {"passed", "failed"}, name


NATIVELY = """
import asyncio
import inspect

import app
import pytest

@pytest.mark.parametrize("name", {names!r})
def test(name):
    function = getattr(app, name)
    asyncio.run(function()) if inspect.iscoroutinefunction(function) else function()
"""
ALSO_SEEN = {
    ("command", PROACTOR): "windows-proactor-commands",
    ("errno_class", PROACTOR): "windows-connection-errors",
    ("nodelay", SELECTOR): "accepted-delay",
    ("nodelay", "macos"): "accepted-delay",
}
"""What the audit says of programs that raise nothing there, or nothing that a limit documents."""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The audit of every function that fails somewhere, run once on this machine's loop."""
    folder = tmp_path_factory.mktemp("audited")
    shutil.copy(Path(__file__).with_name("app.py"), folder)
    (folder / "test_app.py").write_text(NATIVELY.format(names=[name for name in NAMES if name != "ctrl_c"]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--everyloop-audit=report.json"],
        cwd=folder,
        env=neutral({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


SEEN = {
    (failure.name, backend): failure.limit
    for failure in FAILURES
    for backend in failure.backends
    if failure.limit is not None
} | ALSO_SEEN


@pytest.mark.parametrize(("name", "backend"), SEEN, ids="-".join)
def test_the_audit_reports_it_without_the_platform(audited: dict[str, Any], name: str, backend: str) -> None:
    sites = [
        (site["file"], site["function"])
        for judged in audited["judgements"]
        if judged["loop"] == backend
        for finding in judged["findings"]
        if finding["limit"] == SEEN[name, backend]
        for site in finding["sites"]
    ]
    assert any(file == "app.py" and name in function.split(".") for file, function in sites), sites


def test_the_audit_reports_what_no_loop_of_windows_has(audited: dict[str, Any]) -> None:
    (windows,) = (found for found in audited["conclusions"] if found["system"] == "Windows")
    assert windows["works"] == []
    assert "no loop of the standard library on Windows has" in windows["sentence"]
