"""The audit of a program: recorded until the process ends, then told on standard error, which is not the program's."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from ..commands import complain
from ..terminal import diagnostics
from . import document, terminal
from .recording import Recorder


class Audit:
    """Records while it is entered; then judges, tells, and writes the report.

    Attributes:
        silent: set to say nothing in the end: there was no program.
    """

    def __init__(self, report: Path | None) -> None:
        """Prepare it.

        Args:
            report: where to write the report; None: it is told, but not written.

        Raises:
            ReportError: it cannot be written there.
        """
        self.silent = False
        self._path = None if report is None else report.absolute()
        self._root = Path.cwd()
        if self._path is not None:
            document.check(self._path)
        self._recorder = Recorder()

    def __enter__(self) -> Audit:
        self._recorder.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._recorder.__exit__(kind, error, at)
        if self.silent:
            return
        terminal.show(diagnostics(), self._recorder.record, self._root)
        if self._path is not None:
            try:
                document.write(self._path, self._recorder.record, self._root)
            except document.ReportError as failure:
                complain(str(failure))
