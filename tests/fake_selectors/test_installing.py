"""A platform as this process's asyncio, and everything as before afterwards."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from everyloop.fake_selectors import darwin, linux, windows
from everyloop.fake_selectors.installing import install
from everyloop.fake_selectors.platform import Platform

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")

LINUX, MACOS, WINDOWS = linux.select(), darwin.macos(), windows.selector()
ALL = pytest.mark.parametrize("platform", [LINUX, MACOS, WINDOWS], ids=["linux-select", "macos", "windows-selector"])

PROGRAM = """
import asyncio
import os
import platform
import signal
import socket
import sys

system = sys.platform, os.name
named = platform.system()
unix = hasattr(socket, "AF_UNIX"), hasattr(asyncio, "start_unix_server")
hangup = hasattr(signal, "SIGHUP")

def now():
    return sys.platform, os.name, hasattr(socket, "AF_UNIX")

def named_now():
    return platform.system()

def later():
    import socket
    return hasattr(socket, "AF_UNIX")

async def loop():
    return asyncio.get_running_loop()
"""


def shared(known: frozenset[str]) -> tuple[Any, ...]:
    """What a process has only once; of the modules those that were `known`, for more are imported all the time."""
    modules = {name: sys.modules.get(name) for name in known}
    names = {name: dict(vars(sys.modules[name])) for name in ("asyncio", "asyncio.events", "selectors", "sys", "os")}
    for of_module in names.values():
        of_module.pop("__warningregistry__", None)  # of which warnings were given there
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)]
    return modules, names, list(sys.meta_path), handlers


@pytest.fixture(autouse=True)
def everything_is_put_back() -> Iterator[None]:
    asyncio.run(running())  # asyncio makes its policy when it first needs one
    known = frozenset(sys.modules)
    before = shared(known)
    yield
    assert shared(known) == before


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of somebody's, not imported."""
    name = "somebodys_package"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "program.py").write_text(PROGRAM)
    path = list(sys.path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]
    sys.path[:] = path
    sys.path_importer_cache.pop(str(tmp_path), None)


async def running() -> asyncio.AbstractEventLoop:
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


@ALL
def test_asyncio_runs_on_the_platform(platform: Platform) -> None:
    with install(platform):
        ran = asyncio.run(running())
        made = asyncio.new_event_loop()
        made.close()
        for loop in (ran, made):
            assert isinstance(loop, asyncio.SelectorEventLoop)
            assert isinstance(loop, asyncio.BaseEventLoop)
    assert not isinstance(ran, asyncio.SelectorEventLoop)
    assert isinstance(asyncio.run(running()), asyncio.SelectorEventLoop)


@ALL
def test_test_cases_of_unittest_run_on_the_platform(platform: Platform) -> None:
    loops = []

    class Case(unittest.IsolatedAsyncioTestCase):
        async def test_it(self) -> None:
            loops.append(asyncio.get_running_loop())

    with install(platform):
        result = unittest.TestResult()
        Case("test_it").run(result)
        assert result.wasSuccessful()
        assert isinstance(loops[0], asyncio.SelectorEventLoop)


@pytest.mark.parametrize(
    ("platform", "missing", "there"),
    [
        pytest.param(WINDOWS, "start_unix_server", "ProactorEventLoop", id="windows"),
        pytest.param(WINDOWS, "open_unix_connection", "WindowsSelectorEventLoopPolicy", id="windows-policy"),
        pytest.param(MACOS, "ProactorEventLoop", "start_unix_server", id="macos"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*EventLoopPolicy' is deprecated:DeprecationWarning")  # since 3.14
def test_names_of_asyncio_are_the_platforms(platform: Platform, missing: str, there: str) -> None:
    with install(platform):
        assert not hasattr(asyncio, missing)
        assert hasattr(asyncio, there)


def test_modules_of_asyncio_are_the_platforms() -> None:
    with install(WINDOWS):
        events = importlib.import_module("asyncio.windows_events")
        assert events.SelectorEventLoop is asyncio.SelectorEventLoop
        with pytest.raises(ImportError):
            importlib.import_module("asyncio.unix_events")
    with pytest.raises(ImportError):
        importlib.import_module("asyncio.windows_events")


def test_an_error_inside_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError), install(WINDOWS, ["json"]):
        raise ZeroDivisionError


def test_installs_may_be_nested() -> None:
    with install(MACOS):
        outer = asyncio.SelectorEventLoop
        with install(WINDOWS):
            assert asyncio.SelectorEventLoop is not outer
        assert asyncio.SelectorEventLoop is outer


SEEN = {
    "linux-select": ("linux", "posix", True),
    "macos": ("darwin", "posix", True),
    "windows-selector": ("win32", "nt", False),
}
NAMED = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def program_of(package: str) -> ModuleType:
    return importlib.import_module(f"{package}.program")


@pytest.mark.parametrize(
    ("platform", "seen"), [(LINUX, SEEN["linux-select"]), (MACOS, SEEN["macos"]), (WINDOWS, SEEN["windows-selector"])]
)
class TestPackages:
    def test_what_is_imported_meanwhile_sees_the_platform(
        self, package: str, platform: Platform, seen: tuple[str, str, bool]
    ) -> None:
        with install(platform, [package]):
            program = program_of(package)
            assert (*program.system, program.unix[0]) == seen
            assert program.unix == (seen[2], seen[2])
            assert program.hangup == seen[2]
            assert program.named == program.named_now() == NAMED[seen[0]]
            assert program.now() == seen
            assert program.later() == seen[2]
            assert isinstance(asyncio.run(program.loop()), asyncio.SelectorEventLoop)
        assert program_of(package).system == ("linux", "posix")

    def test_what_was_imported_before_sees_it_for_a_while(
        self, package: str, platform: Platform, seen: tuple[str, str, bool]
    ) -> None:
        program = program_of(package)
        with install(platform, [package]):
            assert program_of(package) is program
            assert program.now() == seen
            assert program.named_now() == NAMED[seen[0]]
            assert program.later() == seen[2]
        assert program.named_now() == "Linux"
        assert program.now() == ("linux", "posix", True)
        assert program.later()


@ALL
def test_other_packages_do_not_see_it(package: str, platform: Platform) -> None:
    with install(platform, ["another_package", f"{package}.prog"]):
        assert program_of(package).system == ("linux", "posix")
