"""The audit of a pytest run: recorded in every process that executes tests, judged and told by the first."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from . import document, terminal
from .record import Record
from .recording import Recorder

NAME = "everyloop-audit"
"""Of the plugin, and of what pytest-xdist's workers send when they end."""


def start(config: pytest.Config, report: str) -> None:
    """Record from now on.

    Args:
        config: of the run.
        report: where to write the report; empty: to the terminal only.

    Raises:
        pytest.UsageError: it cannot be written there.
    """
    path = Path(report) if report else None
    if path is not None and not hasattr(config, "workerinput"):
        try:
            document.check(path)
        except document.ReportError as error:
            # An option that may have a value takes the next word for it.
            hint = (
                f": write `pytest {report} --everyloop-audit`"
                if path.exists() and path.suffix not in document.SUFFIXES
                else ""
            )
            raise pytest.UsageError(f"--everyloop-audit: {error}{hint}") from None
    audit = Audit(config, None if path is None else config.invocation_params.dir / path)
    config.pluginmanager.register(audit, NAME)
    config.add_cleanup(audit.end)


class Audit:
    """Records while tests are collected and executed."""

    def __init__(self, config: pytest.Config, path: Path | None) -> None:
        self._config = config
        self._path = path
        self._recorder = Recorder()
        self._recorder.__enter__()

    def end(self) -> None:
        """Put back what recording changed."""
        self._recorder.__exit__(None, None, None)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Send what was seen to the process that pytest-xdist was started in, if this is not it."""
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[NAME] = self._recorder.record.dump()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has seen."""
        dumped = getattr(node, "workeroutput", {}).get(NAME)
        self._recorder.record.merge(Record(lost=1) if dumped is None else Record.load(dumped))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Judge, tell, and write the report."""
        record, root = self._recorder.record, self._config.rootpath
        if self._path is not None:
            try:
                document.write(self._path, record, root)
            except document.ReportError as error:
                terminalreporter.write_line(f"everyloop audit: {error}", red=True)
        terminalreporter.section("everyloop audit", "-")
        # pytest knows whether there are colours; what is written goes where its summary goes.
        colours = terminalreporter.hasmarkup
        console = Console(file=io.StringIO(), force_terminal=colours, no_color=not colours, highlight=False)
        with console.capture() as said:
            terminal.show(console, record, root, quiet=self._config.get_verbosity() < 0)
        terminalreporter.write(said.get())
        if self._path is not None:
            terminalreporter.write_line(f"report: {self._path}")
