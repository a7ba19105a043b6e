"""Merging, and comparing what was merged: the same runs again, foreign files, two hundred of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.harness import merging, results
from everyloop.harness.documents import DocumentError
from everyloop.harness.results import Journal

from ..conftest import Command
from . import made

ReadDocument = Callable[[Path], results.Document]


class TestReadAll:
    def test_runs_keep_their_order(self, tmp_path: Path) -> None:
        first = made.write(tmp_path / "a.json", made.run("uvloop"), made.run("rloop"))
        second = made.write(tmp_path / "b.json", made.run("asyncio"))
        assert [run["backend"] for run in merging.read_all([second, first])] == ["asyncio", "uvloop", "rloop"]

    def test_the_same_run_twice(self, tmp_path: Path) -> None:
        first = made.write(tmp_path / "a.json", made.run("asyncio"), made.run())
        second = made.write(tmp_path / "b.json", made.run())
        with pytest.raises(DocumentError) as caught:
            merging.read_all([first, second])
        what = "uvloop 0.23.0, Python 3.13.0, linux, begun 2026-11-22T10:00:00Z"
        assert str(caught.value) == f"{second} and {first} have the same run: {what}"

    def test_the_same_file_twice(self, tmp_path: Path) -> None:
        path = made.write(tmp_path / "a.json", made.run())
        with pytest.raises(DocumentError, match="have the same run: uvloop"):
            merging.read_all([path, path])

    def test_a_run_and_its_journal(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "a.json.journal")
        journal.begin({**made.run(), "incomplete": True, "duration": 0.0})
        journal.add(0, made.result(verdict="fail"))
        path = made.write(tmp_path / "a.json", made.run())
        with pytest.raises(DocumentError, match="have the same run: uvloop"):
            merging.read_all([path, journal.path])
        journal.discard()

    @pytest.mark.parametrize(
        "changes",
        [
            {"started": "2026-11-22T10:00:01Z"},
            {"python": "3.13.1"},
            {"platform": "darwin"},
            {"host": "Linux-6.2-x86_64"},
            {"version": "0.24.0"},
            {"knobs": {"max_sockets": 64}},
        ],
        ids=str,
    )
    def test_another_run(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        first = made.write(tmp_path / "a.json", made.run())
        assert len(merging.read_all([first, made.write(tmp_path / "b.json", made.run(**changes))])) == 2

    def test_shares_of_a_run_that_began_in_the_same_second(self, tmp_path: Path) -> None:
        first = made.write(tmp_path / "a.json", made.run(found=[made.result("readers::one")]))
        second = made.write(tmp_path / "b.json", made.run(found=[made.result("readers::two")]))
        assert len(merging.read_all([first, second])) == 2

    def test_two_hundred_documents(self, tmp_path: Path, cli: Command, read_document: ReadDocument) -> None:
        cases = [made.result(f"readers::case_{number}") for number in range(20)]
        paths = [made.write(tmp_path / f"{n}.json", made.run(f"loop-{n}", cases)) for n in range(200)]
        done = cli("merge", *paths, "-o", "all.json")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        runs = read_document(tmp_path / "all.json")["runs"]
        assert [run["backend"] for run in runs] == [f"loop-{number}" for number in range(200)]
        assert all(run["results"] == cases for run in runs)


class TestMerge:
    def test_a_merged_document_has_a_line_for_each_result(self, tmp_path: Path, cli: Command) -> None:
        found = [made.result("readers::one", "fail", detail='a "b"\n'), made.result("readers::two")]
        made.write(tmp_path / "a.json", made.run(found=found))
        assert cli("merge", "a.json", "-o", "b.json").returncode == 0
        lines = (tmp_path / "b.json").read_text().splitlines()
        assert [json.loads(line.strip().rstrip(",")) for line in lines if '"case"' in line] == found

    @pytest.mark.parametrize("command", [("merge", "-o", "out"), ("report", "--html", "out"), ("compare", "good.json")])
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ('{"schema": "everyloop-results/2"}', "it is everyloop-results/2, of another version of everyloop"),
            ('{"schema": "everyloop-results/1", "runs": [', "it is cut off in line 1"),
            ('{"schema": "everyloop-results/1", "everyloop": "1", "runs": [{}]}', "runs[0] must contain ['backend', "),
            ("hello", "line 1, column 1: Expecting value"),
        ],
        ids=["version", "cut off", "doctored", "something else"],
    )
    def test_one_line_and_status_2(
        self, tmp_path: Path, cli: Command, command: tuple[str, ...], text: str, complaint: str
    ) -> None:
        made.write(tmp_path / "good.json", made.run())
        (tmp_path / "bad.json").write_text(text)
        done = cli(*command, "bad.json")
        assert (done.returncode, done.stdout) == (2, "")
        start = "everyloop: bad.json is no everyloop-results/1 document, nor a journal of one: "
        assert done.stderr.startswith(start + complaint)
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "out").exists()

    def test_the_same_run_is_a_line_and_status_2(self, tmp_path: Path, cli: Command) -> None:
        made.write(tmp_path / "a.json", made.run())
        done = cli("merge", "a.json", "a.json", "-o", "b.json")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("everyloop: a.json and a.json have the same run: uvloop 0.23.0, Python 3.13.0")

    def test_a_folder(self, tmp_path: Path, cli: Command) -> None:
        done = cli("merge", tmp_path, "-o", "b.json")
        assert (done.returncode, done.stderr) == (2, f"everyloop: cannot read {tmp_path}: Is a directory\n")

    def test_a_target_that_cannot_be_written(self, tmp_path: Path, cli: Command) -> None:
        made.write(tmp_path / "a.json", made.run())
        done = cli("merge", "a.json", "-o", "no/such/b.json")
        assert (done.returncode, done.stderr) == (
            2,
            "everyloop: cannot write no/such/b.json: No such file or directory\n",
        )
