"""The workflows: their form, their permissions, what they use, and what of tox.ini they run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from .. import documentation
from ..conftest import PATIENCE, Command
from . import plan
from .files import ALL, OURS, ROOT, read, steps

named = pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(ROOT).as_posix())


def checked(tool: str, *arguments: object) -> None:
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts"), tool), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_some() -> None:
    assert {path.stem for path in OURS} == {"tests", "loops", "release", "judge-loop"}


def test_they_are_workflows() -> None:
    checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *ALL)
    checked("check-jsonschema", "--builtin-schema", "vendor.dependabot", ROOT / ".github" / "dependabot.yml")


@pytest.mark.parametrize(
    ("places", "options"), [((".github",), ("--pedantic",)), (("examples/loop-project",), ())], ids=["ours", "example"]
)
def test_zizmor_finds_nothing(places: tuple[str, ...], options: tuple[str, ...]) -> None:
    checked("zizmor", "--offline", "--no-progress", *options, *(ROOT / place for place in places))


@named
def test_permissions_are_the_least(path: Path) -> None:
    content = read(path)
    assert content["permissions"] in ({}, {"contents": "read"})
    needed = {"contents": "read", "pages": "write", "id-token": "write"}
    for name, job in content["jobs"].items():
        granted = job.get("permissions", content["permissions"])
        assert granted.items() <= needed.items(), name
        assert set(granted) <= {"contents"} or name == "publish", name
    assert "secrets" not in path.read_text(encoding="utf-8")


@named
def test_what_they_use_is_pinned(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"^[^#]*\buses:", line)]
    for line in lines:
        assert re.search(r"uses: (\$/\S+|\S+@[0-9a-f]{40}) #", line), line


def test_the_same_action_is_of_the_same_commit_everywhere() -> None:
    used = {step["uses"] for path in ALL for step in steps(path) if "uses" in step}
    assert len({name.partition("@")[0] for name in used}) == len(used)


def test_the_example_uses_a_commit_of_ours() -> None:
    (commit,) = {step["uses"].partition("@")[2] for path in ALL for step in steps(path) if "judge-loop" in str(step)}
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs the repository with its history")
    done = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    if done.stdout == "true\n":
        pytest.skip("needs the whole history")
    subprocess.run(["git", "cat-file", "-e", f"{commit}:.github/workflows/judge-loop.yml"], cwd=ROOT, check=True)


def test_what_the_pages_say_to_write_into_a_workflow_is_right(tmp_path: Path) -> None:
    inputs = read(ROOT / ".github" / "workflows" / "judge-loop.yml")["on"]["workflow_call"]["inputs"]
    for number, block in enumerate(documentation.blocks("yaml")):
        content = YAML(typ="safe").load(block.text)
        if isinstance(content, list):
            content = {"jobs": {"steps": {"runs-on": "ubuntu-latest", "steps": content}}}
        for job in content["jobs"].values():
            if "judge-loop.yml" in job.get("uses", ""):
                assert set(job["with"]) <= set(inputs), block
                assert "loop" in job["with"], block
        path = tmp_path / f"{number}.yml"
        path.write_text(json.dumps({"on": "push", **content}))
        checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


class TestPlan:
    """What tox.ini says is what the workflows run."""

    @pytest.fixture
    def judged(self) -> list[plan.Row]:
        return plan.rows(["judge"])

    def test_every_system_and_python_has_every_loop_that_exists_there(self, judged: list[plan.Row]) -> None:
        found: dict[str, set[str]] = {}
        for row in judged:
            found.setdefault(row["system"], set()).add(row["env"])
        versions = [f"py3{minor}" for minor in range(11, 16)]
        everywhere = ("stdlib", "trio", "qt")
        exists = {
            "linux": (*everywhere, "emulated", "uvloop", "rloop"),
            "darwin": (*everywhere, "uvloop", "rloop"),
            "win32": (*everywhere, "winloop"),
        }
        for system, names in exists.items():
            assert found[system] == {f"{version}-judge-{name}" for version in versions for name in names}

    def test_a_job_says_where_and_on_which_python_it_runs(self, judged: list[plan.Row]) -> None:
        rows = {(row["env"], row["system"]): row for row in judged}
        assert rows["py315-judge-winloop", "win32"] == {
            "env": "py315-judge-winloop",
            "os": "windows-2025",
            "system": "win32",
            "python": "3.15",
        }

    def test_the_tests_run_everywhere_and_emulation_on_linux(self) -> None:
        rows = plan.rows(["tests", "oracle"])
        found = {(row["env"], row["system"]) for row in rows}
        for system in plan.MACHINES:
            assert {("py311", system), ("py313", system), ("py315", system)} <= found
        assert {system for env, system in found if env.endswith("-oracle")} == {"linux"}

    def test_a_label_that_is_not_there(self) -> None:
        with pytest.raises(SystemExit, match=r"^tox.ini has no environment with the label dragons$"):
            plan.rows(["dragons"])

    def test_as_a_command(self, python: Command) -> None:
        done = python("-m", "tests.workflows.plan", "rows=oracle", "more=check,oracle", cwd=ROOT)
        assert (done.returncode, done.stderr) == (0, "")
        first, second = (line.partition("=") for line in done.stdout.splitlines())
        assert (first[0], second[0]) == ("rows", "more")
        assert json.loads(first[2]) == plan.rows(["oracle"])
        assert len(json.loads(second[2])) > len(json.loads(first[2]))

    def test_the_workflows_name_labels_and_environments_that_exist(self) -> None:
        text = "".join(path.read_text(encoding="utf-8") for path in OURS)
        labels = re.findall(r"workflows\.plan rows=(\S+)", text)
        assert len(labels) == 2
        for words in labels:
            assert plan.rows(words.split(","))
        chosen = {(option, name) for option, name in re.findall(r"tox run (?:-q )?(-e|-m) ([\w-]+)", text)}
        assert chosen == {("-m", "check"), ("-e", "report"), ("-e", "fidelity")}
        done = subprocess.run(
            [sys.executable, "-m", "tox", "list", "--no-desc", "-q"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert {"report", "fidelity"} <= set(done.stdout.split())
        assert plan.rows(["check"])
