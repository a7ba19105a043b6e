"""What authors of loops copy: the example project, run with tox, and the workflow for them, executed step by step."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from everyloop.harness import results

from ..conftest import Completed, neutral
from .files import EXAMPLE, EXAMPLES, ROOT, read

PART = "--area FD -n 2 -q"  # of the suite: what the example's baseline is about
LONG = 600.0
"""Seconds for a command that installs packages: on a machine that is busy, from an index that is slow."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="executes the workflow's own lines with this bash")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example project."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def run(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> Completed:
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=neutral({**(env or {})}),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


class TestTox:
    """The environment of three lines."""

    @pytest.fixture
    def tox(self, project: Path, wheel: Path) -> Any:
        """Run tox with everyloop from here, which is in no index yet."""

        def tox(*arguments: object) -> Completed:
            here = ("-x", f"testenv:everyloop.deps={wheel}", "--workdir", project.parent / "tox")
            return run(sys.executable, "-m", "tox", "run", *here, "--", *PART.split(), *arguments, cwd=project)

        return tox

    def test_it_is_as_expected_until_something_is_news(self, project: Path, tox: Any) -> None:
        done = tox("--json", project / "results.json")
        assert done.returncode == 0, done.stdout + done.stderr
        (found,) = results.read(project / "results.json")["runs"]
        assert (found["backend"], found["version"], found["loop"]) == ("metered", "1.0", "metered_loop.MeteredLoop")
        bad = {result["case"] for result in found["results"] if result["verdict"] == "fail"}
        assert len(bad) == 3
        known = (project / "known.toml").read_text()
        assert all(case in known for case in bad)

        known_less = known.replace('    "readers::removing_a_watcher_twice_returns_false[writer]",\n', "")
        (project / "known.toml").write_text(known_less)
        done = tox()
        assert done.returncode == 1
        assert "1 not as in the baseline" in done.stdout

    def test_what_a_loop_author_copies_is_short(self) -> None:
        text = (EXAMPLE / "tox.ini").read_text().partition("[testenv:everyloop]")
        assert len((text[1] + text[2]).split("\n")) <= 5
        (workflow,) = EXAMPLES
        job = workflow.read_text().partition("jobs:\n")
        assert len((job[1] + job[2]).splitlines()) <= 5


class TestWorkflow:
    """`judge-loop.yml`, called as the example calls it: what its steps run is run here, one after the other."""

    @pytest.fixture(scope="module")
    @classmethod
    def python(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The folder of the Python that actions/setup-python would have installed."""
        place = tmp_path_factory.mktemp("python")
        venv.create(place, with_pip=True)
        return place / "bin"

    @pytest.fixture
    def inputs(self, wheel: Path) -> dict[str, str]:
        """The inputs of the example, over the defaults; everyloop is from here."""
        workflow = read(ROOT / ".github" / "workflows" / "judge-loop.yml")
        defaults = {name: given.get("default") for name, given in workflow["on"]["workflow_call"]["inputs"].items()}
        job = read(EXAMPLES[0])["jobs"]["everyloop"]
        assert job["uses"].partition("@")[0].endswith("/.github/workflows/judge-loop.yml")
        assert set(job["with"]) <= set(defaults)
        return {**defaults, **job["with"], "options": PART, "everyloop": str(wheel)}

    def steps(self, job: str) -> list[dict[str, Any]]:
        found = read(ROOT / ".github" / "workflows" / "judge-loop.yml")["jobs"][job]["steps"]
        return [step for step in found if "run" in step]

    def execute(self, job: str, project: Path, inputs: Mapping[str, str], python: Path) -> Completed:
        """Execute what the steps of a job run, as GitHub does; end with the first that fails."""
        done = None
        for step in self.steps(job):
            given = {
                name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], value)
                for name, value in step.get("env", {}).items()
            }
            assert not any("${{" in text for text in (*given.values(), step["run"]))
            path = os.pathsep.join([str(python), os.environ["PATH"]])
            given |= {"PATH": path, "GITHUB_STEP_SUMMARY": str(project.parent / "summary.md")}
            done = run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=project, env=given)
            if done.returncode:
                break
        assert done is not None
        return done

    def test_results_a_summary_and_a_page(self, project: Path, inputs: dict[str, str], python: Path) -> None:
        done = self.execute("judge", project, inputs, python)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "metered" in (project.parent / "summary.md").read_text()

        # The next job downloads what each of this one uploaded into a folder of its name.
        downloaded = project / "everyloop-results"
        uploaded = downloaded / "everyloop-results-ubuntu-latest-3.13"
        uploaded.mkdir()
        (downloaded / "results.json").rename(uploaded / "results.json")
        done = self.execute("report", project, inputs, python)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {path.name for path in (project / "everyloop-page").iterdir()} == {
            "index.html",
            "results.json",
            "badge.json",
        }
        badge = json.loads((project / "everyloop-page" / "badge.json").read_text())
        assert badge["schemaVersion"] == 1

    def test_without_a_baseline_what_is_wrong_fails(self, project: Path, inputs: dict[str, str], python: Path) -> None:
        done = self.execute("judge", project, {**inputs, "baseline": ""}, python)
        assert done.returncode == 1
        assert re.fullmatch(r"metered: \d+ pass, 3 fail\b.*\n", done.stdout)
        assert (project / "everyloop-results" / "results.json").exists()
