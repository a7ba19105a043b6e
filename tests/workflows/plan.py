"""The matrix of the workflows, computed from tox.ini: the environments of a label, on the systems where they exist.

    python -m tests.workflows.plan rows=tests,backends >> "$GITHUB_OUTPUT"

writes ``rows=[…]``, a JSON array of objects with the keys ``env``, ``os`` (whose machine to run it on), ``system`` (the
value of :data:`sys.platform` there) and ``python``. It needs tox and nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
MACHINES = {"linux": "ubuntu-24.04", "win32": "windows-2025", "darwin": "macos-15"}
"""GitHub's machines by :data:`sys.platform`. Which environments run on them says ``platform`` in tox.ini."""

PYTHON = "3.13"  # for environments that are not about a version of Python


class Row(TypedDict):
    """A job: a tox environment on a machine."""

    env: str
    os: str
    system: str
    python: str


def rows(labels: Sequence[str]) -> list[Row]:
    """Return a job for every environment of these labels and every system where it exists."""
    return [row for env, platform in _environments(labels).items() for row in _on_systems(env, platform)]


def _on_systems(env: str, platform: str) -> Iterator[Row]:
    for system, machine in MACHINES.items():
        if not platform or re.fullmatch(platform, system):  # as tox decides it
            yield Row(env=env, os=machine, system=system, python=_python(env))


def _python(env: str) -> str:
    found = re.match(r"py(\d)(\d+)(?:-|$)", env)
    return f"{found[1]}.{found[2]}" if found else PYTHON


def _environments(labels: Sequence[str]) -> dict[str, str]:
    """The environments and what tox.ini says of their platforms."""
    command = [sys.executable, "-m", "tox", "config", "-m", *labels, "--format", "json", "-k", "platform"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tox: {done.stdout}{done.stderr}")
    found = {env: keys["platform"] for env, keys in json.loads(done.stdout)["env"].items()}
    if not found:
        raise SystemExit(f"tox.ini has no environment with the label {' or '.join(labels)}")
    return found


def main(arguments: Sequence[str]) -> None:
    """Write one matrix for each argument, ``NAME=LABEL[,LABEL]…``."""
    for argument in arguments:
        name, _, labels = argument.partition("=")
        print(f"{name}={json.dumps(rows(labels.split(',')))}")


if __name__ == "__main__":
    main(sys.argv[1:])
