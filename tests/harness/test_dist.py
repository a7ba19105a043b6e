"""``--dist``: other interpreters run the cases, and may be lost like everything else."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from everyloop import conformance
from everyloop.harness import gateways, results
from everyloop.harness.version import VERSION

from ..conftest import Command
from .runs import PATIENCE, Commands, by_case, verdicts, wait_until
from .test_interruption import PROMPT, journalled

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="the canaries kill by signals"),
]

SELECTION = ("--area", "FD", "-k", "removing")
VICTIM = "removing_a_watcher_twice_returns_false[reader]"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
POPEN = ("--dist", "popen")

ANOTHER_MACHINE = """
import platform
import sys

def named(aliased=False, terse=False):
    return sys.argv[0] and "" or "Elsewhere-1.0"

platform.platform = named
"""
ANOTHER_VERSION = """
import everyloop.harness.version

everyloop.harness.version.VERSION = "0.0.9"
"""
IMPATIENT = """
import sys

if "--dist" in sys.orig_argv:
    from everyloop.harness import gateways

    gateways.PATIENCE = 6
"""
NO_PSUTIL = """
import sys

sys.modules["psutil"] = None
"""
NO_EXECNET = """
import sys

sys.modules["execnet"] = None
"""


def judge_with_losses(commands: Commands, *arguments: str, **options: Any) -> tuple[int, str]:
    """Run the canaries that kill; return the status and standard error. The killed could not remove their folders."""
    victim = {"CANARY_VICTIM": VICTIM, "CANARY_MEMORY": str(commands.folder / "memory")}
    with commands.start("run", "--json", str(commands.document), *arguments, env=victim, **options) as process:
        _, stderr = process.communicate(timeout=PATIENCE)
    for folder in commands.temporary.iterdir():
        shutil.rmtree(folder)
    commands.nothing_is_left()
    return process.returncode, stderr


def customized(commands: Commands, name: str, text: str) -> str:
    """Return a gateway with a Python that executes a text when it starts: another machine, as far as we can know."""
    folder = commands.folder / name
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text)
    return f"popen//id={name}//python=env PYTHONPATH={folder}:{Path(__file__).parents[1]} {sys.executable}"


class TestRunning:
    def test_the_verdicts_are_the_same_as_here(self, commands: Commands) -> None:
        assert commands.judge("asyncio", "asyncio-poll", *SELECTION).status == 0
        here = commands.runs()
        ended = commands.judge("asyncio", "asyncio-poll", *SELECTION, *POPEN)
        assert (ended.status, ended.stderr) == (0, "")
        there = commands.runs()
        assert list(there) == list(here) == ["asyncio", "asyncio-poll"]
        for name, run in there.items():
            assert list(verdicts(run).items()) == list(verdicts(here[name]).items())
            assert run["gateways"] == ["gw0"]
            assert {result.get("gateway") for result in run["results"]} == {"gw0"}
            assert all(run[key] == here[name][key] for key in ("python", "platform", "host", "loop", "version"))

    def test_gateways_that_are_alike_share_a_run(self, commands: Commands) -> None:
        ended = commands.judge("asyncio", *SELECTION, *POPEN, "--dist", "popen//id=second", "-n", "1")
        assert (ended.status, ended.stderr) == (0, "")
        run = commands.runs()["asyncio"]
        assert run["gateways"] == ["gw0", "second"]
        assert {result.get("gateway") for result in run["results"]} == {"gw0", "second"}
        assert "incomplete" not in run

    def test_others_have_runs_of_their_own(self, commands: Commands) -> None:
        elsewhere = customized(commands, "elsewhere", ANOTHER_MACHINE)
        ended = commands.judge("asyncio-poll", *SELECTION, *POPEN, "--dist", elsewhere)
        assert (ended.status, ended.stderr) == (0, "")
        first, second = results.read(commands.document)["runs"]
        assert (first["gateways"], second["gateways"]) == (["gw0"], ["elsewhere"])
        assert first["host"] != second["host"] == "Elsewhere-1.0"
        assert verdicts(first) == verdicts(second)
        columns = ended.stdout.splitlines()[0]
        assert f"asyncio-poll {HERE}, Python {HERE}, gw0" in columns
        assert f"asyncio-poll {HERE}, Python {HERE}, elsewhere" in columns

    def test_who_has_other_cases_is_not_alike(self, commands: Commands) -> None:
        folder = commands.folder / "changed"
        ours = Path(conformance.__path__[0])
        shutil.copytree(ours, folder / "everyloop" / "conformance", ignore=shutil.ignore_patterns("__pycache__"))
        with (folder / "everyloop" / "conformance" / "readers.py").open("a") as module:
            module.write("# changed\n")
        changed = f"popen//id=changed//python=env PYTHONPATH={folder} {sys.executable}"
        ended = commands.judge("asyncio", *SELECTION, *POPEN, "--dist", changed)
        assert (ended.status, ended.stderr) == (0, "")
        assert [run.get("gateways") for run in results.read(commands.document)["runs"]] == [["gw0"], ["changed"]]

    def test_what_fails_is_tried_again_and_compared_there(self, commands: Commands) -> None:
        memory = commands.folder / "memory"
        ended = commands.judge(
            "canaries.wavering:failing_once", *SELECTION, *POPEN, "-n", "1", env={"CANARY_MEMORY": str(memory)}
        )
        assert ended.status == 0
        found = by_case(commands.runs()["canaries.wavering:failing_once"])
        assert [result["verdict"] for result in found.values() if result["flaky"]] == ["pass"]

    def test_a_loop_of_the_current_folder(self, commands: Commands) -> None:
        (commands.folder / "mine.py").write_text("from asyncio import SelectorEventLoop as new_loop\n")
        assert commands.judge("mine:new_loop", *SELECTION, *POPEN).status == 0

    def test_shards_and_fuzzing(self, commands: Commands) -> None:
        selection = ("-k", "random_exchanges")
        ended = commands.judge("asyncio", *selection, *POPEN, "--shard", "1/2", "--fuzz", "0.2", "--fuzz-seed", "1")
        assert (ended.status, ended.stderr) == (0, "")
        run = commands.runs()["asyncio"]
        assert (run["shard"]["number"], run["shard"]["of"]) == (1, 2)
        assert run["results"]

    def test_a_baseline(self, commands: Commands) -> None:
        known = commands.folder / "known.toml"
        arguments = ("canaries.wavering:failing_always", *SELECTION, *POPEN, "--baseline", str(known))
        assert commands.judge(*arguments, "--update-baseline").status == 0
        assert commands.judge(*arguments).status == 0
        known.write_text(known.read_text().replace("removing_a_watcher_twice", "removing_a_watcher_thrice"))
        ended = commands.judge(*arguments)
        assert (ended.status, ended.stdout) == (2, "")
        assert "no case 'readers::removing_a_watcher_thrice" in ended.stderr

    def test_without_it_execnet_is_not_imported(self, python: Command) -> None:
        program = "import sys, everyloop.harness.cli; sys.exit('execnet' in sys.modules)"
        assert python("-c", program).returncode == 0


class TestLoss:
    def test_what_was_judged_is_kept_and_the_rest_reported(self, commands: Commands) -> None:
        status, stderr = judge_with_losses(commands, "canaries.killing:always", *SELECTION, *POPEN, "-n", "1")
        assert status == 3
        run = commands.runs()["canaries.killing:always"]
        assert run["incomplete"] is True
        assert run["results"]
        assert {result["verdict"] for result in run["results"]} == {"pass"}
        assert f"readers::{VICTIM}" not in by_case(run)
        lost, missing = stderr.splitlines()
        assert lost == "everyloop: gateway gw0 (popen) was lost: its process ended with SIGKILL; no other is like it"
        assert missing.startswith(f"everyloop: canaries.killing:always on gw0, Python {HERE}: ")
        assert missing.endswith(" cases were not run")

    def test_the_rest_runs_elsewhere(self, commands: Commands) -> None:
        status, stderr = judge_with_losses(commands, "canaries.killing:once", *SELECTION, *POPEN, *POPEN, "-n", "2")
        assert status == 0
        assert stderr.count("\n") == 1
        assert "was lost: its process ended with SIGKILL; the others go on" in stderr
        run = commands.runs()["canaries.killing:once"]
        assert "incomplete" not in run
        assert commands.judge("asyncio", *SELECTION).status == 0
        assert verdicts(run) == verdicts(commands.runs()["asyncio"])

    def test_a_case_that_kills_every_gateway_gets_two(self, commands: Commands) -> None:
        status, stderr = judge_with_losses(
            commands, "canaries.killing:always", *SELECTION, *POPEN, *POPEN, *POPEN, "-n", "1"
        )
        assert status == 3
        run = commands.runs()["canaries.killing:always"]
        assert run["incomplete"] is True
        assert commands.judge("asyncio", *SELECTION).status == 0
        everything = verdicts(commands.runs()["asyncio"])
        assert everything.keys() - verdicts(run).keys() == {f"readers::{VICTIM}"}
        assert f"2 gateways were lost with these cases, so no other gets them: readers::{VICTIM}\n" in stderr

    def test_a_gateway_that_says_nothing_any_more(self, commands: Commands) -> None:
        (commands.folder / "sitecustomize.py").write_text(IMPATIENT)
        status, stderr = judge_with_losses(
            *(commands, "canaries.killing:stopping", *SELECTION, *POPEN, "-n", "1"), import_path=[commands.folder]
        )
        assert status == 3
        assert "gateway gw0 (popen) was lost: nothing was heard of it for 6 s; no other is like it\n" in stderr
        run = commands.runs()["canaries.killing:stopping"]
        assert run["incomplete"] is True
        assert run["results"]

    def test_other_runs_go_on(self, commands: Commands) -> None:
        doomed = customized(commands, "doomed", ANOTHER_MACHINE)
        status, stderr = judge_with_losses(
            commands, "canaries.killing:once", "asyncio", *SELECTION, "--dist", doomed, *POPEN, "-n", "1"
        )
        assert status == 3
        runs = results.read(commands.document)["runs"]
        (lost,) = [run for run in runs if run.get("incomplete")]
        others = [run for run in runs if run is not lost]
        # Whoever came first was killed. The other one has run both backends, and nothing was run after the loss.
        assert [run["backend"] for run in others] == ["canaries.killing:once", "asyncio"]
        assert len({len(run["results"]) for run in others}) == 1
        assert len(lost["results"]) < len(others[0]["results"])
        assert f"asyncio on {lost['gateways'][0]}, Python {HERE}: no case was run: no gateway is left" in stderr

    def test_one_that_cannot_be_used_does_not_keep_others_from_running(self, commands: Commands) -> None:
        ended = commands.judge("asyncio", *SELECTION, *POPEN, "--dist", "popen//python=no_such_python")
        assert ended.status == 2
        complaint = "cannot be used: No such file or directory: no_such_python"
        assert ended.stderr == f"everyloop: gateway gw1 (popen//python=no_such_python) {complaint}\n"
        assert verdicts(commands.runs()["asyncio"])


class TestUnusable:
    """Whatever cannot be used is a line and status 2."""

    def test_no_everyloop(self, commands: Commands) -> None:
        check_unusable(
            commands,
            f"popen//python={sys.executable} -I -S",
            f"everyloop is not installed in Python {HERE} ({sys.executable}): "
            f"there must be the same as here, everyloop=={VERSION}",
        )

    def test_another_everyloop(self, commands: Commands) -> None:
        check_unusable(
            commands,
            customized(commands, "old", ANOTHER_VERSION),
            f"everyloop 0.0.9 is installed in Python {HERE} ({sys.executable}): "
            f"there must be the same as here, everyloop=={VERSION}",
        )

    def test_no_python(self, commands: Commands) -> None:
        check_unusable(commands, "popen//python=false", "its process ended with exit status 1")

    def test_no_python_with_something_to_say(self, commands: Commands) -> None:
        script = commands.folder / "script"
        script.write_text("#!/bin/sh\necho good morning >&2\necho sorry >&2\nexit 7\n")
        script.chmod(0o755)
        check_unusable(commands, f"popen//python={script}", "its process ended with exit status 7: sorry")

    def test_a_broken_everyloop(self, commands: Commands) -> None:
        reason = "ModuleNotFoundError: import of psutil halted; None in sys.modules"
        check_unusable(commands, customized(commands, "broken", NO_PSUTIL), reason)

    def test_secrets_are_not_shown(self, commands: Commands) -> None:
        ended = commands.judge("asyncio", "--dist", "popen//env:TOKEN=secret//python=no_such_python//id=mine")
        assert "gateway mine (popen//python=no_such_python) cannot be used" in ended.stderr
        assert "secret" not in ended.stderr

    def test_an_unknown_backend(self, commands: Commands) -> None:
        ended = commands.judge("no-such-loop", *POPEN)
        assert ended.status == 2
        assert ended.stderr.startswith(f"everyloop: gw0, Python {HERE}: unknown backend 'no-such-loop'")
        assert ended.stderr.count("\n") == 1

    def test_a_selection_that_makes_no_sense(self, commands: Commands) -> None:
        ended = commands.judge("asyncio", "-k", "and or", *POPEN, *POPEN)
        assert (ended.status, ended.stdout) == (2, "")
        assert ended.stderr.count("\n") == 1
        assert "and or" in ended.stderr

    @pytest.mark.parametrize(
        ("spec", "complaint"),
        [
            ("", "'' is no gateway: there is a key missing"),
            ("popen//", "'popen//' is no gateway: there is a key missing"),
            ("popen//pyhton=x", "'popen//pyhton=x' is no gateway: it cannot have 'pyhton'; did you mean 'python'?"),
            ("popen//python", "'popen//python' is no gateway: write python=…"),
            ("popen//env:X", "'popen//env:X' is no gateway: write env:NAME=…"),
            ("python=x", "'python=x' is no gateway: it must begin with popen or ssh=HOST"),
            ("popen//ssh=x", "'popen//ssh=x' is no gateway: it must begin with popen or ssh=HOST"),
            ("popen//popen", "'popen//popen' is no gateway: duplicate key: 'popen' in 'popen//popen'"),
            ("popen//id=a b", "'popen//id=a b' is no gateway: an id is made of letters, digits, and _.-"),
            ("popen//nice=x", "'popen//nice=x' is no gateway: nice is a number"),
            ("popen//_x=1", "'popen//_x=1' is no gateway: '_x' not a valid XSpec key"),
        ],
    )
    def test_a_specification_that_makes_no_sense(self, spec: str, complaint: str) -> None:
        with pytest.raises(gateways.SpecError) as caught:
            gateways.parse([spec])
        assert str(caught.value) == complaint

    @pytest.mark.parametrize(
        ("specs", "complaint"),
        [
            (["popen", "socket=localhost:8888"], "'socket=localhost:8888' is no gateway: it cannot have 'socket'"),
            (["popen//id=gw1", "popen"], "two gateways have the id gw1"),
        ],
    )
    def test_it_is_a_line_and_status_2(self, commands: Commands, specs: list[str], complaint: str) -> None:
        ended = commands.judge("asyncio", *(word for spec in specs for word in ("--dist", spec)))
        assert (ended.status, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"everyloop: --dist: {complaint}")
        assert ended.stderr.count("\n") == 1

    def test_without_execnet(self, commands: Commands) -> None:
        (commands.folder / "sitecustomize.py").write_text(NO_EXECNET)
        ended = commands.judge("asyncio", *POPEN, import_path=[commands.folder])
        complaint = "everyloop: --dist needs execnet: pip install 'everyloop[dist]'\n"
        assert (ended.status, ended.stdout, ended.stderr) == (2, "", complaint)


class TestInterruption:
    def test_ctrl_c_ends_all_of_it(self, commands: Commands) -> None:
        process = commands.start(
            *("run", "canaries.hanging:deadlocked", "--json", str(commands.document), *SELECTION),
            *(*POPEN, *POPEN, "-n", "2", "--timeout", "600"),
            start_new_session=True,
        )
        wait_until(lambda: len(journalled(commands.journal)) >= 1)
        given = journalled(commands.journal)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole foreground group
        began = time.monotonic()
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert time.monotonic() - began < 2 * PROMPT
        assert stderr == "everyloop: interrupted: the results are those so far\n"
        commands.nothing_is_left()
        (run,) = results.read(commands.document)["runs"]
        assert run["incomplete"] is True
        assert by_case(run).items() >= given.items()

    def test_ctrl_c_while_a_gateway_is_being_opened(self, commands: Commands) -> None:
        silent = commands.folder / "silent"
        silent.write_text("#!/bin/sh\nexec sleep 600\n")
        silent.chmod(0o755)
        process = commands.start("run", "asyncio", *SELECTION, "--dist", f"popen//python={silent}", *POPEN)
        wait_until(lambda: any("sleep" in process.name() for process in commands.processes()))
        process.send_signal(signal.SIGINT)
        assert process.wait(2 * PROMPT) == 130
        process.communicate()
        commands.nothing_is_left()

    def test_a_killed_run_leaves_its_verdicts_and_nobody(self, commands: Commands) -> None:
        process = commands.start(
            *("run", "canaries.hanging:deadlocked", "--json", str(commands.document), *SELECTION),
            *(*POPEN, "-n", "2", "--timeout", "600"),
        )
        wait_until(lambda: len(journalled(commands.journal)) >= 1)
        process.kill()
        process.communicate(timeout=PATIENCE)
        commands.nobody_is_left()
        assert not list(commands.temporary.iterdir())
        assert journalled(commands.journal)


def check_unusable(commands: Commands, spec: str, reason: str) -> None:
    ended = commands.judge("asyncio", *SELECTION, "--dist", spec)
    assert (ended.status, ended.stdout) == (2, "")
    assert ended.stderr.startswith("everyloop: gateway ")
    assert ended.stderr.endswith(f" cannot be used: {reason}\n")
    assert ended.stderr.count("\n") == 1
    assert results.read(commands.document)["runs"] == []
