"""What every report is made of: runs, how each result stands, and what to hold them against."""

from __future__ import annotations

import collections
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from .. import results
from ..baselines import Baseline, Expectation, Subject
from ..escaping import line
from ..judging import GOOD, VERDICTS
from ..probing import Column
from ..results import Result, Run
from ..running import is_expected

Standing: TypeAlias = Literal["good", "explained", "known", "news"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
"""As promised; not so, but a documented limit says why; not so, but the baseline expects it; not as expected."""

_TRIED = ("pass", "fail", "deviation", "unsupported", "crash", "hang")
_LOST = frozenset({"crash", "hang"})
COUNTED = (*VERDICTS, "unclean", "flaky")
"""What is counted of a run, in the order in which people see it everywhere."""
_OPERAND = re.compile(r"[\w:+\-.\[\]\\/]+")
"""What an operand of ``pytest -k`` may be made of."""


@dataclass(frozen=True)
class Judged:
    """A result and how it stands.

    Attributes:
        expected: what the baseline says of it; None: nothing.
    """

    run: Run
    result: Result
    standing: Standing
    expected: Expectation | None = None

    @property
    def is_unclean(self) -> bool:
        """Whether it left something behind; after a crash or a hang, nobody can say."""
        return self.result["cleanup"] != "clean" and self.result["verdict"] not in _LOST


@dataclass(frozen=True)
class Content:
    """Everything that reports are made from.

    Attributes:
        runs: the results, a column each.
        baseline: what is expected of them; None: that all is as promised.
        earlier: the runs of an earlier document, to say what changed since; None: there is none.
        probes: measurements of the platform-support table.
    """

    runs: Sequence[Run]
    baseline: Baseline | None = None
    earlier: Sequence[Run] | None = None
    probes: Sequence[Column] = ()

    def judged(self, run: Run) -> Iterator[Judged]:
        """Yield the results of a run with how they stand."""
        subject = Subject.of(run)
        for result in run["results"]:
            expected = None if self.baseline is None else self.baseline.decides(subject, result["case"])
            yield Judged(run, result, _standing(result, expected), expected)


def _standing(result: Result, expected: Expectation | None) -> Standing:
    good = result["verdict"] in GOOD and result["cleanup"] == "clean"
    if not (is_expected(result) if expected is None else expected.allows(result)):
        return "news"
    if good:
        return "good"
    return "explained" if expected is None else "known"


@dataclass(frozen=True)
class Score:
    """How much of what is promised a loop keeps.

    Attributes:
        kept: how many cases passed.
        tried: how many could have: without those that are implementation-defined, that could not be tried, and whose
            verdict a documented limit explains.
    """

    kept: int
    tried: int

    def __str__(self) -> str:
        """In percent, never rounded up to all."""
        if not self.tried:
            return "-"
        return f"{int(1000 * self.kept / self.tried) / 10:g}%"


def score(found: Iterable[Result]) -> Score:
    """Return the score of results."""
    count = collections.Counter(result["verdict"] for result in found if result["limit"] is None)
    return Score(count["pass"], sum(count[verdict] for verdict in _TRIED))


def counted(judged: Iterable[Judged]) -> dict[str, int]:
    """Count verdicts, and the marks beside them; no zeros."""
    found: collections.Counter[str] = collections.Counter()
    for one in judged:
        found[one.result["verdict"]] += 1
        found["unclean"] += one.is_unclean
        found["flaky"] += one.result["flaky"]
    return {name: found[name] for name in COUNTED if found[name]}


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Return runs with those of a backend together, and with those of a version and platform together within."""
    names = list(dict.fromkeys(map(results.title, runs)))

    def key(run: Run) -> tuple[object, ...]:
        by_version = (
            [run["platform"], natural(run["version"])] if run["version"] != run["python"] else [run["platform"]]
        )
        return names.index(results.title(run)), *by_version, natural(run["python"]), run["started"]

    return sorted(runs, key=key)


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in a text by what they are: 3.9 comes before 3.13."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if number % 2 else (-1, part) for number, part in enumerate(parts)]


def command(run: Run, case: str) -> str:
    """Return the command that runs a case again, on the same backend."""
    return f"{run_again(run)} {selecting(case)}"


def run_again(run: Run) -> str:
    """Return the command that runs a backend again."""
    return f"everyloop run {shlex.quote(line(results.title(run)))}"


def selecting(case: str) -> str:
    """Return the options that select a case, and others only if pytest cannot tell them apart by ``-k``."""
    words = [word for word in _OPERAND.findall(case.replace("::", " ")) if re.search(r"\w", word)]
    words = [word for word in dict.fromkeys(words) if word not in {"and", "or", "not"}]
    return f"-v -k {shlex.quote(' and '.join(words))}"
