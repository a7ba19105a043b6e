"""Comparing: which runs of two documents belong together, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import results
from .results import Result, Run


@dataclass(frozen=True)
class Change:
    """A case that two runs do not judge alike; None: a run does not have it."""

    before: Result | None
    after: Result | None

    @property
    def result(self) -> Result:
        """What the later run says of the case, or else the earlier one."""
        found = self.after if self.after is not None else self.before
        assert found is not None
        return found


@dataclass(frozen=True)
class Pair:
    """Two runs to be compared."""

    before: Run
    after: Run

    def changes(self) -> Iterator[Change]:
        """Yield what differs, in the order of the earlier run; what only the later one has comes last."""
        for before, after in self.cases():
            if before is None or after is None or not alike(before, after):
                yield Change(before, after)

    def cases(self) -> Iterator[tuple[Result | None, Result | None]]:
        """Yield what both say of each case."""
        after = {result["case"]: result for result in self.after["results"]}
        for result in self.before["results"]:
            yield result, after.pop(result["case"], None)
        for result in after.values():
            yield None, result


@dataclass(frozen=True)
class Comparison:
    """Two documents side by side.

    Attributes:
        pairs: the runs that belong together.
        only_before: those that only the earlier document has.
        only_after: those that only the later one has.
    """

    pairs: Sequence[Pair]
    only_before: Sequence[Run]
    only_after: Sequence[Run]


def alike(before: Result, after: Result) -> bool:
    """Whether two results say the same: the words of a detail differ from run to run, the verdict must not."""
    return (before["verdict"], before["cleanup"]) == (after["verdict"], after["cleanup"])


def said(result: Result | None) -> str:
    """What a run says of a case, in a few words."""
    if result is None:
        return "absent"
    left = "" if result["cleanup"] == "clean" else f", left with {result['cleanup']}"
    return f"{result['verdict']}{' (flaky)' if result['flaky'] else ''}{left}"


def compare(before: Iterable[Run], after: Iterable[Run]) -> Comparison:
    """Find the runs that belong together: those most alike first.

    Two runs of a backend belong together if they ran on the same platform and Python; else on the same platform; else
    wherever. If either document has a single run left then, those are compared, whatever they are about.
    """
    left, right = list(before), list(after)
    pairs: list[Pair] = []
    for key in _KEYS:
        for run in list(left):
            match = next((other for other in right if key(other) == key(run)), None)
            if match is not None:
                pairs.append(Pair(run, match))
                left = [other for other in left if other is not run]
                right = [other for other in right if other is not match]
    if not pairs and len(left) == len(right) == 1:
        return Comparison([Pair(left[0], right[0])], (), ())
    return Comparison(pairs, left, right)


def minor(run: Run) -> str:
    """The version of Python without the last number: ``3.13``."""
    return ".".join(run["python"].split(".")[:2])


_KEYS: tuple[Callable[[Run], object], ...] = (
    lambda run: (results.title(run), run["platform"], run["python"], run["version"]),
    lambda run: (results.title(run), run["platform"], run["python"]),
    lambda run: (results.title(run), run["platform"], minor(run)),
    lambda run: (results.title(run), run["platform"]),
    results.title,
)
