"""Virtual environments, one for each release and Python, with everyloop from this checkout; they are kept."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPLETE = "complete"
"""A file that an environment has once everything is in it."""


class EnvironmentError(Exception):  # noqa: A001 - in here the environment is a virtual one
    """An environment cannot be made; the text is for a person."""


def make(folder: Path, python: str, requirements: Sequence[str]) -> Path:
    """Return the Python of an environment that has everyloop and these requirements; make it if there is none.

    Args:
        folder: where the environments are.
        python: the version of Python, which must be on PATH as ``pythonX.Y``.
        requirements: what pip installs; the first names the environment.

    Raises:
        EnvironmentError: there is no such Python, or pip cannot install it all.
    """
    environment = folder / f"{requirements[0].replace('==', '-')}-py{python}"
    interpreter, complete = environment / "bin" / "python", environment / COMPLETE
    content = "\n".join(requirements)
    if complete.is_file() and complete.read_text(encoding="utf-8") == content:
        return interpreter
    program = shutil.which(f"python{python}")
    if program is None:
        raise EnvironmentError(f"there is no python{python} on PATH")
    _call(program, "-m", "venv", "--clear", environment)
    pip = (interpreter, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    _call(*pip, "--upgrade", "pip")  # that of an old Python may not know what a wheel says of itself
    _call(*pip, "--prefer-binary", "--editable", ROOT, *requirements)
    complete.write_text(content, encoding="utf-8")
    return interpreter


def _call(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise EnvironmentError(f"{' '.join(map(str, command))}: {' '.join(errors)}")
