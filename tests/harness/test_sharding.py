"""Shards: each a part of a run, all of them the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.harness import merging, results, sharding
from everyloop.harness.documents import DocumentError
from everyloop.harness.results import Journal, Run
from hypothesis import given
from hypothesis import strategies as st

from ..conftest import Command
from . import made

ReadDocument = Callable[[Path], results.Document]

IDS = [f"readers::case_{number}" for number in range(10)]
SELECTION = ("--area", "FD", "-k", "removing")


def whole_run(**changes: Any) -> Run:
    return made.run(found=[made.result(case) for case in IDS], **changes)


def shard_run(number: int, of: int, **changes: Any) -> Run:
    """What `whole_run` would have been, had it been run as a shard."""
    shard = sharding.shard(number, of, IDS)
    found = [made.result(case) for case in sharding.part(number, of, IDS)]
    run = whole_run(**{"shard": shard, **changes})
    return {**run, "results": found}


def told(run: Run) -> dict[str, Any]:
    """What a run says, but for when."""
    return {key: value for key, value in run.items() if key not in {"started", "duration"}}


@given(st.lists(st.text(), unique=True), st.integers(1, 20))
def test_all_parts_joined_are_the_whole(whole: list[str], of: int) -> None:
    parts = [sharding.part(number, of, whole) for number in range(1, of + 1)]
    assert sharding.joined(parts) == whole
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == [sharding.size(sharding.shard(number, of, whole)) for number in range(1, of + 1)]


@given(st.lists(st.text(alphabet=st.characters(codec=None))), st.lists(st.text()))
def test_other_cases_have_another_digest(one: list[str], other: list[str]) -> None:
    # A line each: no id has a newline in it.
    one, other = (["".join(case.split("\n")) for case in cases] for cases in (one, other))
    assert (sharding.digest(one) == sharding.digest(other)) == ("\n".join(one) == "\n".join(other))


class TestMerging:
    @pytest.mark.parametrize("of", [1, 2, 3, 10, 12])
    def test_merged_shards_equal_the_whole(self, tmp_path: Path, of: int) -> None:
        paths = [made.write(tmp_path / f"{n}.json", shard_run(n, of)) for n in reversed(range(1, of + 1))]
        (run,) = merging.read_all(paths)
        assert told(run) == told(whole_run())

    def test_shards_of_several_runs_in_any_order(self, tmp_path: Path) -> None:
        runs = [
            *(shard_run(number, 2, backend="uvloop") for number in (1, 2)),
            made.run("asyncio"),
            *(shard_run(number, 2, python="3.12.1") for number in (2, 1)),
            *(shard_run(number, 3, knobs={"max_sockets": 64}) for number in (3, 1, 2)),
        ]
        found = merging.read_all(
            [made.write(tmp_path / "a.json", *runs[::2]), made.write(tmp_path / "b.json", *runs[1::2])]
        )
        assert sorted(results.label(run) for run in found) == sorted({results.label_of_whole(run) for run in runs})
        assert not any("shard" in run for run in found)

    def test_where_and_when(self, tmp_path: Path) -> None:
        parts = [
            shard_run(1, 3, host="Linux-6.1", started="2026-11-22T10:00:09Z", duration=1.0, gateways=["gw0"]),
            shard_run(2, 3, host="Linux-6.2", started="2026-11-22T10:00:00Z", duration=2.5, gateways=["gw1", "gw2"]),
            shard_run(3, 3, host="Linux-6.1", started="2026-11-23T10:00:00Z", duration=3.0, gateways=["gw0"]),
        ]
        (run,) = merging.read_all([made.write(tmp_path / "a.json", *parts)])
        assert run["host"] == "Linux-6.1, Linux-6.2"
        assert (run["started"], run["duration"]) == ("2026-11-22T10:00:00Z", 6.5)
        assert run["gateways"] == ["gw0", "gw1", "gw2"]

    def test_a_missing_shard_is_said_and_the_others_stay(
        self, tmp_path: Path, cli: Command, read_document: ReadDocument
    ) -> None:
        parts = [shard_run(1, 3), shard_run(3, 3)]
        made.write(tmp_path / "a.json", *parts)
        done = cli("merge", "a.json", "-o", "b.json")
        complaint = "uvloop 0.23.0, Python 3.13.0, linux: shard 2/3 is missing, so the others are not joined"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"everyloop: {complaint}\n")
        assert read_document(tmp_path / "b.json")["runs"] == parts
        made.write(tmp_path / "late.json", shard_run(2, 3))
        assert cli("merge", "b.json", "late.json", "-o", "c.json").returncode == 0
        (run,) = read_document(tmp_path / "c.json")["runs"]
        assert told(run) == told(whole_run())

    def test_the_same_shard_twice(self, tmp_path: Path, cli: Command) -> None:
        made.write(tmp_path / "a.json", shard_run(1, 2), shard_run(2, 2))
        made.write(tmp_path / "b.json", shard_run(2, 2, started="2026-11-24T10:00:00Z"))
        done = cli("merge", "a.json", "b.json", "-o", "c.json")
        what = "uvloop 0.23.0, Python 3.13.0, linux, shard 2/2"
        assert (done.returncode, done.stderr) == (2, f"everyloop: b.json and a.json have the same shard: {what}\n")

    @pytest.mark.parametrize(
        "changes",
        [{"version": "0.24.0"}, {"python": "3.13.1"}, {"platform": "darwin"}, {"emulated": True}, {"knobs": {"a": 1}}],
        ids=str,
    )
    def test_shards_of_other_runs_are_not_joined(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        path = made.write(tmp_path / "a.json", shard_run(1, 2), shard_run(2, 2, **changes))
        assert len(merging.read_all([path])) == 2

    def test_shards_of_another_version_of_ours_are_not_joined(self, tmp_path: Path) -> None:
        paths = [made.write(tmp_path / f"{number}.json", shard_run(number, 2)) for number in (1, 2)]
        paths[0].write_text(paths[0].read_text().replace('"everyloop": "', '"everyloop": "0.0'))
        assert len(merging.read_all(paths)) == 2

    def test_shards_of_other_cases_are_not_joined(self, tmp_path: Path) -> None:
        other = sharding.shard(2, 2, [*IDS[:-1], "readers::another"])
        path = made.write(tmp_path / "a.json", shard_run(1, 2), shard_run(2, 2, shard=other))
        assert len(merging.read_all([path])) == 2

    def test_a_doctored_shard(self, tmp_path: Path) -> None:
        second = shard_run(2, 2)
        second["results"].reverse()
        path = made.write(tmp_path / "a.json", shard_run(1, 2), second)
        with pytest.raises(DocumentError, match="has not the cases of the whole"):
            merging.read_all([path])

    @pytest.mark.parametrize("shard", [{"number": 3, "of": 2}, {"number": 0}, {"cases": 4}, {"whole": "x"}], ids=str)
    def test_a_shard_that_cannot_be(self, tmp_path: Path, shard: dict[str, Any]) -> None:
        path = made.write(tmp_path / "a.json", shard_run(1, 2, shard={**sharding.shard(1, 2, IDS), **shard}))
        with pytest.raises(DocumentError, match="is no everyloop-results/1 document"):
            results.read(path)

    def test_the_journal_of_a_killed_shard_makes_the_whole_incomplete(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "a.json.journal")
        second = shard_run(2, 2)
        number = journal.begin(second)
        for found in second["results"][:-1]:
            journal.add(number, found)
        (run,) = merging.read_all([made.write(tmp_path / "a.json", shard_run(1, 2)), journal.path])
        journal.discard()
        assert run["incomplete"] is True
        assert [result["case"] for result in run["results"]] == IDS[:-1]


class TestRunning:
    def test_shards_run_and_merged_equal_the_whole(
        self, tmp_path: Path, cli: Command, read_document: ReadDocument
    ) -> None:
        of = 3
        for number in range(1, of + 1):
            done = cli("run", "asyncio", *SELECTION, "--shard", f"{number}/{of}", "--json", f"{number}.json")
            assert (done.returncode, done.stderr) == (0, "")
            (run,) = read_document(tmp_path / f"{number}.json")["runs"]
            assert (run["shard"]["number"], run["shard"]["of"]) == (number, of)
        assert cli("run", "asyncio", *SELECTION, "--json", "whole.json").returncode == 0
        assert cli("merge", "1.json", "2.json", "3.json", "-o", "merged.json").returncode == 0
        assert cli("compare", "whole.json", "merged.json").returncode == 0
        (whole,), (merged,) = (read_document(tmp_path / f"{name}.json")["runs"] for name in ("whole", "merged"))
        assert [result["case"] for result in merged["results"]] == [result["case"] for result in whole["results"]]
        assert merged.keys() == whole.keys()

    def test_a_shard_may_be_empty(self, tmp_path: Path, cli: Command, read_document: ReadDocument) -> None:
        paths = []
        for number in (1, 2):
            selection = ("--area", "FD", "-k", "removing_a_watcher_twice_returns_false and reader]")
            paths.append(f"{number}.json")
            done = cli("run", "asyncio", *selection, "--shard", f"{number}/2", "--fuzz", "1", "--json", paths[-1])
            assert (done.returncode, done.stderr) == (0, "")
        assert cli("merge", *paths, "-o", "merged.json").returncode == 0
        (run,) = read_document(tmp_path / "merged.json")["runs"]
        assert len(run["results"]) == 1

    def test_no_case_at_all(self, cli: Command) -> None:
        done = cli("run", "asyncio", "-k", "no_such_case", "--shard", "1/2")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "everyloop: no case matches: `everyloop list cases` shows all\n"

    @pytest.mark.parametrize(
        "text",
        ["0/3", "4/3", "1", "1/99999", "", "\N{ARABIC-INDIC DIGIT ONE}/3"],
    )
    def test_a_bad_shard_is_a_line_and_status_2(self, cli: Command, text: str) -> None:
        done = cli("run", "asyncio", "--shard", text)
        assert (done.returncode, done.stdout) == (2, "")
        complaint = (
            f"everyloop: Invalid value for '--shard': {text!r} is no shard: write K/N, such as 2/3, with K from 1 to N"
        )
        assert done.stderr == f"{complaint}\n"
