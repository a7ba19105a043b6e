"""What differs between two documents, and how faithful an emulated loop is."""

from __future__ import annotations

from pathlib import Path

import pytest
from everyloop.harness import comparing, fidelity
from everyloop.harness.results import Run

from ..conftest import Command
from . import made


def pairs(before: list[Run], after: list[Run]) -> list[tuple[str, str]]:
    return [(pair.before["host"], pair.after["host"]) for pair in comparing.compare(before, after).pairs]


class TestWhatBelongsTogether:
    def test_the_most_alike_come_first(self) -> None:
        before = [made.run(python=python, host=python) for python in ("3.12.1", "3.13.0")]
        after = [made.run(python=python, host=python) for python in ("3.13.2", "3.12.1", "3.14.0")]
        assert pairs(before, after) == [("3.12.1", "3.12.1"), ("3.13.0", "3.13.2")]

    def test_the_same_platform_before_another(self) -> None:
        after = [made.run(platform="darwin", host="mac"), made.run(python="3.11.0", host="linux")]
        assert pairs([made.run(host="here")], after) == [("here", "linux")]

    def test_backends_with_other_knobs_are_others(self) -> None:
        found = comparing.compare([made.run(), made.run(knobs={"a": 1})], [made.run(knobs={"a": 2}), made.run()])
        assert len(found.pairs) == 1
        assert [run["knobs"] for run in (*found.only_before, *found.only_after)] == [{"a": 1}, {"a": 2}]

    def test_two_loops_in_a_file_each(self) -> None:
        assert pairs([made.run("asyncio", host="a")], [made.run("uvloop", host="u")]) == [("a", "u")]

    def test_what_only_one_has(self) -> None:
        found = comparing.compare([made.run("rloop"), made.run()], [made.run(), made.run("qasync")])
        assert [run["backend"] for run in found.only_before] == ["rloop"]
        assert [run["backend"] for run in found.only_after] == ["qasync"]


class TestCompare:
    @pytest.fixture(autouse=True)
    def before(self, tmp_path: Path) -> None:
        found = [made.result(f"readers::{name}") for name in ("same", "broken", "left", "gone", "flaky")]
        made.write(tmp_path / "a.json", made.run(found=found))

    def test_nothing_differs(self, tmp_path: Path, cli: Command) -> None:
        found = [made.result(f"readers::{name}") for name in ("flaky", "same", "broken", "left", "gone")]
        made.write(tmp_path / "b.json", made.run(found=found, started="2026-11-23T10:00:00Z"))
        done = cli("compare", "a.json", "b.json")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "uvloop 0.23.0, Python 3.13.0, linux: 0 of 5 cases differ\n"

    def test_everything_that_can_differ(self, tmp_path: Path, cli: Command) -> None:
        found = [
            made.result("readers::same", detail="other words", duration=3),
            made.result("readers::broken", "fail", detail=f"{made.HOSTILE}\nsecond"),
            made.result("readers::left", cleanup="descriptor left open: socket"),
            made.result("readers::new", "crash"),
            made.result("readers::flaky", flaky=True),
        ]
        made.write(tmp_path / "b.json", made.run(found=found, version="0.24.0"), made.run("rloop"))
        done = cli("compare", "a.json", "b.json")
        assert (done.returncode, done.stderr) == (1, "")
        lines = done.stdout.splitlines()
        assert lines[0] == (
            "uvloop 0.23.0, Python 3.13.0, linux → uvloop 0.24.0, Python 3.13.0, linux: 4 of 6 cases differ"
        )
        assert lines[1].startswith("FD-05 must  A second add_reader() or add_writer()")
        assert lines[2:] == [
            "  pass → fail  readers::broken",
            "  pass → pass, left with descriptor left open: socket  readers::left",
            "  pass → absent  readers::gone",
            "  absent → crash  readers::new",
            "rloop 0.23.0, Python 3.13.0, linux: only in B",
        ]
        detailed = cli("compare", "-v", "a.json", "b.json").stdout
        assert "\n      B: </script>" in detailed
        assert not set(made.STEERING) & set(detailed)
        assert cli("compare", "-q", "a.json", "b.json").stdout.splitlines() == [lines[0], lines[-1]]

    def test_a_backend_that_is_gone_differs(self, tmp_path: Path, cli: Command) -> None:
        made.write(tmp_path / "b.json", made.run(), made.run("rloop"))
        made.write(tmp_path / "c.json", made.run())
        assert cli("compare", "b.json", "c.json").returncode == 1

    def test_differences_need_emulated(self, cli: Command) -> None:
        done = cli("compare", "a.json", "a.json", "--differences", "x.toml")
        assert (done.returncode, done.stderr) == (2, "everyloop: --differences needs --emulated\n")


EMULATED = [
    made.result("readers::same"),
    made.result("readers::also", "fail"),
    made.result("pipes::read", "unsupported", detail="NotImplementedError"),
    made.result("pipes::write", "unsupported"),
    made.result("readers::seen", "info", level="info"),
    made.result("readers::not_there", "skip"),
]
REAL = [
    made.result("readers::same"),
    made.result("readers::also", "fail"),
    made.result("pipes::read"),
    made.result("pipes::write", "crash"),
    made.result("readers::seen", "info", level="info"),
    made.result("readers::not_there"),
]
LIST = """
[[difference]]
backend = "windows-selector"
case = "pipes::*"
emulated = "unsupported"
real = ["pass", "crash"]
reason = "why pipes differ"

[[difference]]
backend = ["windows-selector", "macos"]
case = "readers::not_there"
emulated = "skip"
reason = "Linux has none"
"""


def emulated(backend: str = "windows-selector", platform: str = "win32", **changes: object) -> Run:
    return made.run(backend, EMULATED, platform=platform, emulated=True, version="3.13.0", **changes)


def real(backend: str = "asyncio-selector", platform: str = "win32", **changes: object) -> Run:
    return made.run(backend, REAL, platform=platform, **{"python": "3.13.4", "version": "3.13.4", **changes})


class TestFidelity:
    @pytest.fixture(autouse=True)
    def documents(self, tmp_path: Path) -> None:
        made.write(tmp_path / "linux.json", made.run("asyncio"), emulated(), emulated("macos", "darwin"))
        made.write(tmp_path / "windows.json", real(python="3.12.0"), real(), real("asyncio", "linux"))

    def test_without_a_list(self, cli: Command) -> None:
        done = cli("compare", "--emulated", "linux.json", "windows.json")
        assert (done.returncode, done.stderr) == (1, "")
        lines = done.stdout.splitlines()
        assert lines[0] == (
            "windows-selector, Python 3.13.0, win32 → asyncio-selector, Python 3.13.4, win32: 50.00% fidelity, "
            "2 of 4 cases judged alike; 0 known differences, 3 unknown"
        )
        assert [line for line in lines if "→" in line][1:] == [
            "  unsupported → pass  pipes::read",
            "  unsupported → crash  pipes::write",
            "  skip → pass  readers::not_there",
        ]
        assert lines[-1] == "macos, Python 3.13.0, darwin: the real loop's run on this Python is not in B"

    def test_with_all_on_a_list(self, tmp_path: Path, cli: Command) -> None:
        (tmp_path / "known.toml").write_text(LIST)
        done = cli("compare", "--emulated", "linux.json", "windows.json", "--differences", "known.toml")
        assert (done.returncode, done.stderr) == (0, "")
        assert "50.00% fidelity, 2 of 4 cases judged alike; 3 known differences, 0 unknown" in done.stdout
        assert "readers::not_there" not in done.stdout
        done = cli("compare", "--emulated", "linux.json", "windows.json", "--differences", "known.toml", "-v")
        assert "  skip → pass  readers::not_there\n      reason: Linux has none (known.toml:9)\n" in done.stdout
        assert done.stdout.count("reason: why pipes differ (known.toml:2)") == 2

    @pytest.mark.parametrize(
        "line",
        ['case = "readers::same"', 'case = "pipes::*"\nreal = "fail"', 'case = "pipes::*"\npython = ">=3.14"'],
        ids=["agrees", "another verdict", "another Python"],
    )
    def test_what_explains_nothing_is_stale_unless_it_is_about_others(
        self, tmp_path: Path, cli: Command, line: str
    ) -> None:
        entry = f'[[difference]]\nbackend = "windows-selector"\n{line}\nreason = "why"\n'
        (tmp_path / "known.toml").write_text(LIST + entry)
        done = cli("compare", "-q", "--emulated", "linux.json", "windows.json", "--differences", "known.toml")
        others = "python" in line
        assert done.returncode == (0 if others else 1)
        assert ("known.toml:14: " in done.stdout) is not others
        assert ("explains no difference" in done.stdout) is not others

    @pytest.mark.parametrize(
        ("backend", "platform", "name", "matches"),
        [
            ("windows-proactor", "win32", "asyncio-proactor", True),
            ("windows-proactor", "win32", "asyncio", True),
            ("windows-proactor", "win32", "asyncio-selector", False),
            ("windows-selector", "win32", "asyncio", False),
            ("macos", "darwin", "asyncio-kqueue", True),
            ("macos", "darwin", "asyncio", True),
            ("macos", "freebsd14", "asyncio-kqueue", False),
        ],
    )
    def test_who_is_held_against_whom(self, backend: str, platform: str, name: str, matches: bool) -> None:
        theirs = [real(name, platform)]
        if matches:
            (found,) = fidelity.measure([emulated(backend, platform)], theirs, []).found
            assert found.pair.after["backend"] == name
        else:
            with pytest.raises(fidelity.FidelityError, match="has the real loop's of the same Python beside it"):
                fidelity.measure([emulated(backend, platform)], theirs, [])

    def test_the_proper_name_comes_first(self) -> None:
        theirs = [real("asyncio", "darwin"), real("asyncio-kqueue", "darwin")]
        (found,) = fidelity.measure([emulated("macos", "darwin")], theirs, []).found
        assert found.pair.after["backend"] == "asyncio-kqueue"

    def test_nothing_to_compare_is_usage(self, cli: Command) -> None:
        done = cli("compare", "--emulated", "windows.json", "linux.json")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("everyloop: no emulated run has the real loop's of the same Python beside it")
        assert len(done.stderr.splitlines()) == 1


ENTRY = '[[difference]]\nbackend = "macos"\ncase = "a::b"\nreason = "r"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[difference]\n", ": "),
        ("[[expected]]\n", ": no 'expected': known differences are [[difference]] tables"),
        ("difference = 3\n", ": known differences are [[difference]] tables"),
        ('\n[[difference]]\nbackend = "macos"\nreason = "r"\n', ":2: a case is missing"),
        (ENTRY + '[[difference]]\nbackend = "macos"\ncase = "a::b"\n', ":5: a reason is missing"),
        (ENTRY.replace('"r"', '" "'), ":1: a difference has a reason"),
        (ENTRY.replace("macos", "uvloop"), ":1: no emulated backend 'uvloop': there are windows-selector, "),
        (ENTRY + 'real = "good"\n', ":1: no verdict 'good': there are pass, "),
        (ENTRY + "real = []\n", ":1: real is a text, or a list of texts"),
        (ENTRY + "url = 3\n", ":1: url is a text"),
        (ENTRY + 'python = "new"\n', ":1: python is a version specifier"),
        (ENTRY + 'colour = "red"\n', ":1: no key 'colour': there are backend, case, "),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(fidelity.FidelityError) as caught:
        fidelity.read(path)
    assert str(caught.value).startswith(f"{path}{complaint}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_list_that_is_not_there(tmp_path: Path, cli: Command) -> None:
    made.write(tmp_path / "a.json", made.run())
    done = cli("compare", "--emulated", "a.json", "a.json", "--differences", "no.toml")
    assert (done.returncode, done.stderr) == (2, "everyloop: cannot read no.toml: No such file or directory\n")
