"""What every process has that is made to be lost: a folder, a line to the run, and a watchdog.

The watchdog is a thread in C (faulthandler) that needs neither the GIL nor a signal: when something exceeds its time it
writes all Python stacks to the trace file and ends the process. The same file receives the stacks of a crash.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from . import processes
from .channel import Channel, Message
from .orders import Assignment

SCRIPT = "script"
"""The file, in the folder of a process, with the program that a property-based case executes at the moment."""
HEARTBEAT = 0.2
"""Seconds after which a case that executes one script after another says that it is alive."""


class Station:
    """The place that an assignment names, entered."""

    def __init__(self, assignment: Assignment) -> None:
        self._start_within = assignment.start_within
        self._timeout = assignment.timeout
        os.chdir(assignment.folder)
        processes.adopt_orphans()  # what a case starts stays ours, and visible, when its own parent ends
        self._script = Path(SCRIPT).absolute()
        self._heard = 0.0
        self._trace: IO[str] = Path("trace").open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
        faulthandler.enable(self._trace)
        self.channel = Channel(assignment.port, assignment.token, assignment.serial)
        # Last, not first: a checkout in the user's folder must not hide an installed package.
        sys.path.append(assignment.import_path)

    def send(self, message: Message) -> None:
        """Send a message to the run."""
        self.channel.send(message)

    def requests(self) -> Iterator[Message]:
        """Yield what is asked for, until the line ends."""
        while (request := self.channel.receive()) is not None:
            yield request

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Watch over the opening of the backend."""
        with self._watched(self._start_within):
            yield

    @contextlib.contextmanager
    def executing(self) -> Iterator[None]:
        """Watch over what was asked for."""
        self._heard = time.monotonic()
        try:
            with self._watched(self._timeout):
                yield
        finally:
            self._script.unlink(missing_ok=True)

    def keep(self, script: str) -> None:
        """Keep the script that a case executes next, for the case that the process ends; it has all its time again."""
        self._script.write_text(script, encoding="utf-8")
        if (now := time.monotonic()) - self._heard > HEARTBEAT:
            self._heard = now
            self._watch(self._timeout)
            self.send({"kind": "busy"})

    @contextlib.contextmanager
    def _watched(self, seconds: float) -> Iterator[None]:
        self._watch(seconds)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _watch(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._trace)
