"""The command line as a person or a script meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.conformance import catalogue
from everyloop.harness import documents, results
from everyloop.harness.version import VERSION

from ..conftest import PATIENCE, Command, neutral
from .runs import TESTS, Commands

ReadDocument = Callable[[Path], results.Document]

pytestmark = pytest.mark.once

ONE_CASE = ("-n", "1", "-k", "loop_method_is_present and add_reader")
CLOSED = ("-n", "1", "-k", "loop_is_closed_after_close or runner_closes_generators")
TWO_CASES = ("-n", "1", "-k", "loop_method_is_present and (add_reader or add_writer)")
NO_JSON = "line 1, column 1: Expecting value"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


def on_a_terminal(program: str, *arguments: str, cwd: Path, **env: str | None) -> tuple[int, str]:
    """Run the command on a terminal; return its exit status and all that it wrote there."""
    import pty

    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            [program, *arguments],
            cwd=cwd,
            env=neutral({"TERM": "xterm", "COLUMNS": "120", **env}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as process:
            os.close(slave)
            slave = -1
            written = b""
            try:
                while chunk := os.read(master, 65536):
                    written += chunk
            except OSError:  # Linux' way to say that nobody has the other end any more
                pass
            return process.wait(PATIENCE), written.decode()
    finally:
        os.close(master)
        if slave != -1:
            os.close(slave)


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals and broken pipes")


class TestHelp:
    @pytest.mark.parametrize(
        "command", [(), ("run",), ("merge",), ("report",), ("compare",), ("list",), ("list", "cases")], ids=" ".join
    )
    @pytest.mark.parametrize("option", ["-h", "--help"])
    def test_every_command_explains_itself(self, cli: Command, command: tuple[str, ...], option: str) -> None:
        done = cli(*command, option)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: {' '.join(('everyloop', *command))} ")
        assert max(map(len, done.stdout.splitlines())) <= 100

    def test_the_first_page_has_examples_and_exit_statuses(self, cli: Command) -> None:
        done = cli("--help")
        assert "  everyloop run uvloop                    judge uvloop\n" in done.stdout
        assert "Exit status: 0 as expected, 1 not as expected, 2 usage" in done.stdout

    @pytest.mark.parametrize("command", [(), ("list",)], ids=" ".join)
    def test_a_command_that_is_not_whole_explains_itself(self, cli: Command, command: tuple[str, ...]) -> None:
        done = cli(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == cli(*command, "--help").stdout

    def test_run_explains_every_option(self, cli: Command) -> None:
        text = cli("run", "--help").stdout
        for option in ("-n N", "-k EXPR", "--area A", "--level", "--timeout S", "--json F", "--baseline F", "-q", "-v"):
            assert f"  {option}" in text
        assert "  everyloop run asyncio uvloop rloop      three side by side\n" in text

    def test_the_examples_of_run_are_right(self, cli: Command) -> None:
        lines = cli("run", "--help").stdout.partition("Examples:\n")[2].splitlines()
        commands = [line.strip().split("  ")[0] for line in lines if line.strip().startswith("everyloop ")]
        assert len(commands) == 12
        for command in commands:
            # An option that does not exist is complained about before anything runs; --help comes last.
            assert cli(*command.split()[1:], "--help").returncode == 0

    @pytest.mark.parametrize("name", ["merge", "report", "compare"])
    def test_the_examples_of_what_reads_results_are_right(self, cli: Command, name: str) -> None:
        lines = cli(name, "--help").stdout.partition("Examples:\n")[2].splitlines()
        commands = [line.strip().split("  ")[0] for line in lines if line.strip().startswith("everyloop ")]
        assert len(commands) >= 2
        for command in commands:
            done = cli(*command.split()[1:], "--help")
            assert (done.returncode, done.stderr) == (0, "")

    def test_version(self, cli: Command) -> None:
        assert cli("--version").stdout == f"everyloop, version {VERSION}\n"

    def test_without_a_script(self, python: Command) -> None:
        assert python("-m", "everyloop.harness", "--version").stdout == f"everyloop, version {VERSION}\n"


class TestList:
    def test_backends(self, cli: Command) -> None:
        done = cli("list", "backends")
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].split() == ["backend", "version", "loop,", "or", "why", "it", "cannot", "be", "run", "here"]
        assert re.search(r"^asyncio +3\.\d+\.\d+ +asyncio\.", done.stdout, re.MULTILINE)
        assert re.search(r"^(winloop|uvloop) +exists only on ", done.stdout, re.MULTILINE)

    def test_backends_for_scripts(self, cli: Command) -> None:
        done = cli("list", "backends", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        rows = json.loads(done.stdout)
        for row in rows:
            assert list(row) == ["backend", "version", "emulated", "loop", "reason"]
            assert (row["loop"] is None) == (row["reason"] is not None)
        names = [row["backend"] for row in rows]
        assert names[:2] == ["asyncio", "asyncio-select"]
        assert {"uvloop", "winloop", "rloop", "qasync", "trio-asyncio", "trio"} <= set(names)
        trio = next(row for row in rows if row["backend"] == "trio")
        assert "capabilities only" in trio["reason"] or "not installed" in trio["reason"]

    def test_cases(self, cli: Command) -> None:
        done = cli("list", "cases")
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].split() == ["case", "behaviour", "level"]
        assert re.search(r"^surface::loop_method_is_present\[add_reader\] +API-01 +must", done.stdout, re.MULTILINE)

    def test_cases_for_scripts(self, cli: Command) -> None:
        rows = json.loads(cli("list", "cases", "--json").stdout)
        assert len(rows) > 500
        assert all(list(row) == ["case", "behaviour", "area", "level"] for row in rows)

    def test_behaviours(self, cli: Command) -> None:
        done = cli("list", "behaviours")
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].split() == ["id", "level", "cases", "statement"]
        size = len(catalogue.behaviours())
        assert (found := re.fullmatch(rf"covered (\d+) of {size}", lines[-1]))
        assert int(found[1]) >= 188
        assert sum(bool(re.match(r"[A-Z]+-\d\d +(must|should|info) ", line)) for line in lines) == size

    def test_behaviours_for_scripts(self, cli: Command) -> None:
        rows = json.loads(cli("list", "behaviours", "--json").stdout)
        keys = ["id", "area", "level", "statement", "source", "since", "until", "platforms", "cases"]
        assert all(list(row) == keys for row in rows)
        assert [row["id"] for row in rows] == list(catalogue.behaviours())
        surface = next(row for row in rows if row["id"] == "API-01")
        assert "surface::loop_method_is_present[add_reader]" in surface["cases"]
        assert [row["platforms"] for row in rows if row["id"] == "UNX-11"] == [["darwin", "aix"]]
        uncovered = next(row for row in rows if not row["cases"])
        assert uncovered["cases"] == []

    def test_the_text_fits_any_encoding(self, cli: Command) -> None:
        done = cli("list", "behaviours", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"})
        assert (done.returncode, done.stderr) == (0, "")

    def test_nothing_of_that_kind(self, cli: Command) -> None:
        done = cli("list", "dragons")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "everyloop: No such command 'dragons'.\n"


class TestUsage:
    """What is wrong is said in one line, and nothing is run."""

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("--area", "XYZ"), "no area 'XYZ': choose from API, "),
            (("--level", "may"), "Invalid value for '--level': 'may' is not one of 'must', 'should', 'info'"),
            (("-n", "0"), "Invalid value for '-n': 0 is not in the range x>=1"),
            (("-n", "many"), "Invalid value for '-n': 'many' is not a valid integer"),
            (("--timeout", "0"), "Invalid value for '--timeout': 0.0 is not in the range x>0"),
            (("--timeout", "nan"), "Invalid value for '--timeout': nan is no time"),
            (("--colour",), "No such option"),
            (("-k", "and and"), "Wrong expression passed to '-k': and and: "),
            (("-k", "no_case_is_called_that"), "no case matches: `everyloop list cases` shows all"),
            (("-k", "add_reader", "--area", "TLS"), "no case matches: `everyloop list cases` shows all"),
            (("--json", "no/such/folder/out.json"), "cannot write no/such/folder/out.json.journal: No such file"),
            (("--json", "."), "Invalid value for '--json': File '.' is a directory"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    @pytest.mark.parametrize("start", ["fork", "spawn"])
    def test_a_line_and_status_2(
        self, cli: Command, tmp_path: Path, arguments: tuple[str, ...], complaint: str, start: str
    ) -> None:
        if start == "spawn" and "-k" not in arguments:
            pytest.skip("workers are not started")
        done = cli("run", "asyncio", *arguments, env={"EVERYLOOP_START_METHOD": start})
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"everyloop: {complaint}")
        assert len(done.stderr.splitlines()) == 1
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_not_ours(self, cli: Command, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        done = cli("run", "asyncio", "--json", "out.json")
        assert done.returncode == 2
        assert done.stderr == "everyloop: cannot write out.json.journal: Permission denied\n"

    def test_nothing_selected_leaves_an_older_document_alone(self, cli: Command, tmp_path: Path) -> None:
        (tmp_path / "out.json").write_text("older")
        assert cli("run", "asyncio", "-k", "no_case_is_called_that", "--json", "out.json").returncode == 2
        assert (tmp_path / "out.json").read_text() == "older"
        assert cli("run", "asyncio", "-k", "and and", "--json", "out.json").returncode == 2
        assert (tmp_path / "out.json").read_text() == "older"


class TestRun:
    def test_all_as_expected(self, commands: Commands, read_document: ReadDocument) -> None:
        done = commands.judge("asyncio", *TWO_CASES)
        assert (done.status, done.stderr) == (0, "")
        version = sys.version.split()[0]
        assert [line.split() for line in done.stdout.splitlines()] == [
            ["area", "asyncio", version],
            ["API", "Surface", "and", "signatures", "2", "pass"],
            ["all", "2", "pass"],
        ]
        (run,) = read_document(commands.document)["runs"]
        assert "incomplete" not in run
        assert (run["backend"], run["version"], run["python"], run["platform"]) == (
            "asyncio", version, version, sys.platform,
        )  # fmt: skip
        assert [result["case"] for result in run["results"]] == [
            "surface::loop_method_is_present[add_reader]",
            "surface::loop_method_is_present[add_writer]",
        ]

    def test_not_as_expected(self, commands: Commands, read_document: ReadDocument) -> None:
        done = commands.judge("canaries.lacking:immortal", "asyncio", *CLOSED)
        assert (done.status, done.stderr) == (1, "")
        broken = catalogue.behaviours()["LIF-01"]
        version = sys.version.split()[0]
        matrix, _, rest = done.stdout.partition("\n\n")
        assert [line.split() for line in matrix.splitlines()] == [
            ["area", "canaries.lacking:immortal", version, "asyncio", version],
            ["LIF", "Lifecycle", "1", "pass,", "1", "fail", "2", "pass"],
            ["all", "1", "pass,", "1", "fail", "2", "pass"],
        ]
        title, statement, source, verdict, *detail = rest.splitlines()
        loop = "canaries.lacking._Immortal"
        assert title == f"canaries.lacking:immortal {version} ({loop}), Python {version}, {sys.platform}"
        assert statement == f"LIF-01 must  {broken.statement}"
        assert source == f"    {broken.source}"
        assert verdict == "  fail  lifecycle::loop_is_closed_after_close"
        assert re.fullmatch(r"      assert False", detail[0])
        assert re.search(r"\(lifecycle\.py:\d+\)$", detail[-1])
        ours, control = read_document(commands.document)["runs"]
        assert [result["verdict"] for result in ours["results"]] == ["fail", "pass"]
        assert [result["verdict"] for result in control["results"]] == ["pass", "pass"]
        assert ours["results"][0]["detail"] == "\n".join(line[6:] for line in detail)

    def test_a_backend_named_twice_runs_once(self, commands: Commands) -> None:
        done = commands.judge("asyncio", "asyncio", *ONE_CASE, "-q")
        assert (done.status, done.stdout) == (0, "asyncio: 1 pass\n")

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
    def test_what_the_loop_says_breaks_neither_output_nor_document(
        self, commands: Commands, read_document: ReadDocument, encoding: str
    ) -> None:
        selection = ("-n", "1", "-k", "a_reader_is_called_with_its_arguments")
        done = commands.judge("canaries.lacking:unspeakable", *selection, env={"PYTHONIOENCODING": encoding})
        assert (done.status, done.stderr) == (1, "")
        snowman = "\N{SNOWMAN}" if encoding == "utf-8" else "\\u2603"
        assert f"      ValueError: \\udc80 {snowman} [bold]\\x1b[31m\\x00 (readers.py:" in done.stdout
        (result,) = read_document(commands.document)["runs"][0]["results"]
        assert (result["detail"] or "").startswith("ValueError: \udc80 \N{SNOWMAN} [bold]\x1b[31m\0 (")

    def test_an_older_journal_is_kept(self, commands: Commands) -> None:
        commands.journal.write_text("a killed run's")
        done = commands.judge("asyncio", *ONE_CASE)
        assert done.status == 0
        assert done.stderr == (
            f"everyloop: a killed run left out.json.journal: kept as {commands.journal}.1; "
            "`everyloop merge` makes a document of it\n"
        )
        kept = commands.folder / "out.json.journal.1"
        assert kept.read_text() == "a killed run's"


class TestOptions:
    """Each option does what it says."""

    def verdicts(self, commands: Commands) -> list[results.Result]:
        (run,) = commands.runs().values()
        return run["results"]

    def test_level(self, commands: Commands) -> None:
        seen = {}
        for level in catalogue.LEVELS:
            commands.judge("asyncio", "--area", "API", "-n", "2", "-k", "add_reader or private", "--level", level)
            seen[level] = {result["level"] for result in self.verdicts(commands)}
        assert seen == {"must": {"must"}, "should": {"must", "should"}, "info": {"must", "should", "info"}}

    def test_area_in_any_case_and_several(self, commands: Commands) -> None:
        commands.judge("asyncio", "--area", "api", "--area", "FD", "-k", "add_reader", "-n", "2", "--level", "must")
        assert {result["area"] for result in self.verdicts(commands)} == {"API", "FD"}

    def test_keyword(self, commands: Commands) -> None:
        commands.judge("asyncio", "--area", "API", "-k", "add_reader and not present", "-n", "1")
        cases = [result["case"] for result in self.verdicts(commands)]
        assert cases
        assert all("add_reader" in case and "present" not in case for case in cases)

    def test_timeout(self, commands: Commands) -> None:
        done = commands.judge("canaries.lacking:slow", *ONE_CASE, "--timeout", "0.4")
        (result,) = self.verdicts(commands)
        assert (done.status, result["verdict"]) == (1, "hang")
        assert (result["detail"] or "").startswith("no verdict within 0.4 s\nTimeout (")
        done = commands.judge("canaries.lacking:slow", *ONE_CASE, "--timeout", "60")
        assert (done.status, self.verdicts(commands)[0]["verdict"]) == (0, "pass")

    @pytest.mark.parametrize("workers", [1, 3])
    def test_workers(self, commands: Commands, workers: int) -> None:
        notes = commands.folder / "processes"
        selection = ("--area", "API", "-k", "loop_method_is_present", "-n", str(workers))
        done = commands.judge("canaries.lacking:counting", *selection, env={"CANARY_NOTES": str(notes)})
        assert done.status == 0
        assert len(set(notes.read_text().split())) == workers

    def test_quiet(self, commands: Commands) -> None:
        done = commands.judge("canaries.lacking:immortal", "asyncio", *CLOSED, "--quiet")
        assert done.stdout == "canaries.lacking:immortal: 1 pass, 1 fail\nasyncio: 2 pass\n"

    def test_verbose(self, commands: Commands) -> None:
        assert "loop_method_is_present" not in commands.judge("asyncio", *TWO_CASES).stdout
        done = commands.judge("asyncio", *TWO_CASES, "-v")
        assert "  pass  surface::loop_method_is_present[add_reader]\n" in done.stdout
        assert "  pass  surface::loop_method_is_present[add_writer]\n" in done.stdout


class TestMerge:
    def test_documents_become_one(self, cli: Command, tmp_path: Path, read_document: ReadDocument) -> None:
        for name in ("asyncio", "asyncio-select"):
            assert cli("run", name, *ONE_CASE, "--json", f"{name}.json").returncode == 0
        done = cli("merge", "asyncio.json", "asyncio-select.json", "-o", "all.json")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        merged = read_document(tmp_path / "all.json")
        assert [run["backend"] for run in merged["runs"]] == ["asyncio", "asyncio-select"]

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("missing.json", "-o", "all.json"), "cannot read missing.json: No such file or directory"),
            (("text", "-o", "all.json"), f"text is no everyloop-results/1 document, nor a journal of one: {NO_JSON}"),
            (("good.json", "-o", "no/folder/all.json"), "cannot write no/folder/all.json: No such file or directory"),
            (("good.json",), "Missing option '-o'."),
            (("-o", "all.json"), "Missing argument 'R.json...'."),
        ],
    )
    def test_what_cannot_be_merged(
        self, cli: Command, tmp_path: Path, arguments: tuple[str, ...], complaint: str
    ) -> None:
        (tmp_path / "text").write_text("hello")
        documents.write(tmp_path / "good.json", results.document([]))
        done = cli("merge", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"everyloop: {complaint}\n")


@posix
class TestTerminal:
    """Colours and a progress line are for terminals only."""

    def test_progress_and_colours(self, program: str, tmp_path: Path) -> None:
        status, text = on_a_terminal(program, "run", "asyncio", *TWO_CASES, cwd=tmp_path)
        assert status == 0
        assert "2/2" in text
        assert "2 pass" in text
        assert COLOUR.search(text)

    def test_the_progress_line_goes_away(self, program: str, tmp_path: Path) -> None:
        _, text = on_a_terminal(program, "run", "asyncio", *TWO_CASES, cwd=tmp_path)
        answer = text[text.rindex("\x1b[2K") :]
        assert "2/2" not in answer
        assert "API  Surface and signatures" in answer
        assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor stays hidden"

    def test_it_says_what_is_tried_again(self, program: str, tmp_path: Path) -> None:
        arguments = ("run", "canaries.lacking:immortal", *CLOSED)
        status, text = on_a_terminal(program, *arguments, cwd=tmp_path, PYTHONPATH=str(TESTS))
        assert status == 1
        assert "1 fail · 1 on asyncio" in text

    @pytest.mark.parametrize("changes", [{"CI": "true"}, {"arguments": "-q"}], ids=["CI", "quiet"])
    def test_no_progress(self, program: str, tmp_path: Path, changes: dict[str, str]) -> None:
        arguments = ["run", "asyncio", *TWO_CASES, *changes.pop("arguments", "").split()]
        status, text = on_a_terminal(program, *arguments, cwd=tmp_path, **changes)
        assert status == 0
        assert "2/2" not in text
        assert "\x1b[2K" not in text

    def test_no_colour(self, program: str, tmp_path: Path) -> None:
        status, text = on_a_terminal(program, "run", "asyncio", *TWO_CASES, cwd=tmp_path, NO_COLOR="1")
        assert status == 0
        assert not COLOUR.search(text)

    def test_pipes_get_neither(self, cli: Command) -> None:
        done = cli("run", "asyncio", *TWO_CASES, env={"TERM": "xterm"})
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout


@posix
class TestClosedPipe:
    """Whoever reads the output may have seen enough: `everyloop list cases | head -1`."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("list", "cases"),
            ("list", "cases", "--json"),
            ("list", "behaviours"),
            ("list", "backends"),
            ("run", "asyncio", *ONE_CASE),
            ("run", "asyncio", *ONE_CASE, "-q"),
            ("run", "canaries.lacking:immortal", *CLOSED),
            ("--help",),
        ],
        ids=" ".join,
    )
    def test_no_traceback(self, program: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [program, *arguments],
                cwd=tmp_path,
                env=neutral({"PYTHONPATH": str(TESTS)}),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        finally:
            os.close(writing)
        # The status is that of the run. click has its own opinion about its help.
        expected = {"canaries.lacking:immortal": 1, "--help": 1}.get(arguments[min(1, len(arguments) - 1)], 0)
        assert (done.stderr, done.returncode) == ("", expected)

    def test_the_document_is_written_all_the_same(
        self, program: str, tmp_path: Path, read_document: ReadDocument
    ) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        arguments: list[Any] = ["run", "asyncio", *ONE_CASE, "--json", tmp_path / "out.json"]
        subprocess.run([program, *arguments], stdout=writing, env=neutral({}), timeout=PATIENCE, check=False)
        os.close(writing)
        assert read_document(tmp_path / "out.json")["runs"][0]["results"][0]["verdict"] == "pass"
