"""Bringing a baseline up to date with a run: what people wrote beside the verdicts stays."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit

from . import baselines, documents, results
from .baselines import LOST, TABLE, Baseline, Difference, Expectation, Part, Subject
from .running import is_expected

HEADING = """\
# Verdicts that are expected though they are not good. Checked by `everyloop run --baseline` with this file: what is
# not as here is shown and fails, and so is what is better. `--update-baseline` brings it up to date; comments, reasons
# and conditions are yours.
"""


def check(path: Path) -> None:
    """Find out whether a file can be updated, before hours are spent on what shall be in it.

    Raises:
        BaselineError: its folder is missing, or may not be written to.
    """
    folder = path.resolve().parent
    if not folder.is_dir():
        raise baselines.BaselineError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):  # the file is replaced, not overwritten
        raise baselines.BaselineError(f"cannot write {path}: its folder may not be written to")


def update(path: Path, runs: Sequence[results.Run], cases: Collection[str]) -> str:
    """Rewrite a file so that it expects what the runs have found, and say in a line what was done.

    What the runs have no result for is left alone.

    Args:
        path: of the file, which may not exist yet.
        runs: complete ones.
        cases: the ids of all cases that there are, run or not.

    Raises:
        BaselineError: the file cannot be read or written.
    """
    new = not path.exists()
    text = HEADING if new else baselines.read_text(path)
    corrected = _Update(path, text)
    count = len(corrected.differences(runs))
    corrected.correct(runs, cases)
    if new or count:
        try:
            target = path.resolve()  # a link stays one
            documents.replace_text(target, corrected.text(), newline=None if new else _newline(path))
        except OSError as error:
            raise baselines.BaselineError(f"cannot write {path}: {error.strerror}") from None
    if not count:
        return f"{path} is written: nothing to expect" if new else f"{path} is up to date"
    return f"{path} is {'written' if new else 'updated'}: {count} {'verdict' if count == 1 else 'verdicts'}"


class _Update:
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._preamble, found = baselines.parts(path, text)
        self._known = [(part, baselines.expectation(path, part)) for part in found]

    @property
    def _baseline(self) -> Baseline:
        return Baseline(self._path, [expectation for _, expectation in self._known])

    def differences(self, runs: Iterable[results.Run]) -> list[Difference]:
        return self._baseline.differences(runs)

    def text(self) -> str:
        return self._preamble + "".join(part.text() for part, _ in self._known)

    def correct(self, runs: Sequence[results.Run], cases: Collection[str]) -> None:
        for difference in self.differences(runs):
            self._correct_exact(difference)
        for run in runs:
            self._drop_patterns(run, cases)
        self._add(self.differences(runs))

    def _correct_exact(self, difference: Difference) -> None:
        """Change the table that has this very case, or take the case out of it."""
        case, subject = difference.result["case"], Subject.of(difference.run)
        expected = self._baseline.decides(subject, case)
        if expected is None or case not in expected.cases or expected.allows(difference.result):
            return
        at = next(number for number, (_, known) in enumerate(self._known) if known is expected)
        part = self._known[at][0]
        others = not subject.names.issuperset(expected.backends)
        alone = not others and expected.cases == (case,)
        if alone and is_expected(difference.result) and not difference.result["flaky"]:
            self._remove(at)
            return
        if alone:
            _expect(part.table, difference.result, expected)
        elif not others:
            _take_out(part.table, "case", {case})
        else:
            if expected.cases != (case,):  # the other cases of this backend get a table of their own
                copy = replace(part, document=tomlkit.parse(tomlkit.dumps(part.document)))
                part.rest = "\n"
                copy.table["backend"] = _one_or_more([name for name in expected.backends if name in subject.names])
                _take_out(copy.table, "case", {case})
                self._known.insert(at + 1, (copy, baselines.expectation(self._path, copy)))
            _take_out(part.table, "backend", subject.names)
        self._known[at] = (part, baselines.expectation(self._path, part))

    def _drop_patterns(self, run: results.Run, cases: Collection[str]) -> None:
        """Drop tables of patterns that expect nothing any more: every case that they decide about went well."""
        baseline, subject = self._baseline, Subject.of(run)
        decided: dict[int, list[results.Result]] = {}
        for result in run["results"]:
            if (expected := baseline.decides(subject, result["case"])) is not None:
                decided.setdefault(id(expected), []).append(result)
        tried = {result["case"] for result in run["results"]}
        for at, (part, expected) in reversed(list(enumerate(self._known))):
            about = decided.get(id(expected), [])
            if not about or any(expected.allows(result) or not is_expected(result) for result in about):
                continue
            if any(case not in tried and any(baselines.fits(name, case) for name in expected.cases) for case in cases):
                continue
            if subject.names.issuperset(expected.backends):
                self._remove(at)
            else:
                _take_out(part.table, "backend", subject.names)
                self._known[at] = (part, baselines.expectation(self._path, part))

    def _remove(self, at: int) -> None:
        """Remove a table and the comment right above it; other comments stay."""
        part, _ = self._known.pop(at)
        rest = part.rest.lstrip("\n")
        if at:
            self._known[at - 1][0].rest += rest
        else:
            self._preamble += rest

    def _add(self, differences: Sequence[Difference]) -> None:
        """Add tables at the end: cases of one behaviour that went alike share one."""

        def alike(difference: Difference) -> tuple[Any, ...]:
            run, result = difference.run, difference.result
            left = "clean" if result["verdict"] in LOST else result["cleanup"]
            conditions = self._conditions(run, result["case"])
            return results.title(run), result["behaviour"], result["verdict"], left, tuple(conditions.items())

        for (backend, _, verdict, left, conditions), group in itertools.groupby(differences, alike):
            cases = [difference.result["case"] for difference in group]
            table = tomlkit.table()
            table["backend"] = backend
            table["case"] = _one_or_more(cases)
            table["verdict"] = verdict
            if left != "clean":
                table["cleanup"] = left
            if conditions:
                table["when"] = tomlkit.inline_table()
                table["when"].update(dict(conditions))
            table["reason"] = ""
            document = tomlkit.document()
            document[TABLE] = tomlkit.aot()
            document[TABLE].append(table)
            self._end_with_blank_line()
            part = Part(0, "", document, "")
            self._known.append((part, baselines.expectation(self._path, part)))

    def _conditions(self, run: results.Run, case: str) -> dict[str, str]:
        """The conditions that tell this run from those for which the file has the case already."""
        here = {
            "platform": run["platform"],
            "python": f"=={'.'.join(run['python'].split('.')[:2])}.*",
            "version": f"=={run['version']}",
        }
        names = Subject.of(run).names
        others = [e for _, e in self._known if case in e.cases and not names.isdisjoint(e.backends)]
        return {key: here[key] for key in here if any(key in expected.when for expected in others)}

    def _end_with_blank_line(self) -> None:
        text = self.text()
        missing = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        if self._known:
            self._known[-1][0].rest += missing
        else:
            self._preamble += missing


def _expect(table: Any, result: results.Result, expected: Expectation) -> None:
    verdicts = [*expected.verdicts, result["verdict"]] if result["flaky"] else [result["verdict"]]
    if result["verdict"] not in expected.verdicts:
        table["verdict"] = _one_or_more(list(dict.fromkeys(verdicts)))
    if result["verdict"] in LOST or any(baselines.fits(name, result["cleanup"]) for name in expected.cleanups):
        return
    if result["cleanup"] != "clean":
        table["cleanup"] = result["cleanup"]
    else:
        table.remove("cleanup")


def _take_out(table: Any, key: str, names: Iterable[str]) -> None:
    for name in set(names) & set(table[key]):
        table[key].remove(name)


def _one_or_more(texts: Sequence[str]) -> Any:
    if len(texts) == 1:
        return texts[0]
    array = tomlkit.array()
    array.extend(texts)
    return array.multiline(sum(map(len, texts)) > 80)


def _newline(path: Path) -> str:
    """How the lines of a file end."""
    with path.open("rb") as file:
        return "\r\n" if file.readline().endswith(b"\r\n") else "\n"
