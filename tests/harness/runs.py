"""Running the command line as a user does: in a process of its own, and looking at what it left behind.

Every run is marked by a variable in its environment, which all its processes inherit, daemons too: so those that
outlive it are found, whatever they did to hide.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import psutil
from everyloop.harness import results

TESTS = Path(__file__).resolve().parents[1]
"""The folder that makes ``canaries`` importable."""
MARK = "EVERYLOOP_TEST_RUN"
PATIENCE = 60.0
"""Seconds a run may take at the utmost: only what hangs for ever takes longer, even on a loaded machine."""

Verdicts = dict[str, tuple[str, str]]
"""Verdict and cleanup by case."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended: what it said, and how long that took."""

    status: int
    stdout: str
    stderr: str
    seconds: float


class Commands:
    """Runs ``everyloop`` in a folder of the test's own.

    Attributes:
        document: where :meth:`judge` lets the results be written.
        journal: where they are while the run lasts.
        temporary: the folder for temporary files of the runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document = folder / "out.json"
        self.journal = folder / "out.json.journal"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._mark = uuid.uuid4().hex

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        import_path: Sequence[Path] = (),
        script: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start a command.

        Args:
            arguments: those of everyloop.
            env: what to change in the environment.
            import_path: more folders for imports.
            script: lines for a shell, in which ``{}`` stands for the command.
            options: those of :class:`subprocess.Popen`.
        """
        given: dict[str, Any] = {
            "cwd": self.folder,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "encoding": "utf-8",
            "errors": "replace",
        }
        command = [sys.executable, "-m", "everyloop.harness", *arguments]
        if script is not None:
            command = ["sh", "-c", script.format(shlex.join(command))]
        return subprocess.Popen(command, env={**self.environment(import_path), **(env or {})}, **(given | options))

    def environment(self, import_path: Sequence[Path] = ()) -> dict[str, str]:
        """Return the environment of a command, with more folders for imports."""
        places = [*map(str, import_path), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVERYLOOP")}
        return environment | {"PYTHONPATH": os.pathsep.join(places), "TMPDIR": str(self.temporary), MARK: self._mark}

    def run(self, *arguments: str, **options: Any) -> Ended:
        """Run a command to its end. It must leave no process and no temporary file, whatever it did."""
        started = time.monotonic()
        with self.start(*arguments, **options) as process:
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE)
            except BaseException:
                process.kill()
                raise
        seconds = time.monotonic() - started
        self.nothing_is_left()
        return Ended(process.returncode, stdout or "", stderr or "", seconds)

    def judge(self, *arguments: str, **options: Any) -> Ended:
        """Run ``everyloop run --json`` to its end."""
        return self.run("run", "--json", str(self.document), *arguments, **options)

    def runs(self) -> dict[str, results.Run]:
        """Return the runs of the document by backend; it keeps to the schema."""
        document = results.read(self.document)
        jsonschema.validate(document, results.json_schema())
        return {run["backend"]: run for run in document["runs"]}

    def processes(self) -> list[psutil.Process]:
        """Every process of these runs that lives."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def nothing_is_left(self) -> None:
        """Fail if there is a process, a journal or a temporary file."""
        assert not self.processes()
        assert not self.journal.exists()
        assert not list(self.temporary.iterdir())

    def nobody_is_left(self) -> None:
        """Wait until the last process has gone: the kernel does not end all of them at the same instant."""
        wait_until(lambda: not self.processes())


def by_case(run: results.Run) -> dict[str, results.Result]:
    """Return the results of a run by case; each must be there once."""
    found = {result["case"]: result for result in run["results"]}
    assert len(found) == len(run["results"])
    return found


def verdicts(run: results.Run) -> Verdicts:
    """Return the verdicts of a run, and whether it was left clean."""
    return {case: (result["verdict"], result["cleanup"]) for case, result in by_case(run).items()}


def wait_until(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something happened in another process."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.01)
