"""What the baselines say of other people's loops is true, and everything that they say has evidence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ROOT / "baselines" / "evidence"
SCRIPTS = sorted(path.relative_to(ROOT) for path in EVIDENCE.glob("*/*.py"))
CANNOT_TELL = 77


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_accusation_is_true(script: Path) -> None:
    module = ".".join(script.with_suffix("").parts)
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode == CANNOT_TELL:
        pytest.skip(done.stdout.strip())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
