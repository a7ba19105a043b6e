"""A project's tests in an environment of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import venv
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .recipes import Project

PER_TEST = 20  # seconds, before it counts as a hang
ROOT = Path(__file__).parents[2]
TOOLS = ("pytest>=8.4,<10", "pytest-timeout>=2.4")


class RunError(Exception):
    """A project could not be installed, or its tests could not be run; the text is for a person."""


@dataclass(frozen=True)
class Failure:
    """How a test failed.

    Args:
        error: the exception, in a line.
        limit: the id of the documented limit that it shows, if it does.
    """

    error: str
    limit: str | None = None


@dataclass(frozen=True)
class Tests:
    """What a run of tests said.

    A failed fixture is a failure too. What was skipped, or was expected to fail, is in neither.

    Args:
        passed: names of those that passed.
        failed: of those that failed, with how they did.
        skipped: how many were not run.
        again: those of the passed that failed at first.
    """

    passed: frozenset[str]
    failed: Mapping[str, Failure]
    skipped: int
    again: frozenset[str] = frozenset()


def our_wheel(into: Path) -> Path:
    """Build everyloop, and return the wheel.

    Raises:
        RunError: it cannot be built.
    """
    _call([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(into), str(ROOT)], into)
    return next(into.glob("everyloop-*.whl"))


def installed(project: Project, wheel: Path, into: Path) -> Path:
    """Install a project from its sdist, with its tests' needs and everyloop, unless it is there; return its folder.

    Raises:
        RunError: the index does not have it, or it cannot be installed.
    """
    home = into / f"{project.name}-{project.version}"
    pip = [str(_program(home, "python")), "-m", "pip", "--disable-pip-version-check"]
    ready = home / "ready"
    if not ready.exists():
        home.mkdir(exist_ok=True)
        venv.create(home / "venv", with_pip=True, clear=True)
        named = f"{project.name}=={project.version}"
        _call([*pip, "download", "-q", "--no-deps", "--no-binary", project.name, "-d", str(home), named], home)
        with tarfile.open(next(home.glob("*.tar.gz"))) as archive:
            archive.extractall(home / "sdist", filter="data")
        _call([*pip, "install", "-q", str(_source(home)), *TOOLS, *project.requires, str(wheel)], home)
        ready.touch()
    else:
        _call([*pip, "install", "-q", "--no-deps", "--force-reinstall", str(wheel)], home)
    return home


def tests(project: Project, home: Path, backend: str | None, timeout: float) -> Tests:
    """Run a project's tests, on a backend or without everyloop, and those that failed a second time.

    Args:
        project: whose tests.
        home: its folder.
        backend: its name; None: this machine's own asyncio.
        timeout: seconds for all of them.

    Raises:
        RunError: they ended in another way than with a report.
    """
    until = time.monotonic() + timeout
    first = _run(project, home, backend, timeout, "")
    if not first.failed:
        return first
    second = _run(project, home, backend, max(until - time.monotonic(), PER_TEST), "-again", "--last-failed")
    again = second.passed & first.failed.keys()
    failed = {name: failure for name, failure in first.failed.items() if name not in again}
    return Tests(first.passed | again, failed, first.skipped, again)


def _run(project: Project, home: Path, backend: str | None, timeout: float, suffix: str, *options: str) -> Tests:
    name = backend or "native"
    report, output = home / f"{name}{suffix}.xml", home / f"{name}{suffix}.txt"
    report.unlink(missing_ok=True)
    ours = ["-p", "no:everyloop"]
    if backend is not None:
        ours = ["--everyloop", backend, *(f"--everyloop-impersonate={package}" for package in project.sees)]
    settings = {"cache_dir": home / "cache" / name, "junit_family": "xunit1", "timeout": PER_TEST}
    common = [f"--junitxml={report}", *(f"-o{setting}={value}" for setting, value in settings.items())]
    arguments = [str(_program(home, "pytest")), *project.arguments, *common, *options, *ours]
    status = _bounded(arguments, _source(home), output, timeout)
    if status not in (0, 1) or not report.exists():
        end = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise RunError(f"{project.name} on {backend or 'this machine'}: pytest ended with {status}: {' | '.join(end)}")
    return read(report, backend)


def read(report: Path, backend: str | None = None) -> Tests:
    """Return what a JUnit report says; a test on a backend has the name that it has without."""
    passed: set[str] = set()
    failed: dict[str, Failure] = {}
    skipped = 0
    for case in ET.parse(report).iter("testcase"):
        name = _native(f"{case.get('classname', '')}::{case.get('name', '')}", backend)
        wrong = next((part for kind in ("failure", "error") for part in case.iter(kind)), None)
        if wrong is not None:
            limits = (part.get("value") for part in case.iter("property") if part.get("name") == "everyloop_limit")
            failed[name] = Failure(_line(wrong), next(limits, None))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed.add(name)
    return Tests(frozenset(passed.difference(failed)), failed, skipped)


def _native(name: str, backend: str | None) -> str:
    return name.replace(f"[{backend}]", "").replace(f"-{backend}]", "]")


def _line(wrong: ET.Element) -> str:
    lines = (wrong.get("message") or wrong.text or "").strip().splitlines()
    return lines[0].strip() if lines else "no message"


def alike(error: str) -> str:
    """Return an exception's line without what differs from run to run: numbers of objects, ports, folders."""
    return re.sub(r"0x[0-9a-f]+|\d{4,}|/tmp/\S+", "…", error)[:160]


def _bounded(arguments: Sequence[str], folder: Path, output: Path, timeout: float) -> int | None:
    with output.open("wb") as file:
        process = subprocess.Popen(
            arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=_plain(), process_group=0
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # programs that tests have left behind, too
            process.wait()


def _call(arguments: Sequence[str], folder: Path) -> None:
    ended = subprocess.run(arguments, cwd=folder, env=_plain(), capture_output=True, text=True, errors="replace")
    if ended.returncode:
        end = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
        raise RunError(f"{' '.join(arguments[1:5])} …: {' | '.join(end)}")


def _plain() -> dict[str, str]:
    """The environment without what would change how pytest runs."""
    return {name: value for name, value in os.environ.items() if name not in {"EVERYLOOP", "PYTEST_ADDOPTS"}}


def _program(home: Path, name: str) -> Path:
    return home / "venv" / "bin" / name


def _source(home: Path) -> Path:
    return next(folder for folder in (home / "sdist").iterdir() if folder.is_dir())
