"""Naming a backend and opening it, or saying in one line why not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from everyloop.harness import backends
from everyloop.harness.backends import Backend, BackendError, Guest

from ..canaries import unopenable
from ..conftest import Command
from .runs import TESTS, Commands

pytestmark = pytest.mark.once

ONE_CASE = ("-n", "1", "-k", "loop_method_is_present and add_reader")
CANARIES = unopenable.__name__.rpartition(".")[0].removeprefix("tests.")
UNOPENABLE = f"{CANARIES}.unopenable"


class TestFind:
    @pytest.mark.parametrize("name", [backend.name for backend in backends.BUILT_IN])
    def test_every_built_in_name(self, name: str) -> None:
        assert backends.find(name).name == name

    def test_built_in_names_are_unique(self) -> None:
        names = [backend.name for backend in backends.BUILT_IN]
        assert len(set(names)) == len(names)
        assert list(backends.registered())[: len(names)] == names

    @pytest.mark.parametrize(
        ("name", "near"), [("asyncoi", "asyncio"), ("uv-loop", "uvloop"), ("asyncio-epol", "asyncio-epoll")]
    )
    def test_a_typing_error_is_recognised(self, name: str, near: str) -> None:
        with pytest.raises(BackendError, match=f"unknown backend '{name}': did you mean '{near}'"):
            backends.find(name)

    @pytest.mark.parametrize("name", ["kubernetes", ""])
    def test_a_name_that_is_nothing(self, name: str) -> None:
        with pytest.raises(BackendError, match=f"unknown backend '{name}': `everyloop list backends` shows all"):
            backends.find(name)

    def test_a_factory_of_ones_own(self) -> None:
        backend = backends.find("package.module:Class.factory")
        assert (backend.name, backend.reference) == ("package.module:Class.factory", "package.module:Class.factory")
        assert backend.distribution is None
        assert not backend.emulated

    def test_a_factory_of_an_installed_package_has_its_version(self) -> None:
        backend = backends.find("pytest:main")
        assert backend.distribution == "pytest"
        assert backend.version() == pytest.__version__

    @pytest.mark.parametrize("text", [":factory", "module:", ":"])
    def test_half_a_factory(self, text: str) -> None:
        with pytest.raises(BackendError, match=r"is no backend: write package\.module:factory"):
            backends.find(text)

    @pytest.mark.parametrize("text", ["uvloop@max_sockets=64", "uvloop@max_sockets", "my.module:factory@max_sockets=1"])
    def test_real_loops_have_no_knobs(self, text: str) -> None:
        with pytest.raises(BackendError, match="has no knob 'max_sockets': only emulated backends have knobs"):
            backends.find(text)

    def test_a_mark_without_knobs(self) -> None:
        with pytest.raises(BackendError, match="uvloop has no knob ''"):
            backends.find("uvloop@")


class TestHere:
    def test_the_standard_library_is_here(self) -> None:
        assert backends.find("asyncio").why_not_here() is None
        assert backends.find("asyncio").version() == ".".join(map(str, sys.version_info[:3]))

    def test_what_is_not_installed_can_be_installed(self) -> None:
        backend = Backend("x", "no_such_package:loop", "no_such_package", "no-such-package", "x")
        assert backend.why_not_here() == "no_such_package is not installed: pip install 'everyloop[x]'"
        assert backend.version() == "unknown"

    def test_another_platform(self) -> None:
        assert Backend("x", "x:y", platforms=("plan9", "vms")).why_not_here() == "exists only on plan9, vms"

    def test_a_call_that_the_platform_does_not_have(self) -> None:
        assert Backend("x", "x:y", requires="select.ioring").why_not_here() == "this platform has no select.ioring"

    def test_every_extra_that_is_named_exists(self) -> None:
        from importlib.metadata import metadata

        extras = set(metadata("everyloop").get_all("Provides-Extra") or ())
        assert {backend.extra for backend in backends.BUILT_IN if backend.extra} <= extras

    def test_every_reference_of_our_own_exists(self) -> None:
        from everyloop.harness import loops

        own = [backend.reference for backend in backends.BUILT_IN if backend.reference.startswith(loops.__name__)]
        assert own
        assert all(hasattr(loops, reference.partition(":")[2]) for reference in own)


class TestOpen:
    @pytest.mark.parametrize(
        "name", [b.name for b in backends.BUILT_IN if b.name.startswith("asyncio") and b.why_not_here() is None]
    )
    def test_the_loops_of_the_standard_library(self, name: str) -> None:
        opened = backends.open_backend(backends.find(name))
        assert opened.backend.name == name
        assert opened.loop.startswith("asyncio.")
        assert opened.run is None
        assert opened.new_loop is not None
        with asyncio.Runner(loop_factory=opened.new_loop) as runner:
            assert backends.type_name(runner.get_loop()) == opened.loop

    @pytest.mark.skipif(not hasattr(asyncio, "SelectorEventLoop"), reason="needs a selector loop")
    def test_each_polls_with_what_its_name_says(self) -> None:
        kinds = {}
        for name in ("asyncio-select", "asyncio-poll", "asyncio-epoll"):
            if backends.find(name).why_not_here() is None:
                factory = backends.open_backend(backends.find(name)).new_loop
                assert factory is not None
                loop = factory()
                kinds[name] = type(loop._selector).__name__  # type: ignore[attr-defined]
                loop.close()
        expected = {
            "asyncio-select": "SelectSelector",
            "asyncio-poll": "PollSelector",
            "asyncio-epoll": "EpollSelector",
        }
        assert kinds == {name: expected[name] for name in kinds}

    def test_a_guest(self) -> None:
        opened = backends.open_backend(Backend("guest", f"{__name__}:GUEST"))
        assert opened.new_loop is None
        assert opened.run is not None
        assert opened.loop.endswith("EventLoop")

        async def answer() -> int:
            return 42

        assert opened.run(answer) == 42

    def test_a_factory_that_names_a_finished_entry_keeps_its_own_name(self) -> None:
        opened = backends.open_backend(Backend("outer", f"{unopenable.__name__}:ENTRY"))
        assert opened.backend == replace(unopenable.ENTRY, name="outer")

    def test_a_backend_without_asyncio(self) -> None:
        with pytest.raises(BackendError, match="trio has no asyncio loop: the behaviours cannot be run on it"):
            backends.open_backend(backends.find("trio"))

    @pytest.mark.parametrize(
        ("attribute", "complaint"),
        [
            ("raises", "the factory raised RuntimeError: no luck today"),
            ("exits", "the factory raised SystemExit: 0"),
            ("no_loop", r"the factory returned a builtins\.dict, which is no asyncio\.AbstractEventLoop"),
            ("NotWhole", r"cannot run asyncio\.sleep\(0\): NotImplementedError"),
            ("CannotRun", r"cannot run asyncio\.sleep\(0\): OSError: out of order"),
            ("GUEST", r"cannot run asyncio\.sleep\(0\): ValueError: nobody is at home"),
            ("NO_FACTORY", r"unopenable:NO_FACTORY is 42, not a function that makes a loop"),
            ("nothing", r"unopenable has no 'nothing'"),
            ("NotWhole.nothing", r"unopenable has no 'NotWhole\.nothing'"),
        ],
    )
    def test_what_cannot_be_opened_is_told_in_a_line(self, attribute: str, complaint: str) -> None:
        with pytest.raises(BackendError, match=complaint) as caught:
            backends.open_backend(Backend("mine", f"{unopenable.__name__}:{attribute}"))
        assert str(caught.value).startswith("mine: ")
        assert "\n" not in str(caught.value)

    def test_a_loop_that_cannot_be_closed_is_opened(self) -> None:
        opened = backends.open_backend(Backend("mine", f"{unopenable.__name__}:CannotBeClosed"))
        assert opened.loop.endswith("CannotBeClosed")

    @pytest.mark.parametrize(
        ("module", "complaint"),
        [
            ("no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
            (f"{unopenable.__package__}.raising_import", "OSError: libfast.so: cannot open shared object file"),
        ],
    )
    def test_a_module_that_cannot_be_imported(self, module: str, complaint: str) -> None:
        with pytest.raises(BackendError, match=f"mine: cannot import {module}: {complaint}"):
            backends.open_backend(Backend("mine", f"{module}:loop"))


GUEST = Guest(lambda main: asyncio.run(main()))


class TestRun:
    """One clear line each on standard error, exit status 2, and the other backends still run."""

    def test_others_still_run(self, commands: Commands) -> None:
        refused = {
            f"{UNOPENABLE}:raises": "the factory raised RuntimeError: no luck today",
            f"{UNOPENABLE}:no_loop": "the factory returned a builtins.dict, which is no asyncio.AbstractEventLoop",
            f"{UNOPENABLE}:CannotRun": "cannot run asyncio.sleep(0): OSError: out of order",
            f"{CANARIES}.raising_import:x": f"cannot import {CANARIES}.raising_import: OSError: libfast.so: "
            "cannot open shared object file",
            f"{CANARIES}.segfaulting_import:x": "could not be opened: the process ended with SIGSEGV",
            **{
                backend.name: str(backend.why_not_here())
                for backend in backends.BUILT_IN
                if backend.asyncio and backend.why_not_here() is not None
            },
        }
        if sys.platform == "win32":
            refused.pop(f"{CANARIES}.segfaulting_import:x")  # an exception there, or a status with a name of its own
        first, *rest = refused
        done = commands.judge(first, "asyncio", *rest, *ONE_CASE, "-q")
        assert done.status == 2
        assert done.stderr.splitlines() == [f"everyloop: {name}: {why}" for name, why in refused.items()]
        assert done.stdout == "asyncio: 1 pass\n"
        assert list(commands.runs()) == ["asyncio"]

    @pytest.mark.parametrize("reference", [f"{CANARIES}.hanging_import:x", f"{UNOPENABLE}:NeverEnds"])
    def test_what_hangs_when_it_is_opened(self, python: Command, reference: str) -> None:
        # As `everyloop run`, but for the half minute that a backend has on a slow machine.
        script = "from everyloop.harness import cli, pool; pool.START_WITHIN = 2.0; cli.main()"
        done = python("-c", script, "run", reference, *ONE_CASE, env={"PYTHONPATH": str(TESTS)})
        assert done.returncode == 2
        assert done.stderr == (
            f"everyloop: {reference}: could not be opened: importing it or running asyncio.sleep(0) does not end\n"
        )

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("uvlop", "unknown backend 'uvlop': did you mean 'uvloop'? (your own: package.module:factory)"),
            ("asyncio@speed=9", "asyncio has no knob 'speed': only emulated backends have knobs"),
            ("trio", "trio has no asyncio loop: the behaviours cannot be run on it"),
            ("module:", "'module:' is no backend: write package.module:factory"),
        ],
    )
    def test_what_is_no_backend_is_wrong_usage(self, commands: Commands, name: str, complaint: str) -> None:
        done = commands.judge("asyncio", name)
        assert (done.status, done.stdout, done.stderr) == (2, "", f"everyloop: {complaint}\n")
        assert not commands.document.exists()

    def test_a_module_in_the_current_folder(self, commands: Commands) -> None:
        (commands.folder / "my_loops.py").write_text(
            "import asyncio\nclass MyLoop(asyncio.SelectorEventLoop): ...\ndef make(): return MyLoop()\n"
        )
        done = commands.judge("my_loops:make", *ONE_CASE)
        assert done.status == 0, done.stderr
        run = commands.runs()["my_loops:make"]
        assert (run["loop"], run["version"]) == ("my_loops.MyLoop", sys.version.split()[0])

    def test_a_folder_of_the_users_does_not_hide_what_is_installed(self, cli: Command, tmp_path: Path) -> None:
        for name in ("psutil", "asyncio", "everyloop", "harness", "conformance"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise RuntimeError('shadowed')\n")
        for start in ("fork", "spawn"):
            done = cli("run", "asyncio", *ONE_CASE, "-q", env={"EVERYLOOP_START_METHOD": start})
            assert (done.returncode, done.stdout, done.stderr) == (0, "asyncio: 1 pass\n", "")


@pytest.fixture(scope="module")
def installed(
    root: Path, tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], None]
) -> dict[str, str]:
    """The environment of somebody who has the package installed."""
    folder = tmp_path_factory.mktemp("third-party")
    source = shutil.copytree(
        root / "tests" / "third_party_loop", folder / "source", ignore=shutil.ignore_patterns("__pycache__")
    )
    install(source, folder / "site")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH")]))}


class TestThirdParty:
    """A package that everyloop knows nothing of registers a backend."""

    def test_it_is_listed(self, commands: Commands, installed: dict[str, str]) -> None:
        done = commands.run("list", "backends", "--json", env=installed)
        assert done.status == 0, done.stderr
        listed = {row["backend"]: row for row in json.loads(done.stdout)}
        for name in ("third-party", "third-party-entry"):
            assert listed[name] == {
                "backend": name,
                "version": "4.2",
                "emulated": False,
                "loop": "third_party_loop.ThirdPartyLoop",
                "reason": None,
            }
        assert "third_party_loop" not in listed["asyncio"]["loop"]
        assert listed["third-party-broken"]["loop"] is None
        assert listed["third-party-broken"]["reason"] == "third-party-broken: third_party_loop has no 'missing'"

    def test_it_is_judged(self, commands: Commands, installed: dict[str, str]) -> None:
        done = commands.judge("third-party", "third-party-entry", *ONE_CASE, env=installed)
        assert done.status == 0, done.stderr
        for run in commands.runs().values():
            assert (run["loop"], run["version"]) == ("third_party_loop.ThirdPartyLoop", "4.2")
            assert [result["verdict"] for result in run["results"]] == ["pass"]

    def test_it_runs_when_no_backend_is_named(self, commands: Commands, installed: dict[str, str]) -> None:
        done = commands.judge(*ONE_CASE, env=installed)
        assert done.status == 2
        assert done.stderr == "everyloop: third-party-broken: third_party_loop has no 'missing'\n"
        real = (b for b in backends.BUILT_IN if b.asyncio and b.emulated is None)
        expected = {b.name for b in real if b.why_not_here() is None}
        assert set(commands.runs()) == expected | {"third-party", "third-party-entry"}

    def test_its_name_is_suggested(self, commands: Commands, installed: dict[str, str]) -> None:
        done = commands.run("run", "thirdparty", env=installed)
        assert (done.status, "did you mean 'third-party'?" in done.stderr) == (2, True)


class TestKnobs:
    @pytest.mark.parametrize(
        ("text", "knobs"),
        [
            ("windows-selector", {}),
            ("windows-selector@max_sockets=64", {"max_sockets": 64}),
            (
                "windows-selector@clock_resolution=0.0005,max_sockets=1",
                {"clock_resolution": 0.0005, "max_sockets": 1},
            ),
            ("macos@version=10.7", {"version": "10.7"}),
            ("windows-proactor@faults=accept-64+late-accept,seed=7", {"faults": "accept-64+late-accept", "seed": 7}),
        ],
    )
    def test_they_are_read_as_what_the_platform_takes(self, text: str, knobs: dict[str, object]) -> None:
        assert backends.find(text).knobs == knobs

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("windows-selector@", "windows-selector has no knob '': it has max_sockets, clock_resolution"),
            (
                "windows-selector@sockets=1",
                "windows-selector has no knob 'sockets': it has max_sockets, clock_resolution",
            ),
            (
                "windows-selector@max_sockets",
                "windows-selector: knob max_sockets: write max_sockets=512, with a value of",
            ),
            (
                "windows-selector@max_sockets=",
                "windows-selector: knob max_sockets: write max_sockets=512, with a value of",
            ),
            ("windows-selector@max_sockets=1.5", "windows-selector: knob max_sockets: '1.5' is not a whole number"),
            ("windows-selector@max_sockets=0", "windows-selector: knob max_sockets: "),
            ("windows-selector@clock_resolution=x", "windows-selector: knob clock_resolution: 'x' is not a number"),
            ("windows-selector@clock_resolution=9", "windows-selector: knob clock_resolution: "),
            ("windows-selector@max_sockets=1,max_sockets=2", "windows-selector: knob max_sockets is given twice"),
            ("windows-proactor@faults=x", "windows-proactor: knob faults: 'x' is not a fault: there are accept-64, "),
            (
                "windows-proactor@faults=",
                "windows-proactor: knob faults: write faults=FAULTS, with a value of your own",
            ),
            ("windows-proactor@faults=accept-64+", "windows-proactor: knob faults: '' is not a fault: "),
            ("windows-proactor@seed=x", "windows-proactor: knob seed: 'x' is not a whole number"),
            ("macos@version=9", "macos: knob version: "),
            ("macos-10.8@version=10.7", "macos-10.8 has no knob 'version': it has none"),
            ("linux-select@x=1", "linux-select has no knob 'x': it has none"),
        ],
    )
    def test_what_is_wrong_with_them(self, text: str, why: str) -> None:
        with pytest.raises(BackendError) as caught:
            backends.find(text)
        assert str(caught.value).startswith(why)
        assert "\n" not in str(caught.value)
