"""What a person sees of a document, made by hand here."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from everyloop.conformance import catalogue
from everyloop.harness import terminal
from everyloop.harness.baselines import Difference
from everyloop.harness.results import Result, Run
from rich.console import Console


def result(case: str, behaviour: str = "FD-01", **changes: Any) -> Result:
    about = catalogue.behaviours()[behaviour]
    found: dict[str, Any] = {
        "case": f"readers::{case}",
        "behaviour": behaviour,
        "area": about.area,
        "level": about.level,
        "verdict": "pass",
        "cleanup": "clean",
        "limit": None,
        "detail": None,
        "flaky": False,
        "duration": 0.002,
    }
    return found | changes  # type: ignore[return-value]


def run(*found: Result, **changes: Any) -> Run:
    of: dict[str, Any] = {
        "backend": "fastloop",
        "version": "1.2",
        "emulated": False,
        "knobs": {},
        "loop": "fastloop.Loop",
        "python": "3.13.0",
        "platform": "linux",
        "host": "Linux",
        "started": "2026-11-22T10:00:00Z",
        "duration": 1.0,
        "results": list(found),
    }
    return of | changes  # type: ignore[return-value]


def shown(
    *runs: Run,
    quiet: bool = False,
    verbose: bool = False,
    differences: Sequence[Difference] | None = None,
    width: int = 200,
    **options: Any,
) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, **options)
    terminal.show(console, runs, quiet=quiet, verbose=verbose, differences=differences)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def below_the_matrix(*runs: Run, **options: Any) -> list[str]:
    lines = shown(*runs, **options)
    return lines[lines.index("") + 2 :] if "" in lines else []


TITLE = "fastloop 1.2 (fastloop.Loop), Python 3.13.0, linux"
FD_01 = catalogue.behaviours()["FD-01"]
BROKEN = [f"FD-01 {FD_01.level}  {FD_01.statement}", f"    {FD_01.source}"]


class TestMatrix:
    def test_areas_down_and_backends_across(self) -> None:
        lines = shown(
            run(result("a"), result("b", "SCH-01"), result("c", verdict="fail"), result("d", verdict="fail")),
            run(result("a"), result("b", "SCH-01", verdict="skip"), backend="asyncio", version="3.13.0"),
        )
        table = [line.split("  ") for line in lines[:4]]
        assert [[cell.strip() for cell in row if cell.strip()] for row in table] == [
            ["area", "fastloop 1.2", "asyncio 3.13.0"],
            ["FD", next(a.title for a in catalogue.areas() if a.code == "FD"), "1 pass, 2 fail", "1 pass"],
            ["SCH", next(a.title for a in catalogue.areas() if a.code == "SCH"), "1 pass", "1 skip"],
            ["all", "2 pass, 2 fail", "1 pass, 1 skip"],
        ]

    def test_areas_are_in_the_order_of_the_catalogue(self) -> None:
        lines = shown(run(result("a", "THR-01"), result("b", "API-01"), result("c", "LIF-01")))
        assert [line[:3] for line in lines] == ["are", "API", "LIF", "THR", "all"]

    def test_an_area_that_one_backend_does_not_have(self) -> None:
        lines = shown(run(result("a")), run(backend="asyncio"))
        assert [line.split()[-1] for line in lines[1:]] == ["-", "-"]

    @pytest.mark.parametrize(
        ("changes", "cell"),
        [
            ({"cleanup": "threads left running: x"}, "1 pass, 1 unclean"),
            ({"verdict": "crash", "cleanup": "unknown: the process was lost"}, "1 crash"),
            ({"verdict": "hang", "cleanup": "unknown: the process was lost"}, "1 hang"),
            ({"flaky": True}, "1 pass, 1 flaky"),
            ({"verdict": "fail", "flaky": True, "cleanup": "left"}, "1 fail, 1 unclean, 1 flaky"),
        ],
    )
    def test_what_else_is_counted(self, changes: dict[str, Any], cell: str) -> None:
        assert shown(run(result("a", **changes)))[1].endswith(f"  {cell}")

    def test_a_narrow_terminal_loses_nothing(self) -> None:
        lines = shown(run(result("a"), result("b", verdict="deviation")), run(backend="another"), width=40)
        words = " ".join(lines).replace(",", "").split()
        assert [words.count(word) for word in ("pass", "deviation", "fastloop")] == [2, 3, 2]


def test_the_slowest_cases() -> None:
    console = Console(file=io.StringIO(), width=120)
    terminal.show_slowest(console, [run(result("a", duration=0.5), result("b", duration=2.25), result("c"))], 2)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-2:] == ["   2.250 s  readers::b", "   0.500 s  readers::a"]


class TestNotGood:
    def test_all_is_well(self) -> None:
        lines = shown(run(result("a"), result("b", verdict="info", detail="seen"), result("c", verdict="skip")))
        assert len(lines) == 3
        assert lines[-1].split() == ["all", "1", "pass,", "1", "info,", "1", "skip"]

    def test_the_broken_sentence_its_source_the_case_and_its_detail(self) -> None:
        lines = below_the_matrix(run(result("a", verdict="fail", detail="assert 1 == 2\n\n +  where 1 = f()")))
        assert lines == [*BROKEN, "  fail  readers::a", "      assert 1 == 2", "       +  where 1 = f()"]

    def test_the_title_says_on_what(self) -> None:
        lines = shown(run(result("a", verdict="fail")))
        assert lines[lines.index("") + 1] == TITLE

    def test_cases_of_one_behaviour_share_its_sentence(self) -> None:
        lines = below_the_matrix(
            run(result("a", verdict="fail"), result("b", verdict="crash", cleanup="lost"), result("c"))
        )
        assert lines == [*BROKEN, "  fail  readers::a", "  crash  readers::b"]

    def test_a_long_detail_is_cut(self) -> None:
        detail = "\n".join(map(str, range(50)))
        lines = below_the_matrix(run(result("a", verdict="hang", detail=detail)))
        assert lines[2:] == ["  hang  readers::a", *(f"      {n}" for n in range(6)), "      … (-v shows all)"]
        lines = below_the_matrix(run(result("a", verdict="hang", detail=detail)), verbose=True)
        assert lines[2:] == ["  hang  readers::a", *(f"      {n}" for n in range(50))]

    def test_a_flaky_pass_is_shown_without_the_sentence(self) -> None:
        assert below_the_matrix(run(result("a", flaky=True))) == ["  pass (flaky)  readers::a"]

    def test_an_unexplained_lack_is(self) -> None:
        lines = below_the_matrix(run(result("a", verdict="unsupported", detail="Loop has no f")))
        assert lines == [*BROKEN, "  unsupported  readers::a", "      Loop has no f"]

    def test_what_one_good_case_left_behind(self) -> None:
        lines = below_the_matrix(run(result("a", cleanup="threads left running: x"), result("b")))
        assert lines == [*BROKEN, "  pass  readers::a", "      cleanup: threads left running: x"]

    def test_what_many_good_cases_left_behind_is_one_line(self) -> None:
        many = [result(f"case_{n}", cleanup="descriptors left open: 1 pipe") for n in range(9)]
        bad = result("bad", verdict="fail", cleanup="descriptors left open: 1 pipe")
        lines = below_the_matrix(run(*many, bad))
        assert lines == [
            "unclean  9 good cases, readers::case_0 the first (-v shows all)",
            "    cleanup: descriptors left open: 1 pipe",
            *BROKEN,
            "  fail  readers::bad",
            "      cleanup: descriptors left open: 1 pipe",
        ]

    def test_verbose_shows_each_of_them(self) -> None:
        many = [result(f"case_{n}", cleanup="left") for n in range(9)]
        lines = below_the_matrix(run(*many), verbose=True)
        assert sum("  pass  " in line for line in lines) == 9

    def test_verbose_shows_what_is_good(self) -> None:
        lines = below_the_matrix(run(result("a"), result("b", verdict="info", detail="seen")), verbose=True)
        assert lines == ["  pass  readers::a", "  info  readers::b", "      seen"]

    def test_a_behaviour_of_another_version_of_the_catalogue(self) -> None:
        unknown = result("a", verdict="fail")
        unknown["behaviour"] = "FD-99"
        assert below_the_matrix(run(unknown)) == ["  fail  readers::a"]

    def test_a_loop_cannot_steer_the_terminal(self) -> None:
        lines = below_the_matrix(
            run(result("a", verdict="fail", detail="\x1b[2J [bold]x[/] \b\x7f", cleanup="child: \x1b]0;gone\x07"))
        )
        assert lines[2:] == [
            "  fail  readers::a",
            "      cleanup: child: \\x1b]0;gone\\x07",
            "      \\x1b[2J [bold]x[/] \\x08\\x7f",
        ]

    def test_each_backend_has_its_own_part(self) -> None:
        first = run(result("a", verdict="fail"))
        second = run(result("a", verdict="deviation"), backend="other", loop="other.Loop")
        lines = shown(first, second)
        assert lines.index(TITLE) < lines.index("other 1.2 (other.Loop), Python 3.13.0, linux")


class TestWhole:
    def test_quiet_is_one_line_a_backend(self) -> None:
        runs = (run(result("a"), result("b", verdict="fail")), run(result("a"), backend="asyncio"))
        assert shown(*runs, quiet=True) == ["fastloop: 1 pass, 1 fail", "asyncio: 1 pass"]

    def test_nothing(self) -> None:
        assert shown() == []
        assert shown(quiet=True) == []

    def test_an_incomplete_run_says_so(self) -> None:
        note = "incomplete: the run was ended before every case had its verdict"
        assert shown(run(result("a"), incomplete=True))[-1] == note
        assert note not in shown(run(result("a")))

    def test_verdicts_have_colours_on_a_terminal(self) -> None:
        lines = shown(run(result("a")), force_terminal=True, color_system="standard")
        assert "\x1b[32m1 pass\x1b[0m" in lines[1]


class TestLimits:
    def explained(self, **changes: Any) -> list[str]:
        found = [result(name, verdict="unsupported", limit="windows-selector-pipes", detail="no") for name in "ab"]
        return shown(run(*found, result("c", verdict="fail", detail="its own fault")), **changes)

    def test_what_a_limit_explains_is_counted_with_its_sentence_and_source(self) -> None:
        lines = self.explained()
        at = lines.index("limit  windows-selector-pipes explains 2 unsupported")
        assert lines[at + 1].strip().endswith(".")
        assert lines[at + 2].startswith("    https://")
        assert not any("readers::a" in line for line in lines)
        assert any("readers::c" in line for line in lines)

    def test_verbose_names_it_beside_each_case(self) -> None:
        lines = self.explained(verbose=True)
        assert lines.count("      limit: windows-selector-pipes") == 2

    def test_a_limit_of_another_version_of_everyloop(self) -> None:
        lines = shown(run(result("a", verdict="unsupported", limit="lost-and-gone")))
        assert lines[-1] == "limit  lost-and-gone explains 1 unsupported"


class TestReporters:
    def console(self, **options: Any) -> Console:
        return Console(file=io.StringIO(), width=150, **options)

    def test_which_one_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CI", raising=False)
        assert type(terminal.reporter(self.console(), quiet=False)) is terminal.Quiet
        assert type(terminal.reporter(self.console(force_terminal=True), quiet=True)) is terminal.Quiet
        live = terminal.reporter(self.console(force_terminal=True), quiet=False)
        live.close()
        assert type(live) is terminal.Live
        monkeypatch.setenv("CI", "true")
        assert type(terminal.reporter(self.console(force_terminal=True), quiet=False)) is terminal.Quiet

    def test_quiet_says_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        report(terminal.Quiet())
        assert capsys.readouterr() == ("", "")

    def test_live_counts(self) -> None:
        console = self.console(force_terminal=True)
        report(terminal.Live(console))
        assert isinstance(console.file, io.StringIO)
        written = console.file.getvalue()
        assert "fastloop" in written
        assert "1 pass, 1 fail · 1 again" in written
        assert "2/2" in written


def report(reporter: terminal.Quiet) -> None:
    reporter.begin("fastloop", 2)
    reporter.verdict("fastloop", result("a"))
    reporter.verdict("fastloop", result("b", verdict="fail"))
    reporter.phase("fastloop", "again", 1)
    reporter.close()
