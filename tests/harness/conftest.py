"""What the tests of the harness share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .runs import Commands


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """The command line, run under watch in a folder of the test's own."""
    return Commands(tmp_path)
