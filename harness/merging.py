"""Merging: the runs of several documents in one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from . import results
from .documents import DocumentError
from .results import Run

_OTHERWISE = {"duration", "incomplete", "results"}
"""What two records of the same run may have different: one may be of a time when it was not over."""


def read_all(paths: Iterable[Path]) -> list[Run]:
    """Return the runs of all these files, in their order.

    Runs that began in the same second of the same day on machines that look alike are the same run if they have a case
    in common, or none at all. Without one they are shares of a run.

    Raises:
        DocumentError: one of them is no document, or two have the same run.
    """
    found: list[Run] = []
    seen: dict[str, list[tuple[Path, frozenset[str]]]] = {}
    for path in paths:
        for run in results.read(path)["runs"]:
            identity = json.dumps({key: value for key, value in run.items() if key not in _OTHERWISE}, sort_keys=True)
            cases = frozenset(result["case"] for result in run["results"])
            for other, others in seen.setdefault(identity, []):
                if cases & others or not cases or not others:
                    raise DocumentError(
                        f"{path} and {other} have the same run: {results.label(run)}, begun {run['started']}"
                    )
            seen[identity].append((path, cases))
            found.append(run)
    return found
