"""The options, the marker, the fixture and the reports, on a test suite that needs no library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from everyloop.fake_selectors import limits

from ..conftest import PATIENCE, Command, neutral
from .conftest import Suite

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux"),
]

RUN = """
import asyncio
import socket

import pytest


def test_run():
    async def main():
        await asyncio.sleep(0)
    asyncio.run(main())

def test_reader():
    async def main():
        a, b = socket.socketpair()
        with a, b:
            loop = asyncio.get_running_loop()
            loop.add_reader(a, print)
            loop.remove_reader(a)
    asyncio.run(main())

def test_synchronous():
    pass
"""
TWO = ("--everyloop", "windows-selector,windows-proactor")
SELECTOR = {"test_run[windows-selector]": "passed", "test_reader[windows-selector]": "passed"}
PROACTOR = {"test_run[windows-proactor]": "passed", "test_reader[windows-proactor]": "failed"}
ONCE = {"test_synchronous": "passed"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_each_asynchronous_test_runs_once_per_backend(suite: Suite, workers: tuple[str, ...]) -> None:
    ran = suite({"test_it.py": RUN}, *TWO, *workers, status=1)
    assert ran.found == ONCE | SELECTOR | PROACTOR
    assert "\neveryloop: windows-selector, windows-proactor\n" in ran.done.stdout
    assert "\nwindows-proactor-readers: 1 test. Descriptors cannot be watched.\n" in ran.done.stdout


def test_selection(suite: Suite) -> None:
    files = {"test_it.py": RUN}
    suite(files, *TWO, status=1)
    assert suite(files, *TWO, "--lf", status=1).found == {"test_reader[windows-proactor]": "failed"}
    assert suite(files, *TWO, "-k", "windows-selector").found == SELECTOR
    assert suite(files, *TWO, "test_it.py::test_run[windows-proactor]").found == {
        "test_run[windows-proactor]": "passed"
    }
    assert set(suite(files, *TWO, "test_it.py::test_run").found) == {
        "test_run[windows-selector]",
        "test_run[windows-proactor]",
    }
    ran = suite(files, *TWO, "-x", "-k", "reader", "-p", "no:cacheprovider", status=1)
    assert list(ran.found) == ["test_reader[windows-selector]", "test_reader[windows-proactor]"]


def test_collection_shows_every_id(suite: Suite) -> None:
    files = {
        "test_it.py": RUN,
        "test_case.py": "import unittest\n"
        "class TestCase(unittest.IsolatedAsyncioTestCase):\n"
        "    async def test_it(self): pass\n",
    }
    ran = suite(files, *TWO, "--collect-only", "-q")
    assert ran.done.stdout.splitlines()[:7] == [
        "test_it.py::test_synchronous",
        "test_case.py::TestCase::test_it[windows-selector]",
        "test_it.py::test_run[windows-selector]",
        "test_it.py::test_reader[windows-selector]",
        "test_case.py::TestCase::test_it[windows-proactor]",
        "test_it.py::test_run[windows-proactor]",
        "test_it.py::test_reader[windows-proactor]",
    ]
    assert "<TestCaseFunction test_it[windows-proactor]>" in suite(files, *TWO, "--collect-only").done.stdout


def test_variable_and_ini_option(suite: Suite) -> None:
    files = {"test_it.py": RUN, "pytest.ini": "[pytest]\neveryloop = windows-selector\n"}
    assert suite(files).found == ONCE | SELECTOR
    assert suite(files, env={"EVERYLOOP": "windows-proactor"}, status=1).found == ONCE | PROACTOR
    # The command line comes before the environment, and that before the file.
    ran = suite(files, "--everyloop", "windows-selector", env={"EVERYLOOP": "windows-proactor"})
    assert ran.found == ONCE | SELECTOR
    assert suite({"pytest.ini": "[pytest]\n", "test_it.py": RUN}).found == dict.fromkeys(
        ("test_run", "test_reader", "test_synchronous"), "passed"
    )


MARKED = """
import asyncio
import pytest

def test_ordinary():
    asyncio.run(asyncio.sleep(0))

@pytest.mark.everyloop("windows-selector", "windows-proactor", clock_resolution=0.0005)
@pytest.mark.everyloop("windows-selector", max_sockets=64, clock_resolution=0.001)
@pytest.mark.everyloop("asyncio")
def test_marked(everyloop):
    asyncio.run(asyncio.sleep(0))
    assert dict(everyloop.knobs) in ({}, {"max_sockets": 64, "clock_resolution": 0.001}, {"clock_resolution": 0.0005})
    assert (everyloop.emulated is None) == ("ProactorEventLoop" not in vars(asyncio))

@pytest.mark.everyloop
def test_counted_as_asynchronous():
    pass

@pytest.mark.everyloop("macos")
class TestClass:
    def test_it(self, everyloop):
        assert everyloop.platform == "darwin"

def test_fixture(everyloop):
    assert everyloop.limits() is not None
"""
KNOBS = ["windows-selector@clock_resolution=0.0005", "windows-proactor@clock_resolution=0.0005"]
KNOBS += ["windows-selector@max_sockets=64,clock_resolution=0.001", "asyncio"]
ALWAYS = {*(f"test_marked[{name}]" for name in KNOBS), "TestClass::test_it[macos]"}


def test_marker(suite: Suite) -> None:
    ran = suite({"test_it.py": MARKED}, "--strict-markers")
    assert set(ran.found) == {*ALWAYS, "test_ordinary", "test_counted_as_asynchronous", "test_fixture"}
    ran = suite({"test_it.py": MARKED}, "--everyloop", "linux-select")
    usual = ("test_ordinary", "test_counted_as_asynchronous", "test_fixture")
    assert set(ran.found) == {*ALWAYS, *(f"{name}[linux-select]" for name in usual)}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one", "xdist"])
@pytest.mark.parametrize(
    ("arguments", "marker", "complaint"),
    [
        (("--everyloop", "windows-selektor"), "", "--everyloop: unknown backend 'windows-selektor': did you mean "),
        (("--everyloop", "macos@size=1"), "", "--everyloop: macos has no knob 'size': it has version"),
        (("--everyloop", ","), "", "--everyloop: name at least one backend"),
        (("--everyloop", "os:getcwd"), "", "--everyloop: os:getcwd: the factory returned a builtins.str"),
        ((), "'macOS'", "test_it.py::test_it: @pytest.mark.everyloop: unknown backend 'macOS': did you mean 'macos'?"),
        ((), "'macos', version='1'", "test_it.py::test_it: @pytest.mark.everyloop: macos: knob version: '1' is not a"),
        ((), "max_sockets=64", "test_it.py::test_it: @pytest.mark.everyloop: max_sockets: a knob belongs to a backend"),
        (
            ("--everyloop", "macos", "--everyloop-impersonate", "_pytest.main"),
            "",
            "--everyloop-impersonate: _pytest.main",
        ),
        (
            ("--everyloop", "asyncio", "--everyloop-impersonate", "x"),
            "",
            "--everyloop-impersonate: asyncio: this machine",
        ),
    ],
)
def test_wrong_usage(
    suite: Suite, workers: tuple[str, ...], arguments: tuple[str, ...], marker: str, complaint: str
) -> None:
    text = f"import asyncio, pytest\n@pytest.mark.everyloop({marker})\ndef test_it(): asyncio.run(asyncio.sleep(0))\n"
    done = suite({"test_it.py": text}, *arguments, *workers, status=pytest.ExitCode.USAGE_ERROR).done
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
    assert line.startswith(f"ERROR: {complaint}")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_loop_in_a_file_beside_the_tests(suite: Suite, program: str, tmp_path: Path) -> None:
    files = {"loops.py": "from asyncio import SelectorEventLoop as new_loop\n", "test_it.py": RUN}
    named = ("--import-mode=importlib", "--everyloop", "loops:new_loop")
    ran = suite(files, *named)
    assert set(ran.found) == {"test_run[loops:new_loop]", "test_reader[loops:new_loop]", "test_synchronous"}
    # Also by the command, which unlike `python -m pytest` does not look into this folder; and the cases of everyloop.
    cases = ("--pyargs", "everyloop.conformance.readers", "-k", "removing_a_watcher_twice")
    command = str(Path(program).with_name("pytest"))
    for loop, status in (("loops:new_loop", 0), ("loops:nothing", 4), ("nowhere:new_loop", 4)):
        options = ("--everyloop", loop, "-p", "no:cacheprovider", *cases)
        done = subprocess.run(
            [command, *options],
            cwd=tmp_path,
            env=neutral({}),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert done.stderr.startswith("" if status == 0 else f"ERROR: --everyloop: {loop}: ")
        assert "Traceback" not in done.stdout + done.stderr


PACKAGE = """
import os, signal, socket, sys

WINDOWS = sys.platform == "win32"

def seen():
    return sys.platform, os.name, hasattr(socket, "AF_UNIX"), hasattr(signal, "SIGHUP")
"""
IMPERSONATED = """
import asyncio, os, sys
import pytest
from myapp import core

@pytest.mark.everyloop
def test_seen(everyloop):
    windows = everyloop.platform == "win32"
    assert core.seen() == (("win32", "nt", False, False) if windows else ("linux", "posix", True, True))
    assert (sys.platform, os.name) == ("linux", "posix")

@pytest.mark.everyloop
def test_decided_at_import():
    assert core.WINDOWS

def test_synchronous():
    assert core.WINDOWS == (core.seen()[0] == "win32")
"""


def test_packages_see_the_platform(suite: Suite) -> None:
    files = {"myapp/__init__.py": "", "myapp/core.py": PACKAGE, "test_it.py": IMPERSONATED}
    environment = {"PYTHONPATH": "."}
    # With one backend they are imported there; with several, after they have been imported here.
    for named in (("--everyloop-impersonate", "myapp"), ("-o", "everyloop_impersonate=myapp")):
        ran = suite(files, "--everyloop", "windows-proactor", *named, env=environment)
        assert set(ran.found.values()) == {"passed"}
        assert "\neveryloop: windows-proactor (seen by myapp)\n" in ran.done.stdout
        ran = suite(files, *TWO, *named, env=environment, status=1)
        assert {name for name, outcome in ran.found.items() if outcome == "failed"} == {
            f"test_decided_at_import[{name}]" for name in ("windows-selector", "windows-proactor")
        }
        assert "(seen by myapp while tests run, not when it is imported)\n" in ran.done.stdout


FAILING = """
import asyncio, signal, sys, threading
import pytest

async def child():
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", "")).wait()

def test_child():
    asyncio.run(child())

def test_only_logged():
    async def main():
        print("a word of the test")
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().add_signal_handler, signal.SIGTERM, print)
        await asyncio.sleep(0.05)
        raise AssertionError("nothing has happened")
    asyncio.run(main())

@pytest.fixture
def made():
    asyncio.run(child())

def test_in_a_fixture(made):
    pass

def test_missing_name():
    asyncio.run(asyncio.sleep(0))
    asyncio.start_unix_server

def test_own_fault():
    asyncio.run(asyncio.sleep(0))
    raise NotImplementedError("something else")
"""


@pytest.mark.parametrize("options", [(), ("-n", "1"), ("--show-capture=no",)], ids=["one", "xdist", "no-capture"])
def test_failures_teach(suite: Suite, options: tuple[str, ...]) -> None:
    ran = suite({"test_it.py": FAILING}, "--everyloop", "windows-selector", *options, status=1)
    reports = ran.done.stdout.partition("= FAILURES =")[2]
    texts = {
        name: reports.partition(f" {name}[windows-selector] ___")[2].partition("\n____")[0]
        for name in ("test_child", "test_only_logged", "test_missing_name", "test_own_fault")
    }
    for name, limit in {
        "test_child": "windows-selector-subprocesses",
        "test_only_logged": "windows-signal-handlers",
        "test_missing_name": "windows-unix-sockets",
    }.items():
        entry = limits.by_id(limit)
        lesson = [
            entry.forbids,
            f"holds for: {entry.where}",
            f"instead:   {entry.instead}",
            f"see:       {entry.source}",
        ]
        title, *lines = texts[name].rstrip().splitlines()[-5:]
        assert f" everyloop: {limit} --" in title
        assert lines == lesson
    assert "everyloop: windows" not in texts["test_own_fault"].partition("===")[0]
    assert "\nwindows-selector-subprocesses: 2 tests. Processes cannot be started.\n" in ran.done.stdout
    assert "fake_selectors/kernels" not in ran.done.stdout


def test_fixtures_of_every_scope_are_made_on_each_backend(suite: Suite) -> None:
    text = (
        "import asyncio, pytest\n"
        "LIVING = []\n"
        "@pytest.fixture(scope='session', autouse=True)\n"
        "def policy():\n"
        "    LIVING.append(asyncio.get_event_loop_policy())\n"
        "    yield LIVING[-1]\n"
        "    assert asyncio.get_event_loop_policy() is LIVING.pop()\n"
        "@pytest.mark.parametrize('number', [1, 2])\n"
        "def test_it(policy, number):\n"
        "    asyncio.run(asyncio.sleep(0))\n"
        "    assert LIVING == [asyncio.get_event_loop_policy()]\n"
        "def test_other(policy): assert LIVING == [policy]\n"
    )
    assert set(suite({"test_it.py": text}, *TWO, "-W", "ignore::DeprecationWarning").found.values()) == {"passed"}


def test_a_policy_that_a_test_leaves_is_gone_before_the_next(suite: Suite) -> None:
    text = (
        "import asyncio\n"
        "from conftest import LOOPS, loop\n"
        "async def main(): return loop()\n"
        "def test_one(): asyncio.run(main()); asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())\n"
        "def test_two(): assert asyncio.run(main()) == LOOPS['windows-selector']\n"
    )
    ran = suite({"test_it.py": text}, "--everyloop", "windows-selector", "-W", "ignore::DeprecationWarning")
    assert set(ran.found.values()) == {"passed"}


def test_without_the_option_nothing_is_loaded_and_nothing_changes(suite: Suite) -> None:
    text = RUN + (
        "def test_nothing_is_loaded():\n"
        "    import sys\n"
        "    found = {name for name in sys.modules if name.startswith('everyloop.')}\n"
        "    assert found <= {'everyloop.harness', 'everyloop.harness.plugin'}\n"
    )
    ran = suite({"test_it.py": text})
    assert set(ran.found) == {"test_run", "test_reader", "test_synchronous", "test_nothing_is_loaded"}
    assert "everyloop" not in ran.done.stdout.partition("collected")[2]


@pytest.mark.once
def test_the_page_for_application_authors(root: Path, suite: Suite, blocks: Callable[[str], dict[str, str]]) -> None:
    found = blocks((root / "docs" / "application-tests.md").read_text(encoding="utf-8"))
    ran = suite(
        {"test_client.py": found["test_client.py"]}, "--everyloop", "windows-selector,windows-proactor", status=1
    )
    assert ran.found == {
        "test_waits_for_data[windows-selector]": "passed",
        "test_waits_for_data[windows-proactor]": "failed",
        "test_parses": "passed",
    }
    lesson = found["report"].rstrip()
    assert lesson in ran.done.stdout
    assert suite({"test_client.py": found["portable"]}, *TWO).found == {
        "test_waits_for_data[windows-selector]": "passed",
        "test_waits_for_data[windows-proactor]": "passed",
    }
    ran = suite({"test_client.py": found["marker"]})
    assert set(ran.found.values()) == {"passed"}
    assert "EVERYLOOP" in found["tox.ini"]


@pytest.fixture
def blocks() -> Callable[[str], dict[str, str]]:
    """The examples of a page that have names, as `<!-- example: name -->` before them."""

    def read(page: str) -> dict[str, str]:
        parts = page.split("<!-- example: ")[1:]
        return {part.partition(" -->")[0]: part.split("```")[1].partition("\n")[2] for part in parts}

    return read


def test_help(python: Command) -> None:
    text = " ".join(python("-m", "pytest", "--help").stdout.split())
    assert "--everyloop-impersonate=PACKAGE let this package see the emulated platform" in text
    assert "everyloop (string): default of --everyloop; the environment variable EVERYLOOP comes before it" in text
    assert "@pytest.mark.everyloop(*backends, **knobs): run this test on these event loops" in " ".join(
        python("-m", "pytest", "--markers").stdout.split()
    )
