"""What is asked for: by a command of the places where it has cases run, by a run of the processes that it starts."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "EVERYLOOP_WORKER"
"""The environment variable that holds a process' :class:`Selection` and, for a worker, its :class:`Assignment`."""


@dataclass(frozen=True)
class Selection:
    """Which cases to run, as on the command line.

    Attributes:
        shard: which part, from 1, of how many of what the rest selects; None: all of it.
    """

    keyword: str = ""
    areas: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Selection:
        """Return the one that :func:`dataclasses.asdict` and JSON made this of."""
        shard = told["shard"]
        return cls(
            told["keyword"],
            tuple(told["areas"]),
            tuple(told["levels"]),
            None if shard is None else (shard[0], shard[1]),
        )


@dataclass(frozen=True)
class Effort:
    """How far property-based cases go.

    Attributes:
        seconds: how long each explores; 0: it does not.
        seed: the first seed of an exploration.
    """

    seconds: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Equipment:
    """What a command wants of every place where it has cases run.

    Attributes:
        names: the backends; none: those that are installed there.
        workers: how many run cases at the same time; None: as many as there are CPUs for us.
        timeout: seconds a case may take.
        selection: which cases.
        with_cases: whether to find out the ids of all cases that there are.
    """

    names: tuple[str, ...]
    workers: int | None
    timeout: float
    selection: Selection
    with_cases: bool = False


@dataclass(frozen=True)
class Assignment:
    """What a worker is told: where its run listens, what it is to run, and in which folder it lives."""

    port: int
    token: str
    serial: int
    backend: str
    timeout: float
    start_within: float
    folder: str
    import_path: str

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))


def orders(selection: Selection, assignment: Assignment | None) -> str:
    """Return what a process is told in :data:`VARIABLE`; one without assignment is a template."""
    return json.dumps([asdict(selection), asdict(assignment) if assignment else None])


def received() -> tuple[Selection, Assignment | None]:
    """Take this process' orders out of its environment: nothing that it starts shall find them there."""
    selected, assigned = json.loads(os.environ.pop(VARIABLE))
    return Selection.of(selected), Assignment(**assigned) if assigned else None
