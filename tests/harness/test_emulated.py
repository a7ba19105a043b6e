"""The cases on emulated backends: what does not hold names the limit that explains it."""

from __future__ import annotations

import sys

import pytest
from everyloop.fake_selectors import limits

from .runs import Commands, by_case

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")


@pytest.mark.parametrize(
    ("backend", "area", "expected"),
    [
        ("windows-selector", "FD", {"windows-selector-512-sockets"}),
        ("windows-selector@max_sockets=8", "FD", {"windows-selector-512-sockets"}),
        ("windows-selector", "API", {"windows-signal-handlers", "windows-unix-sockets"}),
        ("macos", "FD", set()),
        ("macos-10.8", "FD", {"macos-10.8-character-devices"}),
        ("linux-select", "FD", set()),
    ],
)
def test_limits_explain_what_does_not_hold(commands: Commands, backend: str, area: str, expected: set[str]) -> None:
    done = commands.judge(backend, "-q", "-n", "2", "--area", area)
    assert (done.status, done.stderr) == (0, "")
    (run,) = commands.runs().values()
    assert run["emulated"] is True
    results = by_case(run).values()
    assert {result["limit"] for result in results} - {None} == expected
    for result in results:
        assert (result["limit"] is None) == (result["verdict"] in {"pass", "info", "skip"})
        assert result["cleanup"] == "clean"


def test_what_the_document_says_of_the_platform(commands: Commands) -> None:
    done = commands.judge(
        "windows-selector@max_sockets=8", "-n", "1", "-k", "loop_method_is_present and add_signal_handler"
    )
    assert done.status == 0
    run = commands.runs()["windows-selector"]
    assert (run["platform"], run["knobs"]) == ("win32", {"max_sockets": 8})
    assert run["loop"] == "asyncio.windows_events._WindowsSelectorEventLoop"
    assert "windows-selector@max_sockets=8" in done.stdout
    assert limits.by_id("windows-signal-handlers").forbids in done.stdout


def test_what_a_case_opened_is_closed_when_its_loop_abandons_it(commands: Commands) -> None:
    # select() refuses the file, out of run_until_complete(): the case waits in the middle of its work for ever.
    done = commands.judge("windows-selector", "-q", "-n", "1", "-k", "watching_what_is_no_stream")
    assert (done.status, done.stderr) == (0, "")
    (run,) = commands.runs().values()
    assert {(result["verdict"], result["cleanup"]) for result in run["results"]} == {("info", "clean")}


def test_bugs_of_cpython_are_told_by_their_issue(commands: Commands) -> None:
    """One leaves a descriptor set, one breaks a promise; the process of the failed case is gone in time."""
    cases = "loop_comes_from_a_policy or stderr_follows_inherited_stdout or (present and DatagramTransport-sendto)"
    assert commands.judge("windows-proactor", "-q", "-n", "1", "-k", cases).status == 0
    (run,) = commands.runs().values()
    found = {result["case"]: (result["verdict"], result["limit"], result["cleanup"][:6]) for result in run["results"]}
    lost = found.pop("surface::transport_method_is_present[DatagramTransport-sendto]")
    assert found == {
        "lifecycle::loop_comes_from_a_policy": ("pass", "windows-proactor-wakeup-fd", "wakeup"),
        "subprocesses::stderr_follows_inherited_stdout": ("deviation", "windows-proactor-inherited-stderr", "clean"),
    }
    # Releases of autumn 2026 and later do not have this one any more.
    assert lost in {("fail", "windows-proactor-datagram-close", "clean"), ("pass", None, "clean")}


def test_faults_are_asked_for_by_name(commands: Commands) -> None:
    chosen = ("-q", "-n", "1", "-k", "each_sock_accept_takes_one_connection")
    assert commands.judge("windows-proactor", *chosen).status == 0
    for _ in range(2):
        done = commands.judge("windows-proactor@faults=accept-64+late-accept,seed=7", *chosen)
        assert done.status == 1
        (run,) = commands.runs().values()
        assert run["knobs"] == {"faults": "accept-64+late-accept", "seed": 7}
        (result,) = run["results"]
        assert (result["verdict"], result["flaky"]) == ("fail", False)
        assert "[WinError 64]" in (result["detail"] or "")


def test_a_fault_that_there_is_not(commands: Commands) -> None:
    done = commands.judge("windows-proactor@faults=x", "-q")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith("everyloop: windows-proactor: knob faults: 'x' is not a fault: there are accept-64, ")
    assert done.stderr.count("\n") == 1
