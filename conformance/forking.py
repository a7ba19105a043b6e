"""Children forked off the process under test, for what a process cannot do to itself unharmed.

A child does its work and is gone with ``os._exit()``: nothing of the case that forked it is unwound there, no fixture
is torn down twice. What it raises is raised again in the parent.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from .peers import PATIENCE

T = TypeVar("T")
# What not every system has, untyped: the cases that fork are gated.
_posix: Any = os
_signals: Any = signal


class Child(Generic[T]):
    """A forked child.

    Attributes:
        pid: its process id.
        status: how it ended, as :func:`os.waitstatus_to_exitcode` says it; None until somebody has waited for that.
    """

    def __init__(self, pid: int, reading: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self._reading = reading

    def wait(self) -> int:
        """Wait for its end and return how it ended; fail if it takes longer than peers wait."""
        self._read()
        return self._reap()

    def result(self) -> T:
        """Return what its work returned, or raise what that raised."""
        written = self._read()
        status = self._reap()
        assert written, f"the child ended with {status} before its work had"
        error, result = pickle.loads(written)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def _reap(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(_posix.waitpid(self.pid, 0)[1])
        return self.status

    def _read(self) -> bytes:
        """Read until its end of the pipe is closed, which its own end does at the latest."""
        written = b""
        deadline = time.monotonic() + PATIENCE
        while select.select([self._reading], [], [], max(0, deadline - time.monotonic()))[0]:
            if not (data := os.read(self._reading, 65536)):
                return written
            written += data
        raise AssertionError(f"the child was still at work after {PATIENCE:g} s")


@contextlib.contextmanager
def forked(work: Callable[[], T]) -> Iterator[Child[T]]:
    """Do some work in a forked child; it is dead and reaped at the end of the block."""
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: all that the child needs is its own
            pid = _posix.fork()
        if pid == 0:
            _work_and_exit(work, writing)
        os.close(writing)
        child: Child[T] = Child(pid, reading)
        try:
            yield child
        finally:
            if child.status is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, _signals.SIGKILL)
                child.wait()
    finally:
        os.close(reading)


def in_child(work: Callable[[], T]) -> T:
    """Return what some work returns in a forked child, or raise what it raises there."""
    with forked(work) as child:
        return child.result()


def _work_and_exit(work: Callable[[], Any], writing: int) -> None:
    answer: tuple[BaseException | None, Any]
    try:
        try:
            answer = None, work()
        except BaseException as error:  # noqa: BLE001 - raised again in the parent
            answer = error, None
        try:
            text = pickle.dumps(answer)
            pickle.loads(text)  # some exceptions can be written, but not read
        except Exception:  # noqa: BLE001 - of whatever kind it is
            what = "".join(traceback.format_exception(answer[0])) if answer[0] else repr(answer[1])
            text = pickle.dumps((AssertionError(what), None))
        while text:
            text = text[os.write(writing, text) :]
    finally:
        os._exit(0)
