"""One page of many machines' results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from everyloop.harness import probing, results

from ..conftest import Command
from ..harness.made import result, run, write
from .files import ROOT

GATHER = ("-m", "tests.workflows.gather")
CASE = "readers::removing_a_watcher_returns_true[reader]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results as they are downloaded: a folder for each job."""
    found = tmp_path / "results"
    for name, one in {
        "linux": run("uvloop", [result(CASE, "fail")]),
        "macos": run("uvloop", platform="darwin", host="macOS"),
        "windows": run("asyncio-proactor", platform="win32", host="Windows", loop="asyncio.ProactorEventLoop"),
    }.items():
        (found / name).mkdir(parents=True)
        write(found / name / "results.json", one)
    (found / "linux" / "uvloop.probe.json").write_text(json.dumps(probing.document([])))
    return found


def test_what_is_made(python: Command, folder: Path, tmp_path: Path) -> None:
    done = python(*GATHER, folder, tmp_path / "site", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    assert {path.name for path in site.iterdir()} == {
        *("index.html", "all.json", "summary.md", "badge.json", "known.toml"),
    }
    merged = results.read(site / "all.json")
    assert sorted(found["platform"] for found in merged["runs"]) == ["darwin", "linux", "win32"]
    assert "<!doctype html>" in (site / "index.html").read_text().lower()


def test_what_changed_since_the_last_time(python: Command, folder: Path, tmp_path: Path) -> None:
    earlier = write(tmp_path / "earlier.json", run("uvloop", [result(CASE)]))
    done = python(*GATHER, folder, tmp_path / "site", earlier, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    summary = (tmp_path / "site" / "summary.md").read_text()
    assert CASE.replace("_", "\\_") in summary or CASE in summary
    assert python(*GATHER, folder, tmp_path / "other", cwd=ROOT).returncode == 0
    assert (tmp_path / "other" / "summary.md").read_text() != summary


def test_what_was_published_by_another_everyloop_is_not_compared(python: Command, folder: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text('{"schema": "everyloop-results/0", "loops": []}')
    assert python(*GATHER, folder, tmp_path / "site", earlier, cwd=ROOT).returncode == 0


@pytest.mark.parametrize("text", ["no json", "[]", "{}"])
def test_a_file_that_is_no_document(python: Command, folder: Path, tmp_path: Path, text: str) -> None:
    (folder / "linux" / "broken.json").write_text(text)
    done = python(*GATHER, folder, tmp_path / "site", cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{folder / 'linux' / 'broken.json'} is no document of everyloop: ")


def test_usage(python: Command) -> None:
    done = python(*GATHER, cwd=ROOT)
    assert (done.returncode, done.stderr) == (
        1,
        "usage: python -m tests.workflows.gather RESULTS SITE [EARLIER.json]\n",
    )


def test_emulated_loops_are_held_against_the_real_ones_of_the_page(
    python: Command, cli: Command, folder: Path, tmp_path: Path
) -> None:
    differences = ROOT / "baselines" / "fidelity" / "differences.toml"
    emulated = run("windows-proactor", platform="win32", emulated=True, loop="asyncio.ProactorEventLoop")
    write(folder / "linux" / "emulated.json", emulated)
    assert python(*GATHER, folder, tmp_path / "site", cwd=ROOT).returncode == 0
    both = (tmp_path / "site" / "all.json",) * 2
    done = cli("compare", "--emulated", *both, "--differences", differences)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100.00% fidelity, 1 of 1 cases judged alike; 0 known differences, 0 unknown" in done.stdout
