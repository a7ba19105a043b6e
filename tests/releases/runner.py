"""Run the cases of a pair on both of its releases."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from everyloop.harness import results

from . import environments
from .pairs import Pair

ABSENT = "absent"


class RunError(Exception):
    """A run gave no results; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What the suite says about both releases of a pair.

    Attributes:
        before: verdicts of the release with the bug, by case.
        fixed: those of the release without it.
    """

    pair: Pair
    before: Mapping[str, str]
    fixed: Mapping[str, str]

    @property
    def told_apart(self) -> bool:
        """Whether every case has a verdict that the pair expects before the fix, and passes with it."""
        return all(self.before[case] in self.pair.verdicts and self.fixed[case] == "pass" for case in self.pair.cases)


def judge(pair: Pair, folder: Path, timeout: float) -> Outcome:
    """Judge a pair, with environments in a folder.

    Args:
        pair: the pair.
        folder: where the environments are, or are made.
        timeout: seconds after which a case hangs.

    Raises:
        EnvironmentError: one of the releases cannot be installed.
        RunError: one of the runs gave no results.
    """
    return Outcome(pair, *(_verdicts(pair, version, folder, timeout) for version in (pair.before, pair.fixed)))


def _verdicts(pair: Pair, version: str, folder: Path, timeout: float) -> dict[str, str]:
    python = environments.make(folder, pair.python, [f"{pair.package}=={version}", *pair.beside])
    functions = dict.fromkeys(case.partition("::")[2].partition("[")[0] for case in pair.cases)
    with tempfile.TemporaryDirectory() as empty:
        document = Path(empty, "results.json")
        options = ["--quiet", "-n", "1", "--timeout", str(timeout), "-k", " or ".join(functions)]
        done = subprocess.run(
            [python, "-m", "everyloop.harness", "run", pair.backend, "--json", document, *options],
            cwd=empty,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in {0, 1}:
            raise RunError(f"{pair.package} {version}: {done.stderr.strip()}")
        (run,) = results.read(document)["runs"]
    if run["version"] != version:
        raise RunError(f"{pair.backend} is {run['version']}, not {version}")
    found = {result["case"]: result for result in run["results"]}
    return {case: _verdict(found.get(case)) for case in pair.cases}


def _verdict(result: results.Result | None) -> str:
    if result is None:
        return ABSENT
    return "flaky" if result["flaky"] else result["verdict"]
