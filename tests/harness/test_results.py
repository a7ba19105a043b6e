"""The document, its schema, and the journal that survives."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from everyloop.harness import documents, results
from everyloop.harness.documents import DocumentError
from everyloop.harness.results import Journal, Result, Run
from everyloop.harness.version import VERSION

RESULT: Result = {
    "case": "readers::add_reader_replaces_callback",
    "behaviour": "FD-03",
    "area": "FD",
    "level": "must",
    "verdict": "pass",
    "cleanup": "clean",
    "limit": None,
    "detail": None,
    "flaky": False,
    "duration": 0.002,
}
RUN: Run = {
    "backend": "uvloop",
    "version": "0.23.0",
    "emulated": False,
    "knobs": {},
    "loop": "uvloop.Loop",
    "python": "3.13.0",
    "platform": "linux",
    "host": "Linux-6.1",
    "started": "2026-11-22T10:00:00Z",
    "duration": 9.1,
    "results": [RESULT],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def result(**changes: Any) -> Result:
    return {**RESULT, **changes}  # type: ignore[typeddict-item]


def begun() -> Run:
    return {**deepcopy(RUN), "incomplete": True, "results": []}


class TestSchema:
    def test_it_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(results.json_schema())

    def test_it_ships_with_the_package(self) -> None:
        assert files("everyloop.harness").joinpath("results.schema.json").is_file()

    def test_the_example_of_the_design_is_valid(self) -> None:
        jsonschema.validate(results.document([RUN]), results.json_schema())
        assert results.document([RUN])["everyloop"] == VERSION

    def test_an_incomplete_run_is_valid(self) -> None:
        jsonschema.validate(results.document([begun()]), results.json_schema())

    @pytest.mark.parametrize("verdict", ["pass", "fail", "deviation", "unsupported", "crash", "hang", "info", "skip"])
    def test_every_verdict_is_valid(self, verdict: str) -> None:
        run: Run = {**RUN, "results": [result(verdict=verdict, detail="because")]}
        jsonschema.validate(results.document([run]), results.json_schema())

    @pytest.mark.parametrize(
        "broken",
        [
            {"verdict": "great"},
            {"level": "may"},
            {"flaky": None},
            {"duration": -1},
            {"cleanup": None},
            {"colour": "red"},
            {"behaviour": "fd-3"},
        ],
        ids=str,
    )
    def test_a_result_that_is_not_right_is_not_valid(self, broken: dict[str, object]) -> None:
        run: Run = {**RUN, "results": [result(**broken)]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(results.document([run]), results.json_schema())

    @pytest.mark.parametrize("key", [key for key in RUN if key != "incomplete"])
    def test_a_run_lacks_nothing(self, key: str) -> None:
        run: Any = {name: value for name, value in RUN.items() if name != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(results.document([run]), results.json_schema())

    @pytest.mark.parametrize("key", RESULT)
    def test_a_result_lacks_nothing(self, key: str) -> None:
        lacking: Any = {name: value for name, value in RESULT.items() if name != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(results.document([{**RUN, "results": [lacking]}]), results.json_schema())

    @pytest.mark.parametrize("started", ["yesterday", "2026-11-22 10:00", 3])
    def test_times_are_times(self, started: object) -> None:
        run: Any = {**RUN, "started": started}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(results.document([run]), results.json_schema())


class TestDocument:
    def test_what_is_written_is_read(self, path: Path) -> None:
        documents.write(path, results.document([RUN]))
        assert results.read(path) == results.document([RUN])

    def test_lone_surrogates_pass_through(self, path: Path) -> None:
        run: Run = {**RUN, "results": [result(verdict="fail", detail="a\udc80b \N{SNOWMAN}\0")]}
        documents.write(path, results.document([run]))
        assert path.read_bytes().isascii()
        assert results.read(path)["runs"][0]["results"][0]["detail"] == "a\udc80b \N{SNOWMAN}\0"

    def test_it_replaces_an_older_one(self, path: Path) -> None:
        path.write_text("old")
        documents.write(path, results.document([RUN]))
        assert results.read(path)["runs"] == [RUN]

    def test_it_is_written_as_a_whole_or_not_at_all(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text("old")

        def full(self: Path, target: Path) -> Path:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            documents.write(path, results.document([RUN]))
        assert path.read_text() == "old"
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    def test_a_file_that_is_not_there(self, path: Path) -> None:
        with pytest.raises(DocumentError, match=r"cannot read .*results\.json: No such file"):
            results.read(path)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "hello",
            "[]",
            "{}",
            "3",
            "null",
            '{"schema": "everyloop-results/2", "runs": []}',
            '{"schema": "everyloop-results/1"}',
            '{"schema": "everyloop-results/1", "runs": 3}',
            '{"schema": "everyloop-results/1", "runs": [{}]}',
            '["schema"]\n{}',
            '{"no": "schema"}\n{}',
            '{"schema": "everyloop-results/1", "everyloop": "1", "runs": []}\n3\n',
            '{"schema": "everyloop-results/1", "everyloop": "1", "runs": []}\n[0, {"case": "x"}]\n',
            '{"schema": "everyloop-results/1", "everyloop": "1"}\n{}\n',
            '{"schema": "everyloop-results/1", "everyloop": "1", "runs": []}\n{"backend": "x"}\n[0, {}]\n',
            '{"schema": 3}',
            "[" * 100_000,
            "1" * 5000,
            "\udcff\x00",
        ],
        ids=repr,
    )
    def test_a_file_that_is_something_else(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        with pytest.raises(DocumentError, match=r"results\.json is no everyloop-results/1 document, nor a journal"):
            results.read(path)


class TestBelievesNothing:
    """Documents that somebody changed, or that were not written to their end."""

    def refused(self, path: Path, content: Any) -> str:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        with pytest.raises(DocumentError) as caught:
            results.read(path)
        (complaint,) = str(caught.value).splitlines()
        start = f"{path} is no everyloop-results/1 document, nor a journal of one: "
        assert complaint.startswith(start)
        assert complaint.isprintable()
        return complaint.removeprefix(start)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_one_that_is_cut_off(self, path: Path, share: float) -> None:
        documents.write(path, results.document([RUN, {**RUN, "backend": "asyncio"}]))
        text = path.read_text()
        assert self.refused(path, text[: int(len(text) * share)])

    def test_where_it_is_cut_off_is_said(self, path: Path) -> None:
        documents.write(path, results.document([RUN]))
        text = path.read_text()
        assert self.refused(path, text.rstrip()[:-2]) == f"it is cut off in line {len(text.splitlines()) - 1}"
        assert self.refused(path, text[:15]) == "it is cut off in line 2"

    def test_an_empty_file(self, path: Path) -> None:
        assert self.refused(path, "\n") == "it is empty"

    def test_another_version(self, path: Path) -> None:
        content = {**results.document([RUN]), "schema": "everyloop-results/2"}
        assert self.refused(path, content) == "it is everyloop-results/2, of another version of everyloop"

    def test_another_kind(self, path: Path) -> None:
        assert self.refused(path, {"schema": "everyloop-probe/1", "probes": []}) == "it is everyloop-probe/1"

    def test_a_name_that_would_steer_the_terminal(self, path: Path) -> None:
        assert self.refused(path, {"schema": "\x1b[31m" + "x" * 200}) == f"it is \\x1b[31m{'x' * 72}…"

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"verdict": "great"}, "runs[0].results[0].verdict must be one of "),
            ({"level": "may"}, "runs[0].results[0].level must be one of "),
            ({"flaky": 1}, "runs[0].results[0].flaky must be boolean"),
            ({"duration": -1}, "runs[0].results[0].duration must be bigger than or equal to 0"),
            ({"duration": 10**400}, "runs[0].results[0].duration must be smaller than or equal to 1000000000"),
            ({"colour": "red"}, "runs[0].results[0] must not contain {'colour'} properties"),
            ({"case": "../../etc"}, "runs[0].results[0].case must match pattern "),
            ({"area": "TLS"}, "it has FD-03 in the area TLS"),
        ],
        ids=str,
    )
    def test_a_result_that_no_run_gives(self, path: Path, changes: dict[str, Any], complaint: str) -> None:
        found = self.refused(path, results.document([{**RUN, "results": [result(**changes)]}]))
        assert found.startswith(complaint)

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
    def test_a_number_that_is_none(self, path: Path, number: str) -> None:
        documents.write(path, results.document([RUN]))
        assert self.refused(path, path.read_text().replace("0.002", number))

    def test_a_case_that_is_there_twice(self, path: Path) -> None:
        content = results.document([{**RUN, "results": [RESULT, result(verdict="fail")]}])
        assert self.refused(path, content) == "it has readers::add_reader_replaces_callback twice in a run"

    @pytest.mark.parametrize("started", ["2026-13-45T10:00:00Z", "2025-02-29T10:00:00Z", "2026-11-22T10:00:60Z"])
    def test_a_time_that_is_none(self, path: Path, started: str) -> None:
        assert self.refused(path, results.document([{**RUN, "started": started}])) in {
            "runs[0].started must be date-time",
            f"{started} is no time",
        }

    def test_a_journal_with_a_damaged_line_in_it(self, path: Path) -> None:
        lines = [json.dumps(results.document([])), json.dumps(RUN), '[0, {"case": ', json.dumps([0, RESULT]), ""]
        assert self.refused(path, "\n".join(lines)) == "its line 3 is damaged"

    def test_a_journal_with_lines_of_another(self, path: Path) -> None:
        lines = [json.dumps(results.document([])), json.dumps(RUN), json.dumps([1, RESULT]), ""]
        assert self.refused(path, "\n".join(lines)) == "it has lines that are none of ours"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_what_other_tools_wrote_is_read(self, path: Path, encoding: str) -> None:
        content = results.document([{**RUN, "results": [result(detail="\N{SNOWMAN}")]}])
        path.write_text(json.dumps(content, ensure_ascii=False, indent=4), encoding=encoding, newline="\r\n")
        assert results.read(path) == content


class TestJournal:
    @pytest.fixture
    def journal(self, path: Path) -> Journal:
        return Journal(path)

    def test_every_verdict_is_on_disk_at_once(self, journal: Journal, path: Path) -> None:
        assert results.read(path)["runs"] == []
        journal.begin(begun())
        assert results.read(path)["runs"] == [{**RUN, "incomplete": True, "results": []}]
        journal.add(0, RESULT)
        assert results.read(path)["runs"] == [{**RUN, "incomplete": True}]
        journal.discard()

    def test_what_it_gives_is_a_valid_document(
        self, journal: Journal, path: Path, tmp_path: Path, read_document: Callable[[Path], results.Document]
    ) -> None:
        journal.begin(begun())
        journal.add(0, RESULT)
        completed = tmp_path / "completed.json"
        documents.write(completed, results.read(path))
        assert read_document(completed)["runs"][0]["incomplete"]
        journal.discard()

    def test_several_runs_are_kept_apart(self, journal: Journal, path: Path) -> None:
        other: Run = {**begun(), "backend": "asyncio"}
        journal.begin(begun())
        journal.add(0, RESULT)
        journal.begin(other)
        journal.add(1, result(verdict="fail"))
        journal.add(0, result(case="readers::other"))
        first, second = results.read(path)["runs"]
        assert [found["case"] for found in first["results"]] == [RESULT["case"], "readers::other"]
        assert (second["backend"], [found["verdict"] for found in second["results"]]) == ("asyncio", ["fail"])
        journal.discard()

    def test_a_later_line_replaces_an_earlier_one_in_its_place(self, journal: Journal, path: Path) -> None:
        journal.begin(begun())
        journal.add(0, result(verdict="fail"))
        journal.add(0, result(case="readers::other"))
        journal.add(0, result(verdict="pass", flaky=True))
        found = results.read(path)["runs"][0]["results"]
        assert [(entry["case"], entry["verdict"], entry["flaky"]) for entry in found] == [
            (RESULT["case"], "pass", True),
            ("readers::other", "pass", False),
        ]
        journal.discard()

    @pytest.mark.parametrize("kept", [1, 20, -3])
    def test_a_line_that_was_being_written_is_left_out(self, journal: Journal, path: Path, kept: int) -> None:
        journal.begin(begun())
        journal.add(0, RESULT)
        size = path.stat().st_size
        journal.add(0, result(case="readers::other"))
        text = path.read_text()
        path.write_text(text[: size + kept] if kept > 0 else text[:kept])
        assert results.read(path)["runs"][0]["results"] == [RESULT]
        journal.discard()

    def test_lone_surrogates_pass_through(self, journal: Journal, path: Path) -> None:
        journal.begin(begun())
        journal.add(0, result(detail="\udc80\u2028"))
        assert results.read(path)["runs"][0]["results"][0]["detail"] == "\udc80\u2028"
        journal.discard()

    def test_it_never_overwrites_another(self, journal: Journal, path: Path) -> None:
        with pytest.raises(FileExistsError):
            Journal(path)
        journal.discard()

    def test_it_goes_away(self, journal: Journal, path: Path) -> None:
        journal.discard()
        assert not path.exists()

    def test_it_goes_away_even_if_somebody_was_faster(self, journal: Journal, path: Path) -> None:
        path.unlink()
        journal.discard()
