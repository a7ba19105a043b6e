"""Merging: the runs of several documents in one, and the shards of a run in one run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import results, sharding
from .documents import DocumentError
from .results import Run

_OTHERWISE = {"duration", "incomplete", "results"}
"""What two records of the same run may have different: one may be of a time when it was not over."""
_OF_A_SHARD = _OTHERWISE | {"started", "host", "gateways", "shard"}
"""What two shards of a run may have different: when and where they ran."""
_NAMED = 5  # missing shards, in a line


@dataclass(frozen=True)
class _Found:
    """A run, and where it was found: in which file, written by which version of everyloop."""

    path: Path
    version: str
    run: Run

    def identity(self, but: set[str]) -> str:
        """What a run shares with those that it belongs to."""
        return json.dumps({key: value for key, value in self.run.items() if key not in but}, sort_keys=True)


def read_all(paths: Iterable[Path]) -> list[Run]:
    """Return the runs of all these files, in their order; all shards of a run are that run.

    Runs that began in the same second of the same day on machines that look alike are the same run if they have a case
    in common, or none at all. Without one they are shares of a run. Shards belong together if they are of the same
    cases, on the same loop, Python and platform, whenever that was.

    Raises:
        DocumentError: one of them is no document, two have the same run or the same shard, or shards make no whole.
    """
    found: list[_Found] = []
    for path in paths:
        document = results.read(path)
        found += [_Found(path, document["everyloop"], run) for run in document["runs"]]
    _refuse_the_same_twice([one for one in found if "shard" not in one.run])
    whole: dict[int, Run] = {}
    for shards in _together(found):
        if len(shards) == shards[0].run["shard"]["of"]:
            folded = _fold(shards)
            whole |= {id(one.run): folded for one in shards}
    runs = [whole.get(id(one.run), one.run) for one in found]
    return list({id(run): run for run in runs}.values())


def missing_shards(runs: Iterable[Run]) -> list[str]:
    """Return a line for each run of which some shards are there, but not all."""
    there: dict[tuple[str, str], dict[int, Run]] = {}
    for run in runs:
        if "shard" in run:
            there.setdefault((results.label_of_whole(run), run["shard"]["whole"]), {})[run["shard"]["number"]] = run
    lines = []
    for (label, _), shards in there.items():
        of = max(run["shard"]["of"] for run in shards.values())
        missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in shards]
        few = missing if len(missing) <= _NAMED else [*missing[:_NAMED], f"{len(missing) - _NAMED} more"]
        lines.append(f"{label}: shard {', '.join(few)} is missing, so the others are not joined")
    return lines


def _refuse_the_same_twice(found: Iterable[_Found]) -> None:
    seen: dict[str, list[tuple[Path, frozenset[str]]]] = {}
    for one in found:
        identity = one.identity(_OTHERWISE)
        cases = frozenset(result["case"] for result in one.run["results"])
        for other, others in seen.setdefault(identity, []):
            if cases & others or not cases or not others:
                what = f"{results.label(one.run)}, begun {one.run['started']}"
                raise DocumentError(f"{one.path} and {other} have the same run: {what}")
        seen[identity].append((one.path, cases))


def _together(found: Iterable[_Found]) -> list[list[_Found]]:
    """Return the shards that belong together, in their order.

    Raises:
        DocumentError: two are the same.
    """
    by_whole: dict[object, dict[int, _Found]] = {}
    for one in found:
        if "shard" not in one.run:
            continue
        shard = one.run["shard"]
        key = (one.version, one.identity(_OF_A_SHARD), shard["of"], shard["cases"], shard["whole"])
        shards = by_whole.setdefault(key, {})
        if shard["number"] in shards:
            other = shards[shard["number"]].path
            raise DocumentError(f"{one.path} and {other} have the same shard: {results.label(one.run)}")
        shards[shard["number"]] = one
    return [[shards[number] for number in sorted(shards)] for shards in by_whole.values()]


def _fold(shards: list[_Found]) -> Run:
    """Make one run of all its shards.

    Raises:
        DocumentError: their cases are not those of the whole.
    """
    runs = [one.run for one in shards]
    together = sharding.joined([run["results"] for run in runs])
    incomplete = any(run.get("incomplete") for run in runs)
    cases = [result["case"] for result in together]
    if not incomplete and sharding.digest(cases) != runs[0]["shard"]["whole"]:
        raise DocumentError(f"{shards[0].path}: with its other shards it has not the cases of the whole")
    folded: Run = {
        **runs[0],
        "host": ", ".join(dict.fromkeys(run["host"] for run in runs)),
        "started": min(run["started"] for run in runs),
        "duration": round(sum(run["duration"] for run in runs), 3),
        "results": together,
    }
    del folded["shard"]
    if gateways := list(dict.fromkeys(gateway for run in runs for gateway in run.get("gateways", []))):
        folded["gateways"] = gateways
    if incomplete:
        folded["incomplete"] = True
    return folded
