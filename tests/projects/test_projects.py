"""What the run over libraries concludes from their reports."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from . import __main__, recipes, running
from .recipes import Difference, Project

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_passes[1-windows-proactor]"/>
<testcase classname="tests.test_a" name="test_skipped"><skipped message="no"/></testcase>
<testcase classname="tests.test_a" name="test_fails[windows-proactor]">
  <properties><property name="everyloop_limit" value="windows-proactor-readers"/></properties>
  <failure message="NotImplementedError&#10;more">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_ends_badly"/>
<testcase classname="tests.test_a" name="test_ends_badly"><error message="OSError: 0x7f00 at port 54321"/></testcase>
</testsuite></testsuites>
"""
NOTHING = running.Tests(frozenset(), {}, 0)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.xml"
    path.write_text(REPORT, encoding="utf-8")
    return path


def project(*known: Difference) -> Project:
    return Project("lib", "1", "library", (), (), (), known)


def test_a_report_is_read_with_the_names_that_tests_have_natively(report: Path) -> None:
    tests = running.read(report, "windows-proactor")
    assert tests.passed == {"tests.test_a::test_passes[1]"}
    assert tests.failed == {
        "tests.test_a::test_fails": running.Failure("NotImplementedError", "windows-proactor-readers"),
        "tests.test_a::test_ends_badly": running.Failure("OSError: 0x7f00 at port 54321"),
    }
    assert tests.skipped == 1


def test_what_fails_natively_too_is_no_difference(report: Path) -> None:
    there = running.read(report, "windows-proactor")
    assert __main__.differences(project(), "windows-proactor", there, there) == []


def test_failures_are_grouped_and_those_nobody_knows_are_told(report: Path) -> None:
    known = Difference(("windows-proactor",), re.compile("test_fails"), re.compile(""), "documented", "its README")
    there = running.read(report, "windows-proactor")
    lines = dict(__main__.differences(project(known), "windows-proactor", NOTHING, there))
    assert lines == {
        "1 of windows-proactor-readers [documented: its README] tests.test_a::test_fails": True,
        "1 of OSError: … at port … [NOT LOOKED INTO] tests.test_a::test_ends_badly": False,
    }
    elsewhere = __main__.differences(project(known), "macos-10.8", NOTHING, there)
    assert [is_known for _, is_known in elsewhere] == [False, False]


def test_the_projects_are_read() -> None:
    projects = recipes.read()
    assert len(projects) >= 6
    assert all(known.because for project in projects.values() for known in project.known)


@pytest.mark.parametrize(("key", "value"), [("verdict", '"fine"'), ("on", '["plan9"]')])
def test_a_verdict_or_backend_that_there_is_not_is_refused(tmp_path: Path, key: str, value: str) -> None:
    entry = {"verdict": '"unaware"', "on": '["macos-10.8"]', "because": '"so"', key: value}
    path = tmp_path / "projects.toml"
    path.write_text(
        '[lib]\nversion = "1"\nkind = ""\nrequires = []\nsees = []\narguments = []\n[[lib.known]]\n'
        + "".join(f"{name} = {text}\n" for name, text in entry.items()),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=f"no such {'backend' if key == 'on' else 'verdict'}: "):
        recipes.read(path)


def test_a_project_that_there_is_not_is_a_usage_error() -> None:
    result = CliRunner().invoke(__main__.main, ["nothing"])
    assert (result.exit_code, "there is no project 'nothing'" in result.output) == (2, True)


def test_a_known_difference_that_is_not_seen_is_told(report: Path) -> None:
    anything = re.compile("")
    seen = Difference(("windows-proactor",), re.compile("test_fails"), anything, "documented", "its README")
    unseen = Difference(("windows-proactor",), re.compile("test_passes"), anything, "unaware", "its issues")
    elsewhere = Difference(("macos-10.8",), re.compile("test_passes"), anything, "unaware", "its issues")
    there = running.read(report, "windows-proactor")
    assert __main__.gone(project(seen, unseen, elsewhere), "windows-proactor", NOTHING, there) == [unseen]
    assert __main__.gone(project(seen), "windows-proactor", there, there) == [seen]


SOMETIMES = """
import pathlib

def test_passes():
    pass

def test_fails():
    assert False, "always"

def test_fails_once():
    seen = pathlib.Path(__file__).with_name("seen")
    if not seen.exists():
        seen.touch()
        assert False, "the first time"
"""


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "sdist" / "lib").mkdir(parents=True)
    (tmp_path / "sdist" / "lib" / "test_lib.py").write_text(SOMETIMES)
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "pytest").symlink_to(Path(sys.executable).with_name("pytest"))
    tests = running.tests(project(), tmp_path, None, 60)
    assert tests.passed == {"test_lib::test_passes", "test_lib::test_fails_once"}
    assert tests.again == {"test_lib::test_fails_once"}
    assert tests.failed == {"test_lib::test_fails": running.Failure("AssertionError: always")}
