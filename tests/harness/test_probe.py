"""``everyloop probe`` and the lists that go with it: what is measured, beside what is documented."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from everyloop.conformance.capabilities import BY_NAME, CAPABILITIES
from everyloop.fake_selectors import limits
from everyloop.harness import backends, platform_table, probing
from everyloop.harness.probing import Column, Document, Documented, Measurement
from rich.console import Console

from ..conftest import Command
from .runs import PATIENCE, TESTS, Commands, wait_until
from .test_cli import COLOUR, on_a_terminal, posix

linux = pytest.mark.skipif(sys.platform != "linux", reason="these are Linux' limits")
needs_trio = pytest.mark.skipif(importlib.util.find_spec("trio") is None, reason="trio is not installed")
pytestmark = pytest.mark.once

WATCHING = {name for name in BY_NAME if name.startswith("watch-")} | {
    "sockets-at-once",
    "highest-descriptor",
    "interrupt",
}
"""The capabilities whose probes call ``add_reader()``, at which canaries do harm."""


def read(path: Path) -> dict[str, Column]:
    """Read a document, once it is proved to be one; return its columns by backend."""
    content: Document = json.loads(path.read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(probing.json_schema(), format_checker=checker).validate(content)
    return {column["backend"]: column for column in content["probes"]}


def by_capability(column: Column) -> dict[str, Measurement]:
    """Return the measurements of a column; each must be there once, in order."""
    found = {measurement["capability"]: measurement for measurement in column["measurements"]}
    assert list(found) == [capability.name for capability in CAPABILITIES]
    assert len(found) == len(column["measurements"])
    return found


def values(column: Column) -> dict[str, str]:
    return {name: measurement["value"] for name, measurement in by_capability(column).items()}


class TestLists:
    def test_limits(self, cli: Command) -> None:
        done = cli("list", "limits")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0].split()[:3] == ["limit", "where", "raised"]
        for limit in limits.LIMITS:
            assert re.search(rf"^{re.escape(limit.id)} ", done.stdout, re.MULTILINE)

    def test_limits_for_scripts(self, cli: Command) -> None:
        rows = json.loads(cli("list", "limits", "--json").stdout)
        assert [row["id"] for row in rows] == [limit.id for limit in limits.LIMITS]
        clock = next(row for row in rows if row["id"] == "windows-clock")
        assert (clock["until"], clock["since"], clock["platforms"]) == ("3.12", None, ["win32"])
        assert clock["source"].startswith("https://docs.python.org/")

    def test_platforms(self, cli: Command) -> None:
        done = cli("list", "platforms")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"^macos +darwin +asyncio\.\S+ +KqueueSelector +", done.stdout, re.MULTILINE)

    def test_platforms_for_scripts(self, cli: Command) -> None:
        rows = {row["platform"]: row for row in json.loads(cli("list", "platforms", "--json").stdout)}
        assert rows.keys() == {name for name, found in backends.registered().items() if found.emulated}
        assert all(
            list(row) == ["platform", "sys_platform", "loop", "selector", "knobs", "reason"] for row in rows.values()
        )
        assert "version" in rows["macos"]["knobs"]
        assert "version" not in rows["macos-10.8"]["knobs"]
        assert all((row["reason"] is None) == (sys.platform == "linux") for row in rows.values())

    def test_a_limit_is_about_capabilities_that_there_are(self) -> None:
        assert {name for limit in limits.LIMITS for name in limit.capabilities} <= BY_NAME.keys()


class TestProbe:
    def test_all_as_documented(self, cli: Command, tmp_path: Path) -> None:
        done = cli("probe", "asyncio", "--json", "out.json")
        assert (done.returncode, done.stderr) == (0, "")
        column = read(tmp_path / "out.json")["asyncio"]
        found = by_capability(column)
        assert {measurement["agreement"] for measurement in found.values()} <= {"as documented", "absent"}
        assert (column["emulated"], column["knobs"], column["platform"]) == (False, {}, sys.platform)
        assert "incomplete" not in column
        for name, measurement in found.items():
            assert re.search(
                rf"^{name} +{re.escape(measurement['value'].partition(': ')[0])}", done.stdout, re.MULTILINE
            )

    @linux
    def test_every_selector_has_its_own_limits(self, commands: Commands) -> None:
        done = commands.run(
            "probe", "asyncio-epoll", "asyncio-poll", "asyncio-select", "--json", str(commands.document)
        )
        assert done.status == 0
        epoll, poll, select = map(by_capability, read(commands.document).values())
        for name, expected in {
            "watch-null": ("no: PermissionError", "always ready", "always ready"),
            "watch-file": ("no: PermissionError", "always ready", "always ready"),
        }.items():
            assert tuple(column[name]["value"] for column in (epoll, poll, select)) == expected
        assert select["highest-descriptor"]["number"] == 1023
        assert select["highest-descriptor"]["limit"] == "linux-select-1024"
        assert epoll["highest-descriptor"]["limit"] is None
        assert "linux-select-1024 (1,023): select() takes descriptors below 1024 only" in done.stdout
        assert all(column["watch-terminal"]["value"] == "yes" for column in (epoll, poll, select))

    @linux
    @pytest.mark.parametrize("name", ["windows-selector", "windows-proactor", "macos", "macos-10.8", "linux-select"])
    def test_an_emulated_platform_is_as_documented(self, commands: Commands, name: str) -> None:
        done = commands.run("probe", name, "--json", str(commands.document))
        assert done.status == 0, done.stdout
        column = read(commands.document)[name]
        assert column["emulated"]
        assert {found["agreement"] for found in column["measurements"]} == {"as documented"}

    @linux
    def test_knobs_change_what_is_measured_and_what_is_documented(self, commands: Commands) -> None:
        name = "windows-selector@max_sockets=64,clock_resolution=0.001"
        done = commands.run("probe", name, "--json", str(commands.document))
        assert done.status == 0, done.stdout
        column = read(commands.document)["windows-selector"]
        assert column["knobs"] == {"max_sockets": 64, "clock_resolution": 0.001}
        found = by_capability(column)
        assert (found["sockets-at-once"]["number"], found["sockets-at-once"]["documented"]) == (63, "63 sockets")
        assert (found["shortest-sleep"]["number"] or 0) < 0.008
        assert found["shortest-sleep"]["documented"] == "1 ms"

    @needs_trio
    def test_trio(self, commands: Commands) -> None:
        from everyloop.harness.trio_probes import PROBES

        assert PROBES.keys() == BY_NAME.keys()
        done = commands.run("probe", "trio", "--json", str(commands.document))
        assert (done.status, done.stderr) == (0, "")
        column = read(commands.document)["trio"]
        found = by_capability(column)
        assert column["loop"] == "trio"
        assert {measurement["agreement"] for measurement in found.values()} <= {"measured", "absent"}
        assert all(measurement["documented"] is None for measurement in found.values())
        assert found["sendfile"]["value"] == "not offered"
        if sys.platform == "linux":
            refused = {name: value for name, value in values(column).items() if value.startswith("no")}
            assert refused == {
                "watch-null": "no: PermissionError",
                "watch-file": "no: PermissionError",
                "sendfile": "not offered",
                "child-exit": "no thread",
            }

    def test_quiet(self, cli: Command) -> None:
        done = cli("probe", "asyncio", "-q")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"asyncio: \d+ as documented(, \d+ absent)?\n", done.stdout)

    def test_a_difference_is_a_failure(self, python: Command) -> None:
        script = (
            "from everyloop.fake_selectors import limits\n"
            "from everyloop.harness import cli\n"
            "from dataclasses import replace\n"
            "row = limits.by_id('signals-main-thread')\n"
            "limits.LIMITS = (replace(row, platforms=(), exception=None, value='only at night', text=None,\n"
            "                         capabilities=('threads',)),)\n"
            "cli.main()\n"
        )
        done = python("-c", script, "probe", "asyncio", "--json", "out.json")
        assert done.returncode == 1
        assert re.search(r"^threads +yes ≠ *$", done.stdout, re.MULTILINE)
        expected = "different  asyncio threads: measured yes, documented only at night (signals-main-thread)\n"
        assert expected in done.stdout


@posix
class TestIsolation:
    """What a loop does in one probe costs the others nothing."""

    @pytest.mark.parametrize(
        ("canary", "value", "detail"),
        [
            ("canaries.crashing:segfault", "crash", "the process ended with SIGSEGV"),
            ("canaries.crashing:exit_quietly", "crash", "the process ended with exit status 0"),
            ("canaries.closing:everything", "crash", "the process ended with exit status"),
            ("canaries.hanging:deadlocked", "hang", "no verdict within 1 s"),
        ],
    )
    def test_no_measurement_is_lost(self, commands: Commands, canary: str, value: str, detail: str) -> None:
        done = commands.run("probe", canary, "--timeout", "1", "--json", str(commands.document))
        assert (done.status, done.stderr) == (0, "")  # nobody documents it
        found = by_capability(read(commands.document)[canary])
        assert {name for name, measurement in found.items() if measurement["value"] == value} == WATCHING
        assert all((found[name]["detail"] or "").startswith(detail) for name in WATCHING)
        assert {found[name]["value"] for name in ("tcp", "subprocess", "threads")} == {"yes"}
        assert re.search(rf"^\[\d+\] {re.escape(detail)}", done.stdout, re.MULTILINE)

    def test_ctrl_c_keeps_what_there_is(self, commands: Commands) -> None:
        process = commands.start(
            *("probe", "canaries.hanging:deadlocked", "--timeout", "600", "--json", str(commands.document)),
            start_new_session=True,
        )
        # The prober has a folder, and in it the trace file, once it has begun.
        wait_until(lambda: bool(list(commands.temporary.glob("*/worker-*/trace"))))
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "interrupted: the measurements are those so far" in stderr
        commands.nothing_is_left()
        assert all(column["incomplete"] for column in read(commands.document).values())


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("asyncia",), "unknown backend 'asyncia': did you mean 'asyncio'?"),
            (("asyncio@speed=9",), "asyncio has no knob 'speed': only emulated backends have knobs"),
            (("asyncio", "-n", "0"), "Invalid value for '-n': 0 is not in the range x>=1"),
            (("asyncio", "--timeout", "nan"), "Invalid value for '--timeout': nan is no time"),
            (("asyncio", "--json", "no/such/out.json"), "cannot write no/such/out.json: No such file or directory"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_a_line_and_status_2(self, cli: Command, arguments: tuple[str, ...], complaint: str) -> None:
        done = cli("probe", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"everyloop: {complaint}")
        assert len(done.stderr.splitlines()) == 1

    def test_a_backend_that_is_refused_keeps_no_other_from_being_probed(self, cli: Command) -> None:
        done = cli("probe", "json:dumps", "asyncio", "-q")
        assert done.returncode == 2
        assert done.stdout.startswith("asyncio: ")
        assert done.stderr.startswith("everyloop: json:dumps: ")

    def test_everyloop_itself_fails(self, python: Command) -> None:
        script = (
            "from everyloop.harness import cli, cli_probe\n"
            "cli_probe.PROBER = 'everyloop.harness.no_such_module'\n"
            "cli.main()\n"
        )
        done = python("-c", script, "probe", "asyncio", "asyncio-select")
        assert done.returncode == 3
        assert done.stderr.startswith("everyloop: everyloop itself failed: ")
        assert "no_such_module" in done.stderr
        assert "Traceback" not in done.stderr

    def test_help(self, cli: Command) -> None:
        text = cli("probe", "--help").stdout
        assert "every emulated platform" in text
        assert "  everyloop probe --json table.json " in text
        assert max(map(len, text.splitlines())) <= 120


@posix
class TestTerminal:
    def test_progress(self, program: str, tmp_path: Path) -> None:
        status, text = on_a_terminal(program, "probe", "asyncio", cwd=tmp_path)
        assert status == 0
        assert f"{len(CAPABILITIES)}/{len(CAPABILITIES)}" in text
        assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor stays hidden"

    @pytest.mark.parametrize("arguments", [("-q",), ()], ids=["quiet", "CI"])
    def test_no_progress(self, program: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        changes = {} if arguments else {"CI": "true"}
        _, text = on_a_terminal(program, "probe", "asyncio", *arguments, cwd=tmp_path, **changes)
        assert "\x1b[2K" not in text

    def test_no_colour(self, program: str, tmp_path: Path) -> None:
        _, text = on_a_terminal(
            program, "probe", "canaries.crashing:segfault", cwd=tmp_path, NO_COLOR="1", PYTHONPATH=str(TESTS)
        )
        assert "crash" in text
        assert not COLOUR.search(text)


def column(name: str, **changes: Any) -> Column:
    made: dict[str, Any] = {
        "backend": name,
        "version": "3.13.0",
        "emulated": False,
        "knobs": {},
        "loop": "asyncio.Loop",
        "python": "3.13.0",
        "platform": "linux",
        "host": "here",
        "started": "2026-11-22T10:00:00Z",
        "duration": 1.0,
        "measurements": [],
    }
    return made | changes  # type: ignore[return-value]


def measurement(capability: str, value: str, **changes: Any) -> Measurement:
    made: dict[str, Any] = {
        "capability": capability,
        "value": value,
        "number": None,
        "documented": None,
        "limit": None,
        "agreement": "measured",
        "detail": None,
        "duration": 0.1,
    }
    return made | changes  # type: ignore[return-value]


def shown(*columns: Column, width: int = 120) -> str:
    console = Console(width=width, record=True, file=Path(os.devnull).open("w"))  # noqa: SIM115
    with console.file:
        platform_table.show(console, columns, quiet=False)
    return console.export_text()


class TestTable:
    def test_what_does_not_fit_into_a_cell_is_a_note(self) -> None:
        text = shown(
            column("one", measurements=[measurement("tcp", "no: OSError")]),
            column("two", measurements=[measurement("tcp", "no: ValueError"), measurement("tls", "no: OSError")]),
            column("three", measurements=[measurement("tcp", "absent", agreement="absent", detail="no network")]),
        )
        assert [line.rstrip() for line in text.splitlines()[2:]] == [
            "tcp         no [1]  no [2]  absent [3]",
            "tls         -       no [1]  -",
            "[1] OSError",
            "[2] ValueError",
            "[3] not measured: no network",
        ]

    def test_a_limit_is_a_note_with_its_sentence(self) -> None:
        found = measurement("threads", "no: X", agreement="as documented", documented="no: X", limit="windows-signals")
        text = shown(column("one", measurements=[found]))
        assert f"[1] windows-signals (no: X): {limits.by_id('windows-signals').forbids}" in text

    def test_a_table_is_no_wider_than_the_screen(self) -> None:
        columns = [column(f"backend-{number}", measurements=[measurement("tcp", "yes")]) for number in range(9)]
        text = shown(*columns, width=60)
        assert max(map(len, text.splitlines())) <= 60
        assert [text.count(f"backend-{number}") for number in range(9)] == [1] * 9
        assert text.count("capability") == 3

    def test_a_column_that_is_wider_than_the_screen_is_shown_all_the_same(self) -> None:
        text = shown(column("b" * 80, measurements=[measurement("tcp", "yes")]), width=60)
        assert "yes" in text

    def test_knobs_are_part_of_the_name(self) -> None:
        assert "windows-selector@max_sockets=64" in shown(
            column("windows-selector", knobs={"max_sockets": 64}, measurements=[measurement("tcp", "yes")])
        )

    def test_nothing_steers_the_terminal(self) -> None:
        text = shown(column("one", measurements=[measurement("tcp", "no: \x1b[31m", agreement="different")]))
        assert "\x1b" not in text
        assert "measured no: \\x1b[31m" in text

    def test_an_incomplete_column_is_said_to_be(self) -> None:
        text = shown(column("one", incomplete=True, measurements=[measurement("tcp", "yes")]))
        assert text.endswith("incomplete: the command was ended before every probe was\n")


class TestDocumented:
    """When a measurement agrees with a limit."""

    def documented(self, capability: str, limit: str | None, **knobs: Any) -> Documented:
        return Documented(BY_NAME[capability], limits.by_id(limit) if limit else None, knobs)

    @pytest.mark.parametrize(
        ("value", "agrees"), [("no: OSError [WinError 10038]", True), ("no: OSError", False), ("yes", False)]
    )
    def test_an_exception(self, value: str, agrees: bool) -> None:
        found = self.documented("watch-pipe", "windows-selector-sockets-only")
        assert str(found) == "no: OSError [WinError 10038]"
        assert found.agrees(value, None, at_least=False) == agrees

    def test_a_word(self) -> None:
        found = self.documented("child-exit", "macos-child-threads")
        assert str(found) == "a thread each"
        assert found.agrees("a thread each", None, at_least=False)
        assert not found.agrees("no thread", None, at_least=False)

    def test_no_limit(self) -> None:
        found = self.documented("sockets-at-once", None)
        assert str(found) == "no limit"
        assert found.agrees("900 sockets or more", 900, at_least=True)
        assert not found.agrees("511 sockets", 511, at_least=False)

    @pytest.mark.parametrize(("sockets", "agrees"), [(510, False), (511, True), (512, False), (None, False)])
    def test_a_number_of_which_the_loop_takes_some(self, sockets: int | None, agrees: bool) -> None:
        found = self.documented("sockets-at-once", "windows-selector-512-sockets")
        assert str(found) == "511 sockets"
        assert found.agrees(f"{sockets} sockets", sockets, at_least=False) == agrees

    def test_a_knob_sets_the_number(self) -> None:
        found = self.documented("sockets-at-once", "windows-selector-512-sockets", max_sockets=64)
        assert str(found) == "63 sockets"
        assert found.agrees("63 sockets", 63, at_least=False)
        assert not found.agrees("511 sockets", 511, at_least=False)

    @pytest.mark.parametrize(("seconds", "agrees"), [(0.0156, True), (0.001, True), (0.0001, False), (0.1, False)])
    def test_a_number_that_the_machines_owner_can_lower(self, seconds: float, agrees: bool) -> None:
        found = self.documented("shortest-sleep", "windows-waits")
        assert str(found) == "500 µs to 15.6 ms"
        assert found.agrees("", seconds, at_least=False) == agrees

    @pytest.mark.parametrize(("seconds", "agrees"), [(0.0156, True), (0.03, True), (0.001, False), (0.05, False)])
    def test_emulated_it_is_exact_but_for_the_load_of_the_machine(self, seconds: float, agrees: bool) -> None:
        found = self.documented("shortest-sleep", "windows-waits", clock_resolution=0.015625)
        assert str(found) == "15.6 ms"
        assert found.agrees("", seconds, at_least=False) == agrees

    @pytest.mark.parametrize("name", ["trio", "uvloop", "rloop", "qasync", "trio-asyncio"])
    def test_nobody_documents_other_loops(self, name: str) -> None:
        assert probing.documented(backends.find(name)) == {}

    @linux
    def test_everything_is_documented_of_the_standard_librarys(self) -> None:
        for name in ("asyncio", "asyncio-select", "asyncio-poll", "asyncio-epoll"):
            assert probing.documented(backends.find(name)).keys() == BY_NAME.keys()
