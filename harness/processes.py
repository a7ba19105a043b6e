"""Starting processes and making sure that nothing of them stays behind.

Some facts about processes:

* A signal to a process group reaches every descendant that did not leave the group. A worker leads a session of its
  own, so one ``killpg`` ends it and its children, and the terminal's Ctrl-C reaches only us.
* A descendant that called ``setsid`` escapes that. When its parent dies it is adopted by the nearest *subreaper*
  (``prctl(PR_SET_CHILD_SUBREAPER)``, Linux 3.4). Workers are subreapers, so they see whatever a case started as
  their own child and are blamed for it; the run is one too, and ends what a lost worker leaves it.
* ``prctl(PR_SET_PDEATHSIG)`` lets the kernel kill a process when its parent dies, however it dies. It needs neither
  the process' cooperation nor its GIL. Elsewhere the worker's own watchdog (see worker.py) ends it a time-out later.
* A pipe stays open while *any* process has it: to read until the end of file is to wait for grandchildren too.
  So the end of a process is awaited by its id, its output collected on the side.
* On Windows there are neither groups nor sessions: the tree is walked instead.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL = 9  # which Windows' signal module does not have
_OUTPUT_KEPT = 64 * 1024  # bytes


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies (Linux; elsewhere nothing happens)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere nothing happens)."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")


class Child:
    """A process that leads its own session, and the end of what it printed.

    Args:
        pid: its id.
        output: a descriptor to read its output from, which is closed at the end.
        wait: blocks until it has ended and returns its exit status.
        ended: called once from a thread, after it has ended.
    """

    def __init__(self, pid: int, output: int, wait: Callable[[], int], ended: Callable[[], None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._wait = wait
        self._ended = ended
        self._output: collections.deque[bytes] = collections.deque()
        self._collector = threading.Thread(target=self._collect, args=(output,), daemon=True)
        self._waiter = threading.Thread(target=self._await_end, daemon=True)
        self._collector.start()
        self._waiter.start()

    def output(self) -> str:
        """Return the end of what it printed."""
        return b"".join(self._output)[-_OUTPUT_KEPT:].decode(errors="replace")

    def kill(self) -> None:
        """End the process and its descendants, as far as they can be found; it is no error if it has ended."""
        if sys.platform == "win32":
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(self.pid)
                for victim in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        victim.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.returncode is None:  # it may not have reached its setsid() yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self, patience: float = 0.2) -> None:
        """Kill it and wait until it has ended, and so many seconds at most until its output is complete."""
        self.kill()
        self._waiter.join()
        # A descendant that left the session may still hold the pipe; reap_orphans() ends that one.
        self._collector.join(patience)

    def _collect(self, descriptor: int) -> None:
        size = 0
        with open(descriptor, "rb", buffering=0) as pipe:
            while chunk := pipe.read(_OUTPUT_KEPT):
                self._output.append(chunk)
                size += len(chunk)
                while size - len(self._output[0]) > _OUTPUT_KEPT:
                    size -= len(self._output.popleft())

    def _await_end(self) -> None:
        self.returncode = self._wait()
        self._ended()


def spawn(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    ended: Callable[[], None],
    stdin: int = subprocess.DEVNULL,
) -> Child:
    """Start a program in a session of its own."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return Child(process.pid, reading, process.wait, ended)


def reap_orphans(alive: set[int]) -> None:
    """Kill and reap every child of this process that is not in `alive`: what others left behind."""
    for orphan in psutil.Process().children():
        if orphan.pid in alive:
            continue
        with contextlib.suppress(psutil.Error):
            for victim in [*orphan.children(recursive=True), orphan]:
                with contextlib.suppress(psutil.Error):
                    victim.kill()
        with contextlib.suppress(ChildProcessError, psutil.Error):
            orphan.wait(1)
