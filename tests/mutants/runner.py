"""Run the conformance suite on mutants, each only over its areas, beside the loop that none of them is: CPython's."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from everyloop.harness import results

from .declare import MUTANTS, Mutant

CONTROL = "asyncio"
BROKEN = frozenset({"fail", "deviation", "unsupported", "crash", "hang"})
ROOT = Path(__file__).resolve().parents[2]
"""The folder that makes ``tests`` importable."""


class RunError(Exception):
    """The run of some mutants gave no results; the text says why."""


@dataclass(frozen=True)
class Evidence:
    """A case that a mutant fails, or leaves unclean, and the unbroken loop does not."""

    case: str
    verdict: str
    cleanup: str

    def __str__(self) -> str:
        return f"{self.case} ({self.verdict if self.verdict in BROKEN else self.cleanup})"


@dataclass(frozen=True)
class Outcome:
    """What the suite found out about a mutant: no evidence means that it survived.

    Attributes:
        seconds: how long its cases took.
    """

    mutant: Mutant
    evidence: tuple[Evidence, ...]
    seconds: float


def mutants() -> list[Mutant]:
    """Every mutant there is, in order of their modules."""
    for entry in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if entry.name != "__main__":
            importlib.import_module(f".{entry.name}", __package__)
    return sorted(MUTANTS, key=lambda mutant: mutant.backend.partition(":")[0])


def judge(chosen: Iterable[Mutant], *, workers: int = 2, timeout: float = 3.0, keyword: str = "") -> Iterator[Outcome]:
    """Judge mutants, those with the same areas in one run.

    Args:
        chosen: the mutants.
        workers: processes that run cases at the same time.
        timeout: seconds after which a case hangs: a mutant may hang in many.
        keyword: only cases that match, as in pytest -k.
    """

    def areas(mutant: Mutant) -> tuple[str, ...]:
        return mutant.areas

    for where, group in itertools.groupby(sorted(chosen, key=areas), key=areas):
        options = ["-n", str(workers), "--timeout", str(timeout), "-k", keyword, "--level", "should"]
        yield from _judge_group(list(group), [*options, *(f"--area={area}" for area in where)])


def _judge_group(group: Sequence[Mutant], options: Sequence[str]) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder, "results.json")
        backends = [CONTROL, *(mutant.backend for mutant in group)]
        done = subprocess.run(
            [sys.executable, "-m", "everyloop.harness", "run", *backends, "--quiet", "--json", document, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in {0, 1} or not document.exists():
            raise RunError(done.stderr.strip())
        found: results.Document = json.loads(document.read_text(encoding="utf-8"))
    runs = {run["backend"]: run for run in found["runs"]}
    sane = {result["case"] for result in runs[CONTROL]["results"] if not _is_broken(result)}
    for mutant in group:
        run = runs[mutant.backend]
        evidence = tuple(
            Evidence(result["case"], result["verdict"], result["cleanup"])
            for result in run["results"]
            if result["case"] in sane and _is_broken(result)
        )
        yield Outcome(mutant, evidence, run["duration"])


def _is_broken(result: results.Result) -> bool:
    """Whether a result speaks against a loop: `error` does not, for the unbroken one is no better there."""
    if result["verdict"] == "error":
        return False
    return result["verdict"] in BROKEN or result["cleanup"] != "clean"


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write outcomes as a JSON document: a list of objects, one a mutant."""
    table = [
        {
            "mutant": outcome.mutant.backend,
            "areas": list(outcome.mutant.areas),
            "bug": outcome.mutant.bug,
            "source": outcome.mutant.source,
            "caught": bool(outcome.evidence),
            "by": [vars(evidence) for evidence in outcome.evidence],
            "seconds": outcome.seconds,
        }
        for outcome in outcomes
    ]
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
