"""What all tests share: everyloop and Python as commands, in processes and folders of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pytest
from everyloop.harness import results

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("harness", "conformance", "fake_selectors")
PATIENCE = 120.0
"""Seconds a command may take: a hundred times what it needs, for machines that are busy."""

Completed: TypeAlias = "subprocess.CompletedProcess[str]"
Command: TypeAlias = Callable[..., Completed]


def neutral(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of a command: neither in CI nor in another pytest, apart from the changes asked for."""
    ours = ("PYTEST", "PYTHON", "CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "EVERYLOOP")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {name: value for name, value in changes.items() if value is not None}
    return {name: value for name, value in environment.items() if changes.get(name, "") is not None}


def pytest_configure() -> None:
    """Take SIGINT as a terminal gives it: what a shell starts with ``&`` ignores it, and so would all that we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture
def python(tmp_path: Path) -> Command:
    """Run Python with arguments in an empty folder; `env` changes its environment (None removes)."""

    def run(
        *arguments: object,
        cwd: Path = tmp_path,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
        program: str = sys.executable,
    ) -> Completed:
        return subprocess.run(
            [program, *map(str, arguments)],
            cwd=cwd,
            env=neutral(env or {}),
            input=stdin,
            text=True,
            errors="surrogateescape",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def program() -> str:
    """The path of the installed command."""
    found = shutil.which("everyloop", path=sysconfig.get_path("scripts"))
    assert found is not None, "everyloop is not installed beside this Python"
    return found


@pytest.fixture
def cli(python: Command, program: str) -> Command:
    """Run everyloop with arguments in an empty folder."""

    def run(*arguments: object, **options: Any) -> Completed:
        return python(*arguments, program=program, **options)

    return run


@pytest.fixture(scope="session")
def read_document() -> Callable[[Path], results.Document]:
    """Read a results document, once it is proved to be one."""

    def read(path: Path) -> results.Document:
        content: results.Document = json.loads(path.read_text(encoding="utf-8"))
        schema = results.json_schema()
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        validator.validate(content)
        return content

    return read


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of everyloop, built from a copy of the source; pytest-xdist's workers share one."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / "wheel"
    if not kept.exists():
        folder = tmp_path_factory.mktemp("build")
        source = folder / "source"
        for name in PACKAGES:
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "LICENSE", "README.md"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, source)
        made = folder / "made"
        pip("wheel", "--no-deps", "--wheel-dir", made, source)
        if not kept.exists():  # another worker may have been as quick: then its wheel is as good
            made.rename(kept)
    (found,) = kept.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def install() -> Callable[[Path, Path], None]:
    """Install a source folder or wheel, without its dependencies, into a target folder."""

    def install_into(source: Path, target: Path) -> None:
        pip("install", "--no-deps", "--target", target, source)

    return install_into


def pip(command: str, *arguments: object) -> None:
    """Run pip with what is installed and what is on disk: no network."""
    options = ("--quiet", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-input")
    subprocess.run(
        [sys.executable, "-m", "pip", command, *options, *map(str, arguments)],
        env=neutral({}),
        check=True,
        timeout=PATIENCE,
    )
