"""The pairs of releases are what they say, and the runner tells when two releases are alike. Nothing is installed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.version import Version

from .conftest import Command
from .releases import __main__, environments, runner
from .releases.pairs import BROKEN, Pair, read

PAIRS = read()
ONE = PAIRS[0]

pytestmark = pytest.mark.once


def test_there_are_fifteen_bugs_of_the_loops_that_people_use() -> None:
    assert len(PAIRS) >= 15
    assert len({pair.name for pair in PAIRS}) == len({(pair.package, pair.bug) for pair in PAIRS}) == len(PAIRS)
    assert {pair.package for pair in PAIRS} >= {"uvloop", "rloop", "qasync", "trio-asyncio"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_pair_says_what_was_wrong_and_who_says_so(pair: Pair) -> None:
    assert pair.name.startswith(f"{pair.package}-")
    assert Version(pair.before) < Version(pair.fixed)
    assert re.fullmatch(r"3\.1[1-5]", pair.python)
    assert pair.bug == pair.bug.strip().rstrip(".")
    assert pair.evidence
    assert all(url.startswith("https://") for url in pair.evidence)
    assert pair.cases
    assert pair.verdicts
    assert BROKEN.issuperset(pair.verdicts)


def test_the_cases_exist(cli: Command) -> None:
    done = cli("list", "cases", "--json")
    assert done.returncode == 0, done.stderr
    known = {case["case"] for case in json.loads(done.stdout)}
    assert [case for pair in PAIRS for case in pair.cases if case not in known] == []


@pytest.mark.parametrize(
    ("before", "fixed", "told_apart"),
    [
        (ONE.verdicts[0], "pass", True),
        ("pass", "pass", False),
        (ONE.verdicts[0], ONE.verdicts[0], False),
        ("flaky", "pass", False),
        ("error", "pass", False),
        (ONE.verdicts[0], "skip", False),
        (runner.ABSENT, "pass", False),
    ],
)
def test_releases_are_told_apart_by_every_case(before: str, fixed: str, told_apart: bool) -> None:
    def outcome(first: str, second: str) -> runner.Outcome:
        good = dict.fromkeys(ONE.cases, ONE.verdicts[0]), dict.fromkeys(ONE.cases, "pass")
        return runner.Outcome(ONE, good[0] | {ONE.cases[-1]: first}, good[1] | {ONE.cases[-1]: second})

    assert outcome(before, fixed).told_apart is told_apart
    first, *cases = __main__.describe(outcome(before, fixed)).splitlines()
    assert first.startswith("told apart" if told_apart else "NOT")
    assert cases[-1].endswith(f"{ONE.cases[-1]}: {before} -> {fixed}")


def test_pairs_that_are_alike_make_the_run_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    passes = dict.fromkeys(ONE.cases, "pass")
    monkeypatch.setattr(runner, "judge", lambda pair, *_: runner.Outcome(pair, passes, passes))
    done = CliRunner().invoke(__main__.main, [ONE.name, "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "1 pairs: 0 told apart, 1 not" in done.output


def test_an_unknown_name_is_a_usage_error() -> None:
    done = CliRunner().invoke(__main__.main, ["nobody"])
    assert done.exit_code == 2
    assert "there is no pair or package 'nobody'" in done.output


def test_a_python_that_is_not_there_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(__main__.main, [ONE.name, "--folder", str(tmp_path)])
    assert done.exit_code == 2
    assert f"there is no python{ONE.python} on PATH" in done.output


def test_an_environment_that_is_complete_is_used_again(tmp_path: Path) -> None:
    requirements = ["aloop==1.0", "beside==2"]
    environment = tmp_path / "aloop-1.0-py3.12"
    (environment / "bin").mkdir(parents=True)
    (environment / environments.COMPLETE).write_text(os.linesep.join(requirements))
    assert environments.make(tmp_path, "3.12", requirements) == environment / "bin" / "python"
