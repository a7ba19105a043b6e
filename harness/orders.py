"""What a process is told that the run starts: which cases, and, for one that executes them, where and how."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "EVERYLOOP_WORKER"
"""The environment variable that holds a process' :class:`Selection` and, for a worker, its :class:`Assignment`."""


@dataclass(frozen=True)
class Selection:
    """Which cases to run, as on the command line."""

    keyword: str = ""
    areas: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()


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
    selection = Selection(selected["keyword"], tuple(selected["areas"]), tuple(selected["levels"]))
    return selection, Assignment(**assigned) if assigned else None
