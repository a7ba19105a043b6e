"""The cases with plain pytest: from a checkout and from a wheel, in every import mode, with pytest's own options."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from everyloop import conformance

from .conftest import Command, Completed

pytestmark = pytest.mark.once

CASES = ("--pyargs", "everyloop.conformance")
TWO = ("-k", "loop_method_is_present and (add_reader or add_writer)")
NAMES = {"surface.py::loop_method_is_present[add_reader]", "surface.py::loop_method_is_present[add_writer]"}
MODES = ("prepend", "importlib", "append")
SPY = '''
import json
import sys
from pathlib import Path

def pytest_sessionfinish(session):
    """Note under which names the case modules were imported, and from where."""
    files = [(name, getattr(module, "__file__", None) or "") for name, module in list(sys.modules.items())]
    found = [(name, file) for name, file in files if Path(file).parent.name == "conformance"]
    Path("modules.json").write_text(json.dumps(sorted(found)))
'''


@pytest.fixture
def canaries(root: Path) -> dict[str, str]:
    """The environment in which the deliberately broken loops can be imported."""
    return {"PYTHONPATH": str(root / "tests")}


@pytest.fixture(scope="module")
def from_wheel(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], None]
) -> dict[str, str]:
    """The environment of somebody who has installed the wheel."""
    site = tmp_path_factory.mktemp("wheel") / "site"
    install(wheel, site)
    return {"PYTHONPATH": str(site)}


def ran(done: Completed) -> set[str]:
    """The cases that passed in a verbose run."""
    return set(re.findall(r"^(\S+::\S+) PASSED", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(
    "options",
    [
        (),
        *((f"--import-mode={mode}",) for mode in MODES),
        ("-p", "no:cacheprovider"),
        ("-x",),
        ("-W", "error"),
        ("--assert=plain",),
    ],
    ids=" ".join,
)
def test_options_of_pytest(python: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    done = python("-m", "pytest", *CASES, "--everyloop", "asyncio", *TWO, "-v", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert {name.rpartition("/")[2] for name in ran(done)} == NAMES
    if "no:cacheprovider" in options:
        assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_reporter(python: Command) -> None:
    done = python("-m", "pytest", *CASES, "--everyloop", "asyncio", *TWO, "-p", "no:terminal")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("mode", MODES)
def test_workers_of_xdist(python: Command, mode: str) -> None:
    done = python("-m", "pytest", *CASES, "--everyloop", "asyncio", *TWO, "-n", "2", f"--import-mode={mode}")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\n=+ 2 passed in ", done.stdout)
    assert "\neveryloop: 2 pass\n" in done.stdout


def test_all_cases_of_an_area_pass_on_asyncio(python: Command) -> None:
    done = python("-m", "pytest", *CASES, "--everyloop", "asyncio", "-q", "-n", "2", "-k", "lifecycle.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"everyloop: \d+ pass", done.stdout)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("installed", ["as it is", "wheel"])
def test_case_modules_are_imported_once_under_their_own_name(
    python: Command, from_wheel: dict[str, str], tmp_path: Path, mode: str, installed: str
) -> None:
    # A user's own folders of the same names, in the directory that `python -m pytest` puts first on sys.path.
    for name in ("harness", "conformance", "fake_selectors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the user's own')\n")
    (tmp_path / "spy.py").write_text(SPY)
    # Where these tests run, everyloop is a checkout or a wheel of its own.
    here = Path(conformance.__file__).parent
    place = Path(from_wheel["PYTHONPATH"]) / "everyloop/conformance" if installed == "wheel" else here
    environment = from_wheel if installed == "wheel" else {}
    arguments = ("-p", "spy", *CASES, "--everyloop", "asyncio", *TWO, f"--import-mode={mode}")
    done = python("-m", "pytest", *arguments, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    found = dict(json.loads((tmp_path / "modules.json").read_text()))
    assert {name.rpartition(".")[0] for name in found} == {"everyloop", "everyloop.conformance"}
    assert len(set(found.values())) == len(found)
    assert {Path(file).parent for file in found.values()} == {place}
    assert {"everyloop.conformance.surface", "everyloop.conformance.readers"} <= set(found)


def test_the_command_from_a_wheel(python: Command, from_wheel: dict[str, str]) -> None:
    done = python("-m", "everyloop.harness", "run", "asyncio", "-n", "1", *TWO, "-q", env=from_wheel)
    assert (done.returncode, done.stdout, done.stderr) == (0, "asyncio: 2 pass\n", "")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("installed", ["as it is", "wheel"])
def test_a_failing_assertion_explains_itself(
    python: Command, canaries: dict[str, str], from_wheel: dict[str, str], mode: str, installed: str
) -> None:
    places = [canaries["PYTHONPATH"], *([from_wheel["PYTHONPATH"]] if installed == "wheel" else [])]
    done = python(
        *("-m", "pytest", *CASES, "--everyloop", "canaries.lacking:immortal", f"--import-mode={mode}"),
        *("-k", "loop_is_closed_after_close"),
        env={"PYTHONPATH": os.pathsep.join(reversed(places))},
    )
    assert done.returncode == 1
    assert "E       assert False\nE        +  where False = is_closed()\n" in done.stdout
    assert re.search(r"\nFAILED \S*lifecycle\.py::loop_is_closed_after_close - assert False\n", done.stdout)
    assert "\neveryloop: 1 fail\n" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "two"])
def test_verdicts_are_in_the_summary(python: Command, canaries: dict[str, str], workers: tuple[str, ...]) -> None:
    names = "add_reader or sock_sendfile"
    selection = f"loop_method_is_present and ({names}) or unclosed_loop_warns or private_attribute_of_loop and _ready"
    done = python(
        *("-m", "pytest", *CASES, "--everyloop", "canaries.lacking:partial", "-k", selection, "-v", *workers),
        env=canaries,
    )
    assert done.returncode == 1
    for case, word in {
        "lifecycle.py::unclosed_loop_warns[new]": "DEVIATION",
        "surface.py::loop_method_is_present[sock_sendfile]": "UNSUPPORTED",
        "surface.py::loop_method_is_present[add_reader]": "PASSED",
        "surface.py::private_attribute_of_loop[_ready]": "INFO",
    }.items():
        # With workers the word stands before the case.
        assert re.search(rf"{re.escape(case)} {word}|{word} \S*{re.escape(case)}", done.stdout)
    # What is wrong has its explanation.
    assert "E       AttributeError: not here" in done.stdout
    assert re.search(r"\nDEVIATION \S*lifecycle\.py::unclosed_loop_warns\[new\] - ", done.stdout)
    assert re.search(r"\neveryloop: 1 pass, [23] deviation, 1 unsupported, 1 info\n", done.stdout)


def test_stop_at_the_first_failure(python: Command, canaries: dict[str, str]) -> None:
    done = python(
        *("-m", "pytest", *CASES, "--everyloop", "canaries.lacking:immortal", "-x"),
        *("-k", "loop_is_closed_after_close or second_close_does_nothing"),
        env=canaries,
    )
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout
    assert "\neveryloop: 1 fail\n" in done.stdout


def test_the_debugger_opens_in_the_case(python: Command, canaries: dict[str, str]) -> None:
    done = python(
        *("-m", "pytest", *CASES, "--everyloop", "canaries.lacking:immortal", "--pdb"),
        *("-k", "loop_is_closed_after_close"),
        env=canaries,
        stdin="p 'the loop:', type(loop).__name__\nq\n",
    )
    assert done.returncode == 2
    assert "-> assert loop.is_closed()\n(Pdb) ('the loop:', '_Immortal')\n" in done.stdout
    assert "_pytest.outcomes.Exit: Quitting debugger" in done.stdout


def test_two_backends_at_once(python: Command, canaries: dict[str, str]) -> None:
    done = python(
        *("-m", "pytest", *CASES, "--everyloop", "asyncio,canaries.lacking:immortal", "-v"),
        *("-k", "loop_is_closed_after_close or hooks_are_restored"),
        env=canaries,
    )
    assert done.returncode == 1
    verdicts = dict(re.findall(r"lifecycle\.py::(\S+) ([A-Z]+)", done.stdout))
    assert verdicts == {
        "loop_is_closed_after_close[asyncio]": "PASSED",
        "loop_is_closed_after_close[canaries.lacking:immortal]": "FAILED",
        **{
            f"hooks_are_restored[{how}-{backend}]": "PASSED"
            for how in ("finished", "stopped", "exited")
            for backend in ("asyncio", "canaries.lacking:immortal")
        },
    }
    assert "everyloop: asyncio, canaries.lacking:immortal\n" in done.stdout


def test_a_backend_that_cannot_be_opened(python: Command, canaries: dict[str, str]) -> None:
    done = python("-m", "pytest", *CASES, "--everyloop", "canaries.unopenable:raises", *TWO, env=canaries)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--everyloop: canaries.unopenable:raises: the factory raised RuntimeError: no luck today" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--everyloop", "uvlop"), "ERROR: --everyloop: unknown backend 'uvlop': did you mean 'uvloop'?"),
        (("--everyloop", ","), "ERROR: --everyloop: name at least one backend, such as --everyloop uvloop"),
        (("--everyloop",), "error: argument --everyloop: expected one argument"),
    ],
)
def test_wrong_usage(python: Command, arguments: tuple[str, ...], complaint: str) -> None:
    done = python("-m", "pytest", *CASES, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one", "xdist"])
def test_without_a_backend_it_says_what_to_type(python: Command, workers: tuple[str, ...]) -> None:
    done = python("-m", "pytest", *CASES, *workers)
    assert done.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    hint = "name the event loop to test: pytest --pyargs everyloop.conformance --everyloop uvloop"
    assert hint in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.usefixtures("project")
class TestUnused:
    """Who has everyloop installed and does not use it does not notice."""

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        (tmp_path / "test_ordinary.py").write_text(
            "import pytest\n"
            "@pytest.fixture\n"
            "def loop(): return 'my own'\n"
            "@pytest.fixture\n"
            "def run(): return 'my own too'\n"
            "def test_own_fixtures(loop, run):\n"
            "    assert (loop, run) == ('my own', 'my own too')\n"
            "class TestThings:\n"
            "    def test_inside(self, tmp_path): assert tmp_path.exists()\n"
        )
        return tmp_path

    @pytest.mark.parametrize("flags", [(), ("-W", "error"), ("-W", "error", "-X", "dev")], ids=" ".join)
    def test_an_ordinary_project(self, python: Command, flags: tuple[str, ...]) -> None:
        done = python(*flags, "-m", "pytest", "-W", "error", "--strict-config", "--strict-markers")
        assert (done.returncode, done.stderr) == (0, "")
        assert "2 passed" in done.stdout
        assert "everyloop:" not in done.stdout

    def test_an_ordinary_project_with_folders_of_our_names(self, python: Command, project: Path) -> None:
        for name in ("harness", "conformance", "conformance/catalogue"):
            (project / name).mkdir()
            (project / name / "test_it.py").write_text("def test_it(): pass\n")
            (project / name / "__init__.py").touch()
        done = python("-m", "pytest")
        assert (done.returncode, done.stderr) == (0, "")
        assert "5 passed" in done.stdout

    def test_used_beside_tests_of_ones_own(self, python: Command) -> None:
        done = python(
            "-m",
            "pytest",
            "test_ordinary.py",
            *CASES,
            "--everyloop",
            "asyncio",
            "-k",
            "own_fixtures or TestThings or (loop_method_is_present and add_reader)",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "test_ordinary.py .." in done.stdout
        assert "\neveryloop: 1 pass\n" in done.stdout


def test_help_and_version(python: Command) -> None:
    text = python("-m", "pytest", "--help").stdout
    described = text.partition("event loops (everyloop):\n")[2].partition("\n\n")[0]
    assert described.split()[0] == "--everyloop=BACKEND[,BACKEND]"
    assert "`pytest --pyargs everyloop.conformance --everyloop uvloop`" in " ".join(described.split())
    done = python("-m", "pytest", "--version", "--version")
    assert done.returncode == 0
    assert "everyloop-" in done.stdout + done.stderr
