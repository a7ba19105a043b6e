"""The library: CPython's modules executed again, imported as importlib does it, beside those of the process."""

from __future__ import annotations

import _socket
import compileall
import importlib
import linecache
import re
import selectors
import shutil
import signal
import socket
import sys
import textwrap
import threading
import traceback
import unittest.mock
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from everyloop.fake_selectors.loader import Library
from everyloop.fake_selectors.views import Fake, View

from ..conftest import Command

Write = Callable[..., str]
STDLIB = Path(selectors.__file__).parent
AGAIN = ("asyncio", "selectors.py", "signal.py", "socket.py", "subprocess.py")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Write:
    """Write modules of a package that only this test has; return its name."""
    name = "again_" + re.sub(r"\W", "_", str(request.node.name))
    monkeypatch.syspath_prepend(tmp_path)

    def write(init: str = "", **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        for module, text in {"__init__": init, **modules}.items():
            (folder / f"{module}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return name

    return write


def library_of(package: str, *modules: str, **fakes: ModuleType | None) -> Library:
    return Library(fakes, [package, *(f"{package}.{module}" for module in modules)])


def test_a_module_is_executed_again_beside_the_process_own() -> None:
    again = Library({}, ["selectors"]).load("selectors")
    assert again is not selectors
    assert again.__file__ == selectors.__file__
    assert again.SelectSelector is not selectors.SelectSelector
    assert sys.modules["selectors"] is selectors


def test_a_module_is_executed_once() -> None:
    library = Library({}, ["selectors"])
    assert library.load("selectors") is library.load("selectors")


def test_two_libraries_have_a_copy_each() -> None:
    assert Library({}, ["selectors"]).load("selectors") is not Library({}, ["selectors"]).load("selectors")


def test_fakes_hide_the_modules_of_the_process() -> None:
    library = Library({"select": Fake("select", {"select": print})}, ["selectors"])
    again = library.load("selectors")
    assert again.DefaultSelector is again.SelectSelector
    assert not hasattr(again, "EpollSelector")


def test_all_other_modules_are_those_of_the_process() -> None:
    library = Library({}, ["asyncio", "asyncio.base_events"])
    asyncio = library.load("asyncio")
    assert asyncio.base_events is not sys.modules["asyncio.base_events"]
    assert asyncio.tasks is sys.modules["asyncio.tasks"]
    assert library.load("math") is sys.modules["math"]


def test_a_package_has_all_modules_that_the_process_has_imported_in_it(package: Write) -> None:
    name = package("from . import a", a="from . import b", b="", c="", d="")
    for module in "abcd":
        importlib.import_module(f"{name}.{module}")
    library = Library({f"{name}.d": None}, [name, f"{name}.c"])
    again = library.load(name)
    assert again.b is sys.modules[f"{name}.b"]
    assert not {"c", "d"} & vars(again).keys()  # one that the platform has not imported yet, one that it has not


def test_a_module_that_the_platform_has_not_is_not_found(package: Write) -> None:
    name = package(a="try:\n    import fcntl\nexcept ModuleNotFoundError as error:\n    text = str(error)")
    assert library_of(name, "a", fcntl=None).load(f"{name}.a").text == "No module named 'fcntl'"
    with pytest.raises(ModuleNotFoundError, match="No module named 'fcntl'") as raised:
        library_of(name, fcntl=None).load("fcntl")
    assert raised.value.name == "fcntl"


def test_a_module_that_nobody_has_is_not_found(package: Write) -> None:
    name = package()
    for missing in (f"{name}.absent", f"{name}_absent"):
        with pytest.raises(ModuleNotFoundError, match=missing):
            library_of(name).load(missing)


def test_a_module_goes_with_its_package() -> None:
    with pytest.raises(ValueError, match=r"'asyncio\.events' cannot be executed again without its package 'asyncio'"):
        Library({}, ["asyncio.events"])


def test_names_hide_builtins_in_one_module_only(package: Write) -> None:
    name = package(a="from .b import here as there\nhere = len([])", b="here = len([])")
    library = Library({}, [name, f"{name}.a", f"{name}.b"], {f"{name}.a": {"len": lambda _: "hidden"}})
    assert (library.load(f"{name}.a").here, library.load(f"{name}.a").there) == ("hidden", 0)


def test_modules_may_import_each_other(package: Write) -> None:
    name = package(
        a="""
            from . import b
            value = "a"
        """,
        b="""
            from . import a
            def late():
                return a.value
        """,
    )
    for first in ("a", "b"):
        library = library_of(name, "a", "b")
        library.load(f"{name}.{first}")
        a, b = library.load(f"{name}.a"), library.load(f"{name}.b")
        assert (a.b, b.a, b.late()) == (b, a, "a")


def test_a_module_under_way_is_not_mistaken_for_the_process_own(package: Write) -> None:
    name = package(
        a="from . import b\nvalue = 1",
        b="from . import a\nseen = a\nunfinished = not hasattr(a, 'value')",
    )
    importlib.import_module(f"{name}.a")
    library = library_of(name, "a", "b")
    b = library.load(f"{name}.a").b
    assert b.seen is library.load(f"{name}.a")
    assert b.unfinished


@pytest.mark.parametrize(
    "statement",
    [
        "import {name}.sub as found",
        "from {name} import sub as found",
        "from . import sub as found",
        "import {name}; found = {name}.user and __import__('{name}.sub').sub",
        "from {name} import *; found = sub",
    ],
)
def test_every_form_of_import_finds_the_library(statement: str, package: Write) -> None:
    name = package(init="__all__ = ['sub']", sub="")
    folder = Path(importlib.import_module(name).__path__[0])
    (folder / "user.py").write_text(statement.format(name=name))
    library = library_of(name, "sub", "user")
    found = library.load(f"{name}.user").found
    assert found is library.load(f"{name}.sub")
    assert found is not importlib.import_module(f"{name}.sub")


def test_imports_inside_functions_find_the_library(package: Write) -> None:
    name = package(
        a="""
            def late():
                import select
                from . import b
                from collections.abc import Sized
                import os.path
                return select, b, Sized, os
        """,
        b="",
    )
    fake = Fake("select", {})
    library = library_of(name, "a", "b", select=fake)
    found = library.load(f"{name}.a").late()
    assert found == (fake, library.load(f"{name}.b"), sys.modules["collections.abc"].Sized, sys.modules["os"])


def test_a_star_takes_all_of_a_view(package: Write) -> None:
    name = package(a="from errno import *")  # a module in C, without __all__
    view = View(sys.modules["errno"], {"EPERM": -1, "WSAEINTR": 10004}, ["ENOENT"])
    names = vars(library_of(name, "a", errno=view).load(f"{name}.a"))
    assert (names["EPERM"], names["WSAEINTR"], names["EBADF"]) == (-1, 10004, sys.modules["errno"].EBADF)
    assert "ENOENT" not in names


def test_a_star_takes_what_a_module_exports_and_the_platform_has(package: Write) -> None:
    name = package(a="from stat import *\nfrom socket import *")
    view = View(socket, {"AF_INET": -1}, ["AF_UNIX", "fromfd"])
    names = vars(library_of(name, "a", socket=view).load(f"{name}.a"))
    assert names["AF_INET"] == -1
    assert not {"AF_UNIX", "fromfd", "selectors"} & names.keys()  # the last is in the module, not in __all__
    assert {"S_ISREG", "create_server"} <= names.keys()


def test_what_is_set_in_a_view_is_set_for_everyone_but_for_what_is_the_platforms() -> None:
    real = ModuleType("system")
    vars(real).update(platform="here", stdout="terminal", uname="name")
    view = View(real, {"platform": "there"}, ["uname"])
    view.stdout = "log"
    view.own = 1
    view.platform = "elsewhere"
    view.uname = "another"
    assert (real.stdout, real.own, real.platform, real.uname) == ("log", 1, "here", "name")
    assert (view.stdout, view.own, view.platform, view.uname) == ("log", 1, "elsewhere", "another")
    del view.stdout, view.own, view.uname
    assert (real.stdout, real.uname) == ("terminal", "name")
    assert not {"own", "uname"} & set(dir(view))
    del view.stdout
    assert not hasattr(real, "stdout")
    for name in ("stdout", "uname"):
        with pytest.raises(AttributeError, match=name):
            delattr(view, name)


@pytest.mark.parametrize("name", ["stdout", "platform", "uname", "own"])
def test_a_name_of_a_view_is_replaced_for_a_while(name: str) -> None:
    real = ModuleType("system")
    vars(real).update(platform="here", stdout="terminal", uname="name")
    view = View(real, {"platform": "there"}, ["uname"])
    before = dict(vars(real)), getattr(view, name, None)

    def replace() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(view, name, "for a while", raising=False)
            assert getattr(view, name) == "for a while"
        with unittest.mock.patch.object(view, name, "for a while", create=True):
            assert getattr(view, name) == "for a while"

    replace()
    assert (dict(vars(real)), getattr(view, name, None)) == before
    view.stdout = "log"
    vars(real)["stdout"] = "another"
    replace()
    assert real.stdout == "another"


def test_an_absent_name_of_a_package_is_an_import_error(package: Write) -> None:
    name = package(a="from . import absent")
    with pytest.raises(ImportError, match="cannot import name 'absent'"):
        library_of(name, "a").load(f"{name}.a")


def test_an_error_inside_an_import_is_not_taken_for_an_absent_module(package: Write) -> None:
    name = package(a="from . import b", b="import absent_b")
    with pytest.raises(ModuleNotFoundError, match="'absent_b'"):
        library_of(name, "a", "b").load(f"{name}.a")


def test_an_error_leaves_nothing_half_loaded(package: Write) -> None:
    name = package(
        a="from . import b\nimport switch\nswitch.press()\nvalue = b",
        b="from . import a\nseen = a",
    )
    broken = True

    def press() -> None:
        if broken:
            raise OSError("broken")

    library = library_of(name, "a", "b", switch=Fake("switch", {"press": press}))
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            library.load(f"{name}.a")
        assert not {"a", "b"} & vars(library.load(name)).keys()
    broken = False
    a = library.load(f"{name}.a")
    assert a.value is library.load(f"{name}.b")
    assert a.value.seen is a  # not the one that failed


def test_an_error_that_is_caught_spares_what_was_loaded_before(package: Write) -> None:
    name = package(
        a="from . import b\ntry:\n    from . import c\nexcept ZeroDivisionError:\n    c = None",
        b="",
        c="from . import b\n1 / 0",
    )
    library = library_of(name, "a", "b", "c")
    a = library.load(f"{name}.a")
    assert a.c is None
    assert a.b is library.load(f"{name}.b")


def test_other_threads_see_finished_modules_only(package: Write) -> None:
    name = package(a="import gate\ngate.halfway()\nfinished = True")
    seen: list[bool] = []
    other = threading.Thread(target=lambda: seen.append(hasattr(library.load(f"{name}.a"), "finished")))

    def halfway() -> None:
        other.start()
        other.join(0.1)  # it must not come to an end before the module does

    library = library_of(name, "a", gate=Fake("gate", {"halfway": halfway}))
    library.load(f"{name}.a")
    other.join()
    assert seen == [True]


def test_a_module_is_executed_once_by_many_threads(package: Write) -> None:
    name = package(a="import count\ncount.up()\nfrom . import b", b="import count\ncount.up()")
    ups: list[int] = []
    library = library_of(name, "a", "b", count=Fake("count", {"up": lambda: ups.append(1)}))
    start = threading.Barrier(16)
    found: list[ModuleType] = []

    def load(module: str) -> None:
        start.wait()
        found.append(library.load(f"{name}.{module}"))

    threads = [threading.Thread(target=load, args=["ab"[number % 2]]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ups) == 2
    assert len(set(map(id, found))) == 2


def test_enumerations_go_into_the_library() -> None:
    before = {module: dict(vars(module)) for module in (socket, signal)}
    library = Library({}, ["socket", "signal"])
    again, signals = library.load("socket"), library.load("signal")
    assert again.AF_INET is again.AddressFamily.AF_INET
    assert again.AddressFamily is not socket.AddressFamily
    assert again.MsgFlag(socket.MSG_PEEK | socket.MSG_OOB) == again.MSG_PEEK | again.MSG_OOB
    assert repr(signals.SIGINT) == repr(signal.SIGINT)
    assert isinstance(again.AF_INET, type(socket.AF_INET).__mro__[1])  # the process's IntEnum
    assert before == {module: vars(module) for module in (socket, signal)}


def test_enumerations_have_what_the_platform_has() -> None:
    lesser = View(_socket, {"AF_INET": 77}, ["AF_UNIX"])
    again = Library({"_socket": lesser}, ["socket"]).load("socket")
    assert again.AddressFamily(77) is again.AF_INET
    assert not hasattr(again, "AF_UNIX")
    assert "AF_UNIX" not in again.AddressFamily.__members__


def test_tracebacks_show_cpythons_files_and_lines() -> None:
    again = Library({}, ["selectors"]).load("selectors")
    with pytest.raises(KeyError) as raised:
        again.SelectSelector().unregister(1_000_000)
    (frame,) = [entry for entry in traceback.extract_tb(raised.value.__traceback__) if entry.name == "unregister"][-1:]
    assert frame.filename == selectors.__file__
    assert frame.lineno is not None
    assert linecache.getline(frame.filename, frame.lineno).strip() == frame.line
    assert frame.line is not None
    assert "KeyError" in frame.line


@pytest.mark.parametrize(("kind", "suffix"), [("source", ".py"), ("bytecode", ".pyc"), ("archive", ".py")])
def test_the_code_may_lie_anywhere(kind: str, suffix: str, python: Command, tmp_path: Path) -> None:
    """A Python without sources, as some images and installers have it, and one in an archive."""
    folder = tmp_path / "lib"
    folder.mkdir()
    for name in AGAIN:
        (shutil.copytree if (STDLIB / name).is_dir() else shutil.copy)(STDLIB / name, folder / name)
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    place = folder
    if kind == "bytecode":
        assert compileall.compile_dir(folder, legacy=True, quiet=1)
        for source in folder.rglob("*.py"):
            source.unlink()
    elif kind == "archive":
        place = tmp_path / "lib.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for source in folder.rglob("*.py"):
                archive.write(source, source.relative_to(folder))
    script = """
import asyncio, selectors
from everyloop.fake_selectors import linux
platform = linux.select()
with asyncio.Runner(loop_factory=platform.new_event_loop) as runner:
    print(runner.run(asyncio.sleep(0, "ran")))
for name in "asyncio", "asyncio.base_events", "selectors":
    print(platform.module(name).__file__)
"""
    done = python("-c", script, env={"PYTHONPATH": str(place)})
    assert done.returncode == 0, done.stderr
    ran, *files = done.stdout.splitlines()
    assert ran == "ran"
    assert len(files) == 3
    assert all(file.startswith(str(place)) and file.endswith(suffix) for file in files)
