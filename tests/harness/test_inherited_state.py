"""What a run inherits from whoever started it does not colour a verdict."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .runs import Commands, Verdicts, verdicts

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="tells of POSIX shells"),
]

# Cases that look at signals, standard streams, descriptors, warnings, debug mode, locale and folders.
KEYWORDS = "signal standard_streams setsize six_hundred warn debug environment encoding cwd terminal removing_twice"
SELECTION = ("-k", " or ".join(KEYWORDS.split()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """The verdicts of a run that inherits nothing strange."""
    return judge(Commands(tmp_path_factory.mktemp("plain")))


def test_the_selection_says_something(plain: Verdicts) -> None:
    assert len(plain) > 40
    assert {verdict for verdict, _ in plain.values()} <= {"pass", "info", "skip"}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("trap '' INT HUP; exec {}", id="ignored-signals"),
        pytest.param("nohup {} & wait $!", id="nohup"),
        pytest.param("exec {} <&-", id="no-stdin"),
        pytest.param("exec {} >out.txt <&- 2>&-", id="only-stdout"),
        pytest.param("umask 777; exec {}", id="umask"),
        pytest.param("exec 3</dev/null 4</dev/null 9</dev/null; exec {}", id="open-descriptors"),
    ],
)
def test_the_shell_colours_nothing(script: str, plain: Verdicts, commands: Commands) -> None:
    assert judge(commands, script) == plain


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}, id="debug"),
        pytest.param({"PYTHONWARNINGS": "error"}, id="warnings"),
        pytest.param({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR", "PYTHONIOENCODING": "utf-16"}, id="locale"),
        pytest.param({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, id="ascii"),
        pytest.param({"PYTEST_ADDOPTS": "--no-such-option", "PYTHONOPTIMIZE": "1"}, id="options"),
    ],
)
def test_the_environment_colours_nothing(env: dict[str, str], plain: Verdicts, commands: Commands) -> None:
    assert judge(commands, env=env) == plain


def test_few_descriptors_are_a_reason_to_skip(plain: Verdicts, commands: Commands) -> None:
    found = judge(commands, "ulimit -n 64; exec {}")
    assert found.keys() == plain.keys()
    differing = {case: verdict for case, verdict in found.items() if verdict != plain[case]}
    assert {verdict for verdict, _ in differing.values()} <= {"skip"}
    assert all("setsize" in case or "six_hundred" in case for case in differing)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a folder in which nobody can write, not even root")
def test_the_working_directory_may_be_read_only(plain: Verdicts, commands: Commands) -> None:
    assert judge(commands, cwd=Path("/proc")) == plain


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="test-everyloop-") as name:
        yield Path(name)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root and setpriv, to become another user",
)
def test_root_is_not_needed(plain: Verdicts, public_folder: Path) -> None:
    nobody = 65534
    folder = public_folder / "of-nobody"
    folder.mkdir()
    commands = Commands(folder)
    for each in (public_folder, folder, commands.temporary):
        os.chown(each, nobody, nobody)
    # Python itself may be installed where only root can read: that much nobody is allowed.
    reading = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    found = judge(commands, f"exec setpriv --reuid={nobody} --regid={nobody} --clear-groups {reading} {{}}")
    assert found.keys() == plain.keys()
    differing = {case: (found[case], plain[case]) for case in plain if found[case] != plain[case]}
    # Some cases are only about root, others only about everybody else.
    assert all(("skip", "clean") in pair for pair in differing.values())


def judge(
    commands: Commands,
    script: str = "exec {}",
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Verdicts:
    """Run the selection on asyncio, started in a strange way; return the verdicts."""
    options = ("-n", "2", "-q")
    ended = commands.judge("asyncio", *SELECTION, *options, script=script, env=env, cwd=cwd or commands.folder)
    (run,) = commands.runs().values()
    bad = [result for result in run["results"] if result["verdict"] not in {"pass", "info", "skip"}]
    assert not bad
    assert ended.status == 0, ended.stderr
    return verdicts(run)
