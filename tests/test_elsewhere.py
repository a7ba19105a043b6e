"""The tests on Windows and macOS: they can be collected there, and those that are left out say why.

What matters most there are the twins: the tests of the fake kernels, which are executed on the real ones.
"""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

import pytest

from .conftest import Command
from .elsewhere import REPORT, SYSTEM

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="takes away from Linux what other systems lack"),
]

Found = dict[str, str | None]
"""Why a test is skipped, by its id; None if it is not."""

FOLDERS = {"win32": "tests/fake_selectors/windows/", "darwin": "tests/fake_selectors/macos/"}
EMULATION = ("tests/portability/", "tests/harness/test_emulated.py", "tests/fake_selectors/test_installing.py")


@pytest.fixture(scope="module", params=["win32", "darwin"])
def system(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def found(python: Command, root: Path, tmp_path: Path, system: str) -> Found:
    done = python(
        *("-m", "pytest", "-p", "tests.elsewhere", "-p", "no:cacheprovider", "--collect-only", "-qq"),
        cwd=root,
        env={SYSTEM: system, REPORT: str(tmp_path / "found.json")},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    content: Found = json.loads((tmp_path / "found.json").read_text())
    return content


def test_all_tests_are_collected_and_twins_meet_the_real_kernel(found: Found, system: str) -> None:
    twins = {name: reason for name, reason in found.items() if name.startswith(FOLDERS[system])}
    real = [name for name, reason in twins.items() if reason is None]
    assert len(real) > 250
    # Whatever is executed on the fake is executed on the real one, or says why not.
    fakes = {name for name, reason in twins.items() if reason is not None and "[fake" in name}
    without = collections.Counter(
        name.partition("::")[0] for name in fakes if name.replace("[fake", "[real") not in found
    )
    assert sum(without.values()) < len(fakes) / 4, without

    # What is about emulation is not executed: the fakes stand on Linux.
    assert {reason for name, reason in found.items() if name.startswith(EMULATION)} == {
        "platforms are emulated on Linux"
    }
    # And all else that is left out has a reason that is not about the machine here.
    for name, reason in found.items():
        assert reason is None or len(reason.split()) > 1, name
    executed = [name for name, reason in found.items() if reason is None]
    assert len(executed) > 1500
