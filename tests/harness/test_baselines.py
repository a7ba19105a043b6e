"""Baselines: what counts as news, what a file may say, and what an update leaves alone."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from everyloop.harness import backends, baseline_update
from everyloop.harness.baselines import Baseline, BaselineError, Subject
from everyloop.harness.results import Result, Run

from ..conftest import Command
from .runs import Commands, wait_until
from .test_interruption import journalled
from .test_terminal import FD_01, below_the_matrix, result, run, shown

IDS = [f"readers::{name}" for name in ("a", "b", "c", "d[1]", "d[2]", "removing_a_watcher_returns_true")]
HERE = Subject.of(run())


def entry(case: str = '"readers::a"', verdict: str = '"fail"', more: str = "", backend: str = '"fastloop"') -> str:
    return f"[[expected]]\nbackend = {backend}\ncase = {case}\nverdict = {verdict}\n{more}"


def broken(case: str, **changes: Any) -> Result:
    return result(case, **{"verdict": "fail", **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def baseline(path: Path, *entries: str) -> Baseline:
    path.write_text("\n".join(entries), encoding="utf-8")
    found = Baseline.read(path)
    found.check([HERE], IDS)
    return found


class TestDifferences:
    """Only differences count, in both directions."""

    def news(self, path: Path, text: str, *found: Result, **of_run: Any) -> list[tuple[str, str, str]]:
        differences = baseline(path, text).differences([run(*found, **of_run)])
        return [(d.result["case"][9:], d.result["verdict"], str(d.expected)) for d in differences]

    def test_as_expected(self, path: Path) -> None:
        assert self.news(path, entry(), broken("a"), result("b"), result("c", verdict="info")) == []

    @pytest.mark.parametrize(
        ("verdict", "news"),
        [("pass", True), ("info", True), ("deviation", True), ("hang", True), ("fail", False), ("skip", False)],
    )
    def test_another_verdict_is_news_even_a_good_one(self, path: Path, verdict: str, news: bool) -> None:
        expected = [("a", verdict, "fail")] if news else []
        assert self.news(path, entry(), result("a", verdict=verdict)) == expected

    def test_what_no_table_names_must_be_good(self, path: Path) -> None:
        assert self.news(path, entry(), broken("a"), broken("b"), result("c")) == [("b", "fail", "None")]

    def test_what_a_limit_explains_is_good_without_a_table(self, path: Path) -> None:
        lacking = result("b", verdict="unsupported", limit="windows-selector-pipes")
        assert self.news(path, entry(), lacking) == []

    def test_several_verdicts_of_what_comes_and_goes(self, path: Path) -> None:
        text = entry(verdict='["pass", "crash"]')
        for verdict in ("pass", "crash"):
            assert self.news(path, text, result("a", verdict=verdict)) == []
        assert self.news(path, text, broken("a")) == [("a", "fail", "pass or crash")]

    def test_what_was_not_run_is_not_stale(self, path: Path) -> None:
        assert self.news(path, entry(), result("b")) == []

    def test_a_list_of_cases(self, path: Path) -> None:
        text = entry('["readers::a", "readers::b"]')
        assert self.news(path, text, broken("a"), result("b"), broken("c")) == [
            ("b", "pass", "fail"),
            ("c", "fail", "None"),
        ]

    def test_a_pattern_takes_brackets_for_brackets(self, path: Path) -> None:
        text = entry('"readers::d[*]"')
        assert self.news(path, text, broken("d[1]"), result("d[2]"), result("d1")) == [("d[2]", "pass", "fail")]

    def test_an_exact_id_wins_over_a_pattern(self, path: Path) -> None:
        text = entry('"readers::a"', '"crash"') + entry('"readers::*"')
        assert self.news(path, text, result("a", verdict="crash"), broken("b")) == []

    def test_the_last_pattern_wins(self, path: Path) -> None:
        text = entry('"readers::*"') + entry('"readers::d*"', '"crash"')
        assert self.news(path, text, broken("a"), result("d[1]", verdict="crash")) == []

    @pytest.mark.parametrize(
        ("cleanup", "left", "news"),
        [
            ("", "descriptors left open: 1 pipe", True),
            ('cleanup = "descriptors left open: 1 pipe"', "descriptors left open: 1 pipe", False),
            ('cleanup = "descriptors left open: 1 pipe"', "descriptors left open: 2 pipe", True),
            ('cleanup = "descriptors left open: *"', "descriptors left open: 2 pipe", False),
            ('cleanup = "descriptors left open: *"', "clean", True),
            ('cleanup = ["clean", "descriptors*"]', "clean", False),
        ],
    )
    def test_what_is_left_behind_counts_like_a_verdict(self, path: Path, cleanup: str, left: str, news: bool) -> None:
        found = self.news(path, entry(verdict='"pass"', more=cleanup), result("a", cleanup=left))
        assert bool(found) is news

    def test_after_a_crash_nobody_can_say_what_was_left(self, path: Path) -> None:
        lost = result("a", verdict="crash", cleanup="unknown: the process was lost")
        assert self.news(path, entry(verdict='"crash"'), lost) == []

    def test_a_flaky_pass_is_news_only_where_something_else_is_expected(self, path: Path) -> None:
        assert self.news(path, entry(), result("a", flaky=True), result("b", flaky=True)) == [("a", "pass", "fail")]


class TestConditions:
    def applies(self, path: Path, when: str, **of_run: Any) -> bool:
        found = baseline(path, entry(more=f"when = {when}"))
        return not found.differences([run(broken("a"), **of_run)])

    @pytest.mark.parametrize(
        ("when", "holds"),
        [
            ("{}", True),
            ('{ platform = "linux" }', True),
            ('{ platform = ["darwin", "linux"] }', True),
            ('{ platform = "win32" }', False),
            ('{ python = ">=3.13" }', True),
            ('{ python = "==3.12.*" }', False),
            ('{ python = ">=3.11,<3.14" }', True),
            ('{ python = [">=3.11", "<3.14"] }', True),
            ('{ version = "<1.3" }', True),
            ('{ version = ">=1.3" }', False),
            ('{ platform = "linux", python = "<3.13" }', False),
        ],
    )
    def test_each_must_hold(self, path: Path, when: str, holds: bool) -> None:
        assert self.applies(path, when) is holds

    def test_as_a_table_of_its_own(self, path: Path) -> None:
        found = baseline(path, entry(more='\n[expected.when]\nplatform = "win32"\n'))
        assert found.differences([run(broken("a"))])
        assert not found.differences([run(broken("a"), platform="win32")])

    @pytest.mark.parametrize("version", ["3.15.0a8", "3.15.0+", "3.15.0rc1+"])
    def test_a_version_before_the_final_one_is_one_of_it(self, path: Path, version: str) -> None:
        assert self.applies(path, '{ python = ">=3.15" }', python=version)
        assert not self.applies(path, '{ python = "<3.15" }', python=version)

    def test_a_loop_without_a_version(self, path: Path) -> None:
        assert not self.applies(path, '{ version = ">=0" }', version="unknown")

    def test_backends_with_and_without_knobs(self, path: Path) -> None:
        small = run(broken("a"), backend="windows-selector", knobs={"max_sockets": 64})
        for name in ("windows-selector", "windows-selector@max_sockets=64"):
            assert not baseline(path, entry(backend=f'"{name}"')).differences([small])
        for name in ("windows-selector@max_sockets=32", "windows"):
            assert baseline(path, entry(backend=f'"{name}"')).differences([small])

    def test_several_loops_in_one_file(self, path: Path) -> None:
        text = entry() + entry(backend='["slowloop", "other"]', verdict='"hang"')
        slow = run(result("a", verdict="hang"), backend="slowloop")
        assert not baseline(path, text).differences([run(broken("a")), slow, run(result("a"), backend="third")])

    def test_what_is_run_is_described_alike_before_and_after(self) -> None:
        before = Subject.to_run(backends.find("windows-selector@max_sockets=64"))
        assert before.names == {"windows-selector", "windows-selector@max_sockets=64"}
        assert (before.platform, before.version) == ("win32", before.python)


class TestErrors:
    """A line with the place, before anything runs."""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[[expected]\n", ":1: "),
            (entry() + "x = = 1\n", ":5: Unexpected character: '='"),
            (entry() + 'reason = """never\nended\n', ":6: Unexpected end of file"),
            (entry() + "case = 1\n", ':1: Key "case" already exists'),
            ("# nothing\nexpected = 1\n", ":2: expectations are [[expected]] tables"),
            (entry() + "\n[other]\nx = 1\n", ":6: expectations are [[expected]] tables"),
            ("[[expectd]]\n", ":1: expectations are [[expected]] tables"),
            (entry() + "why = 1\n", ":5: no key 'why': there are backend, case, verdict, cleanup, when, "),
            (entry(more="when = 1"), ":5: when is a table of platform, python, version"),
            (entry(more='when = { os = "linux" }'), ":5: no condition 'os': there are platform, python, version"),
            (entry(more='when = { python = "3.12" }'), ":5: python is a version specifier, such as '>=3.12'"),
            (entry(more="when = { platform = 1 }"), ":5: platform is a text, or a list of texts"),
            ("\n[[expected]]\ncase = 'x'\n", ":2: a backend is missing"),
            (entry("[]"), ":3: case is a text, or a list of texts"),
            (entry('["x", 1]'), ":3: case is a text, or a list of texts"),
            (entry('""'), ":3: case is a text, or a list of texts"),
            (entry() + entry(verdict='"failed"'), ":8: no verdict 'failed': there are pass, fail, deviation, "),
            (entry(more="reason = 1"), ":5: reason is a text"),
        ],
    )
    def test_what_no_baseline_says(self, path: Path, text: str, complaint: str) -> None:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BaselineError) as error:
            Baseline.read(path)
        assert str(error.value).startswith(f"{path}{complaint}")
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [(None, "No such file or directory"), (b"\xff\xfe", "it is not UTF-8: invalid start byte")],
    )
    def test_what_cannot_be_read(self, path: Path, content: bytes | None, complaint: str) -> None:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BaselineError, match=re.escape(f"cannot read {path}: {complaint}")):
            Baseline.read(path)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (entry('"readers::removing_a_watcher_returns"'), ":1: no case 'readers::removing_a_watcher_returns': did "),
            (entry('"nothing of the kind"'), ":1: no case 'nothing of the kind': `everyloop list cases` shows all"),
            (entry() + entry('["readers::b", "writers::*"]'), ":5: no case 'writers::*': "),
            (entry() + entry('["readers::b", "readers::a"]'), ":5: readers::a is in line 1 already"),
        ],
    )
    def test_what_is_no_case(self, path: Path, text: str, complaint: str) -> None:
        with pytest.raises(BaselineError) as error:
            baseline(path, text)
        assert str(error.value).startswith(f"{path}{complaint}")

    def test_the_nearest_ids_are_named(self, path: Path) -> None:
        with pytest.raises(BaselineError, match=r"did you mean readers::d\[2\] or readers::d\[1\]"):
            baseline(path, entry('"readers::d[3]"'))

    @pytest.mark.parametrize(
        "text",
        [entry('"gone"', more='when = { python = "<3" }'), entry('"gone"', backend='"other"')],
        ids=["another Python", "another backend"],
    )
    def test_cases_of_what_is_not_run_are_not_looked_for(self, path: Path, text: str) -> None:
        assert baseline(path, text).expectations

    def test_one_id_under_two_conditions(self, path: Path) -> None:
        text = entry(more='when = { python = "<3.13" }\n') + entry(
            verdict='"hang"', more='when = { python = ">=3.13" }'
        )
        assert len(baseline(path, text).expectations) == 2

    def test_backends_that_nobody_knows(self, path: Path) -> None:
        found = baseline(path, entry(backend='["uvloop", "uvlop", "my.own:loop"]'))
        assert found.strangers() == [
            f"{path}:1: unknown backend 'uvlop': did you mean 'uvloop'? (your own: package.module:factory)"
        ]


class TestUpdate:
    """What people wrote stays, character for character."""

    def updated(self, path: Path, text: str, *runs: Run) -> str:
        path.write_text(text, encoding="utf-8")
        baseline_update.update(path, runs, IDS)
        after = path.read_text(encoding="utf-8")
        assert Baseline.read(path).differences(runs) == []
        Baseline.read(path).check([Subject.of(found) for found in runs], IDS)
        baseline_update.update(path, runs, IDS)
        assert path.read_text(encoding="utf-8") == after
        return after

    def test_a_new_file(self, path: Path) -> None:
        found = (result("a"), broken("b"), broken("c"), broken("d[1]", verdict="crash"))
        said = baseline_update.update(path, [run(*found)], IDS)
        assert said == f"{path} is written: 3 verdicts"
        head, *tables = path.read_text(encoding="utf-8").split("\n\n")
        assert all(line.startswith("# ") for line in head.splitlines())
        assert tables == [
            '[[expected]]\nbackend = "fastloop"\ncase = ["readers::b", "readers::c"]\nverdict = "fail"\nreason = ""',
            '[[expected]]\nbackend = "fastloop"\ncase = "readers::d[1]"\nverdict = "crash"\nreason = ""\n',
        ]

    def test_a_new_file_of_a_good_loop(self, path: Path) -> None:
        assert baseline_update.update(path, [run(result("a"))], IDS) == f"{path} is written: nothing to expect"
        assert path.read_text(encoding="utf-8").startswith("# Verdicts that are expected")
        assert Baseline.read(path).expectations == ()

    def test_nothing_to_do(self, path: Path) -> None:
        path.write_text(
            text := "#  odd \t\n[[  expected ]] # one\nbackend='fastloop'\n  case='readers::a'\nverdict='fail'"
        )
        before = path.stat().st_mtime_ns
        assert baseline_update.update(path, [run(broken("a"))], IDS) == f"{path} is up to date"
        assert (path.read_text(), path.stat().st_mtime_ns) == (text, before)

    def test_a_verdict_that_changed(self, path: Path) -> None:
        text = "# top\n\n# why\n" + entry(verdict='"fail"  # since 1.0', more='reason = "because"\n# more\n')
        assert self.updated(path, text, run(broken("a", verdict="crash"))) == text.replace('"fail"', '"crash"')

    def test_what_is_left_behind(self, path: Path) -> None:
        text = entry(more='cleanup = "one"\nreason = "because"\n')
        assert self.updated(path, text, run(broken("a", cleanup="two"))) == text.replace("one", "two")
        assert self.updated(path, text, run(broken("a"))) == text.replace('cleanup = "one"\n', "")
        new = self.updated(path, "", run(result("a", cleanup="three")))
        assert 'verdict = "pass"\ncleanup = "three"\n' in new

    def test_what_is_good_goes_with_the_comment_above_it_and_no_other(self, path: Path) -> None:
        first, second, third = entry(), "# about b\n" + entry('"readers::b"'), "# about c\n" + entry('"readers::c"')
        text = f"# top\n\n{first}\n# of a chapter\n\n{second}# the end of b\n\n# between\n\n{third}\n# last\n"
        after = self.updated(path, text, run(broken("a"), result("b"), broken("c")))
        assert after == f"# top\n\n{first}\n# of a chapter\n\n# the end of b\n\n# between\n\n{third}\n# last\n"
        assert self.updated(path, text, run(result("a"), result("b"), result("c"))) == (
            "# top\n\n# of a chapter\n\n# the end of b\n\n# between\n\n# last\n"
        )

    def test_a_case_leaves_its_list(self, path: Path) -> None:
        text = entry('[\n  "readers::a", # first\n  "readers::b",\n  "readers::c", # third\n]', more='reason = "x"\n')
        after = self.updated(path, text, run(broken("a"), result("b"), broken("c", verdict="hang")))
        assert '"readers::a", # first\n' in after
        assert "readers::b" not in after
        assert after.endswith(
            '\n[[expected]]\nbackend = "fastloop"\ncase = "readers::c"\nverdict = "hang"\nreason = ""\n'
        )

    def test_what_was_not_run_stays(self, path: Path) -> None:
        text = entry() + "\n" + entry('"readers::b"') + "\n" + entry(backend='"other"')
        assert self.updated(path, text, run(result("b"))) == entry() + "\n" + entry(backend='"other"')

    def test_a_pattern_goes_when_all_of_its_cases_are_good(self, path: Path) -> None:
        text = entry() + "\n" + entry('"readers::d[*]"')
        assert self.updated(path, text, run(broken("a"), result("d[1]"), result("d[2]"))) == entry() + "\n"

    def test_a_pattern_of_which_not_all_was_run_stays(self, path: Path) -> None:
        after = self.updated(path, entry('"readers::d[*]"'), run(result("d[1]")))
        assert after.startswith(entry('"readers::d[*]"'))
        assert 'case = "readers::d[1]"\nverdict = "pass"\n' in after

    def test_a_case_that_differs_from_its_pattern(self, path: Path) -> None:
        after = self.updated(path, entry('"readers::d[*]"'), run(broken("d[1]"), broken("d[2]", verdict="crash")))
        assert after.startswith(entry('"readers::d[*]"'))
        assert 'case = "readers::d[2]"\nverdict = "crash"\n' in after

    def test_one_of_several_backends_changes(self, path: Path) -> None:
        text = "# both\n" + entry(
            '["readers::a", "readers::b"]', backend='["fastloop", "other"]', more='reason = "x"\n'
        )
        runs = [run(result("a"), broken("b")), run(broken("a"), broken("b"), backend="other")]
        after = self.updated(path, text, *runs)
        assert after.count("# both\n") == after.count('reason = "x"\n') == 2
        alone = entry(backend='["fastloop", "other"]')
        assert self.updated(path, alone, run(result("a")), run(broken("a"), backend="other")) == entry(
            backend='["other"]'
        )

    def test_flaky_ones_are_added_to_what_is_known(self, path: Path) -> None:
        assert self.updated(path, entry(), run(result("a", flaky=True))) == entry(verdict='["fail", "pass"]')
        good = [run(result("a", flaky=True))]
        path.unlink()
        baseline_update.update(path, good, IDS)
        assert Baseline.read(path).expectations == ()

    def test_a_case_known_elsewhere_gets_the_condition_that_tells_the_two_apart(self, path: Path) -> None:
        text = entry(more='when = { python = "<3.12", version = ">1" }\n')
        after = self.updated(path, text, run(broken("a", verdict="hang")))
        assert 'verdict = "hang"\nwhen = {python = "==3.13.*", version = "==1.2"}\n' in after

    def test_lines_end_as_before(self, path: Path) -> None:
        path.write_bytes(entry().replace("\n", "\r\n").encode())
        baseline_update.update(path, [run(broken("a", verdict="crash"), broken("b"))], IDS)
        content = path.read_bytes()
        assert b'verdict = "crash"\r\n' in content
        assert content.count(b"\n") == content.count(b"\r\n") > 8

    @pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators")
    def test_a_link_stays_one(self, path: Path) -> None:
        path.write_text(entry())
        link = path.with_name("link.toml")
        link.symlink_to(path)
        baseline_update.update(link, [run(broken("a", verdict="crash"))], IDS)
        assert link.is_symlink()
        assert "crash" in path.read_text()


class TestShown:
    """What differs comes first."""

    def lines(self, path: Path, *found: Result, **options: Any) -> list[str]:
        of = run(*found)
        differences = baseline(path, entry(more='reason = "it is \\u001b[31mold"')).differences([of])
        return shown(of, differences=differences, **options)

    def test_what_differs_with_what_was_expected_and_why(self, path: Path) -> None:
        lines = self.lines(path, result("a"), broken("b", detail="assert 1 == 2"), result("c"))
        end = lines.index("")
        assert lines[:end] == [
            "fastloop 1.2 (fastloop.Loop), Python 3.13.0, linux: 2 not as in the baseline",
            f"FD-01 {FD_01.level}  {FD_01.statement}",
            f"    {FD_01.source}",
            "  pass  readers::a",
            "      expected: fail (line 1)",
            "      reason: it is \\x1b[31mold",
            "  fail  readers::b",
            "      expected: pass",
            "      assert 1 == 2",
        ]
        assert [line.split()[0] for line in lines[end + 1 :]] == ["area", "FD", "all"]

    def test_what_is_expected_is_shown_with_verbose_only(self, path: Path) -> None:
        assert len(self.lines(path, broken("a"), result("b"))) == 3
        assert "  fail  readers::a" in self.lines(path, broken("a"), result("b"), verbose=True)

    def test_a_flaky_verdict_is_never_hidden(self, path: Path) -> None:
        lines = self.lines(path, result("b", flaky=True), broken("c"), broken("a", flaky=True))
        at = lines.index("", lines.index("") + 1)
        assert "  pass (flaky)  readers::b" in lines[at:]
        assert "  fail (flaky)  readers::a" in lines[at:]
        assert not any("readers::c" in line for line in lines[at:])

    def test_without_a_baseline_nothing_changes(self) -> None:
        assert below_the_matrix(run(broken("a")))[-1] == "  fail  readers::a"

    def test_quiet(self, path: Path) -> None:
        assert self.lines(path, broken("a"), broken("b"), quiet=True) == ["fastloop: 2 fail; 1 not as in the baseline"]


CASES = ("-n", "1", "-k", "loop_is_closed_after_close or runner_closes_generators")
IMMORTAL = "canaries.lacking:immortal"
KNOWN = entry('"lifecycle::loop_is_closed_after_close"', backend=f'"{IMMORTAL}"')


@pytest.mark.once
class TestCommand:
    def test_from_nothing_to_as_expected(self, commands: Commands) -> None:
        done = commands.judge(IMMORTAL, "asyncio", *CASES, "--baseline", "known.toml", "--update-baseline")
        assert (done.status, done.stderr) == (0, "everyloop: known.toml is written: 1 verdict\n")
        assert KNOWN in (commands.folder / "known.toml").read_text()
        done = commands.judge(IMMORTAL, "asyncio", *CASES, "--baseline", "known.toml")
        assert (done.status, done.stderr) == (0, "")
        assert "LIF-01" not in done.stdout
        assert [found["verdict"] for found in commands.runs()[IMMORTAL]["results"]] == ["fail", "pass"]

    def test_worse_and_better_fail(self, commands: Commands) -> None:
        known = commands.folder / "known.toml"
        known.write_text("")
        assert commands.judge(IMMORTAL, *CASES, "--baseline", "known.toml").status == 1
        known.write_text(KNOWN.replace(IMMORTAL, "asyncio"))
        done = commands.judge("asyncio", *CASES, "--baseline", "known.toml", "-q")
        assert (done.status, done.stdout) == (1, "asyncio: 2 pass; 1 not as in the baseline\n")

    @pytest.mark.parametrize(
        ("text", "options", "complaint"),
        [
            (None, ("--baseline", "known.toml"), "cannot read known.toml: No such file or directory"),
            ("[[expected]]", ("--baseline", "known.toml"), "known.toml:1: a backend is missing"),
            ("[[expected]]", ("--baseline", "known.toml", "--update-baseline"), "known.toml:1: a backend is missing"),
            (None, ("--update-baseline",), "--update-baseline needs --baseline F: which file?"),
            (None, ("--baseline", "no/x.toml", "--update-baseline"), "cannot write no/x.toml: there is no folder "),
            (
                KNOWN.replace("closed_after", "close_after"),
                ("--baseline", "known.toml", "--json", "out.json"),
                "known.toml:1: no case 'lifecycle::loop_is_close_after_close': did you mean lifecycle::loop_is_closed_",
            ),
        ],
    )
    def test_a_line_and_status_2(
        self, cli: Command, tmp_path: Path, text: str | None, options: tuple[str, ...], complaint: str
    ) -> None:
        if text is not None:
            (tmp_path / "known.toml").write_text(text)
        before = sorted(tmp_path.iterdir())
        done = cli("run", IMMORTAL, *CASES, *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"everyloop: {complaint}")
        assert len(done.stderr.splitlines()) == 1
        assert sorted(tmp_path.iterdir()) == before

    def test_an_id_that_was_not_selected_is_no_error(self, cli: Command, tmp_path: Path) -> None:
        (tmp_path / "known.toml").write_text(KNOWN.replace(IMMORTAL, "asyncio"))
        done = cli("run", "asyncio", "-n", "1", "-k", "runner_closes_generators", "--baseline", "known.toml")
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_name_that_may_be_misspelt_is_mentioned(self, cli: Command, tmp_path: Path) -> None:
        (tmp_path / "known.toml").write_text(KNOWN.replace(IMMORTAL, "asynio"))
        done = cli("run", "asyncio", *CASES, "--baseline", "known.toml")
        assert done.returncode == 0
        assert done.stderr.startswith("everyloop: known.toml:1: unknown backend 'asynio': did you mean 'asyncio'?")

    def test_a_backend_that_is_refused_leaves_the_file_alone(self, commands: Commands) -> None:
        (commands.folder / "known.toml").write_text("")
        done = commands.run("run", IMMORTAL, "no.such:loop", *CASES, "--baseline", "known.toml", "--update-baseline")
        assert done.status == 2
        assert (commands.folder / "known.toml").read_text() == ""

    @pytest.mark.skipif(sys.platform == "win32", reason="signals end runs on POSIX only")
    def test_an_interrupted_run_leaves_the_file_alone(self, commands: Commands) -> None:
        process = commands.start(
            *("run", "canaries.hanging:deadlocked", "--json", str(commands.document), "--baseline", "new.toml"),
            *("--update-baseline", "--area", "FD", "-k", "removing and not leaves", "-n", "2", "--timeout", "600"),
            start_new_session=True,
        )
        wait_until(lambda: len(journalled(commands.journal)) >= 1)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
        assert process.returncode == 130
        assert not (commands.folder / "new.toml").exists()
        commands.nothing_is_left()


@cache
def page(root: Path) -> str:
    return (root / "docs" / "baselines.md").read_text(encoding="utf-8")


@pytest.mark.once
class TestDocumentation:
    def test_the_example_is_a_baseline_of_cases_that_there_are(self, root: Path, path: Path, cli: Command) -> None:
        example = page(root).partition("<!-- example -->\n```toml\n")[2].partition("```")[0]
        path.write_text(example, encoding="utf-8")
        found = Baseline.read(path)
        assert len(found.expectations) == 3
        cases = {row["case"] for row in json.loads(cli("list", "cases", "--json").stdout)}
        loop = frozenset({"mypackage.loops:new_loop"})
        found.check([Subject(loop, "1.0", "3.13.0", "linux")], cases)
        assert found.strangers() == []
        leaking = result("x", cleanup="descriptors left open: 1 socket")
        leaking["case"] = "servers::x"
        assert found.differences([run(leaking, backend=next(iter(loop)))]) == []

    def test_the_commands_are_right(self, root: Path, cli: Command) -> None:
        lines = [line for line in page(root).splitlines() if line.startswith("everyloop ")]
        assert len(lines) == 2
        for line in lines:
            assert cli(*line.partition("#")[0].split()[1:], "--help").returncode == 0

    def test_every_key_is_explained(self, root: Path) -> None:
        table = page(root).partition("| key |")[2].partition("\n\n")[0]
        for key in ("backend", "case", "verdict", "cleanup", "when", "reason", "url", "evidence"):
            assert f"`{key}`" in table
