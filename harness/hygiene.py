"""What a case left behind in the process: descriptors, threads, children, and everything that is set globally.

Descriptors, threads and children may take a moment to go (a thread on its way out, a transport in a reference
cycle): they are given one. What a loop creates once in a process and keeps is no leak either: the worker finds that
out by running the case again.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import os
import re
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

K = TypeVar("K")

GRACE = 0.5
"""Seconds that threads and children get to go away."""
BRIEF_GRACE = 0.05
"""Seconds that descriptors alone get: nobody is left who could close them but a thread of the loop's own."""

_DESCRIPTORS = next((place for place in ("/proc/self/fd", "/dev/fd") if Path(place).is_dir()), None)


@dataclass(frozen=True)
class Snapshot:
    """The state of this process between two cases."""

    descriptors: dict[int, tuple[int, int, int]]
    threads: frozenset[threading.Thread]
    children: frozenset[int]
    signals: dict[int, object]
    environment: dict[str, str]
    settings: dict[str, object]

    @classmethod
    def take(cls) -> Snapshot:
        """Look at the process; a few dozen microseconds."""
        return cls(
            _descriptors(),
            frozenset(threading.enumerate()),
            _children(),
            _signals(),
            dict(os.environ),
            _settings(),
        )

    def leaks(self, now: Snapshot) -> list[str]:
        """Say what there is now that was not there then."""
        opened = {number: now.descriptors[number] for number in now.descriptors if number not in self.descriptors}
        found = []
        if opened:
            kinds = collections.Counter(_kind(number, mode) for number, (mode, _, _) in opened.items())
            listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            found.append(f"descriptors left open: {listed}")
        if threads := [thread.name for thread in now.threads - self.threads if thread.is_alive()]:
            found.append(f"threads left running: {', '.join(sorted(threads))}")
        if children := now.children - self.children:
            found.append(f"child processes left: {', '.join(sorted(map(_name, children)))}")
        return found

    def is_outlived_by(self, now: Snapshot) -> bool:
        """Whether somebody is there now who was not there then: a thread or a child."""
        return bool(now.threads - self.threads or now.children - self.children)

    def damage(self, now: Snapshot) -> list[str]:
        """Say what is no more as it was."""
        found = []
        closed = [number for number, identity in self.descriptors.items() if now.descriptors.get(number) != identity]
        if closed:
            found.append(f"closed descriptors that were not its own: {', '.join(map(str, sorted(closed)))}")
        if changed := _differing(self.signals, now.signals):
            found.append(f"signal handlers changed: {', '.join(map(_signal_name, sorted(changed)))}")
        if variables := _differing(self.environment, now.environment):
            found.append(f"environment variables changed: {', '.join(sorted(variables))}")
        found += [
            f"{name} changed: {_short(value)}" for name, value in now.settings.items() if value != self.settings[name]
        ]
        return found


def settled(before: Snapshot) -> tuple[Snapshot, list[str], list[str]]:
    """Compare the process with `before`, giving what may still go away :data:`GRACE` seconds to do so.

    Returns:
        the present state, what leaked, and what was damaged.
    """
    now = Snapshot.take()
    started = None
    pause = 0.002
    while leaks := before.leaks(now):
        if started is None:
            started = time.monotonic()
            gc.collect()
        elif time.monotonic() - started > (GRACE if before.is_outlived_by(now) else BRIEF_GRACE):
            break
        else:
            time.sleep(pause)
            pause = min(2 * pause, 0.1)  # looking for children costs as much as some cases
        now = Snapshot.take()
    _reap()
    return now, leaks, before.damage(now)


def _differing(before: Mapping[K, object], now: Mapping[K, object]) -> set[K]:
    """The keys that were added, removed, or have another value; pytest's own variable aside."""
    keys = before.keys() | now.keys()
    return {key for key in keys if before.get(key) != now.get(key) and key != "PYTEST_CURRENT_TEST"}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between SIGRTMIN and SIGRTMAX
        return f"signal {number}"


def _descriptors() -> dict[int, tuple[int, int, int]]:
    if _DESCRIPTORS is None:
        return {}
    found = {}
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - runs after every case: Path objects triple its cost
        with contextlib.suppress(OSError):  # the listing's own descriptor has gone
            status = os.fstat(int(name))
            found[int(name)] = (status.st_mode, status.st_dev, status.st_ino)
    return found


def _children() -> frozenset[int]:
    """The children that live, and the orphans that this process adopted (see worker.py).

    One that has ended holds nothing any more, and cannot be told from an orphan that ended: that one is for its
    adopter to reap, so it is no leak of the case. The cases about zombies look for them themselves.
    """
    if sys.platform == "linux":
        try:
            # The cheapest question about children: is there any, alive or dead? Nothing is reaped by asking.
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return frozenset()
    return frozenset(child.pid for child in psutil.Process().children() if not _has_ended(child))


def _has_ended(child: psutil.Process) -> bool:
    try:
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _reap() -> None:
    """Let the children go that have ended: after a case, nobody waits for them any more."""
    if sys.platform != "win32":
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _signals() -> dict[int, object]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _settings() -> dict[str, object]:
    settings: dict[str, object] = {
        "running loop": _running_loop(),
        "wakeup fd": _wakeup_fd(),
        "current directory": _quietly(os.getcwd),
        "event loop policy": _policy(),
        "async generator hooks": sys.get_asyncgen_hooks(),
        "exception hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
    }
    if sys.platform != "win32":
        settings["signal mask"] = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        settings["interval timer"] = signal.getitimer(signal.ITIMER_REAL)[1]
    return settings


def _running_loop() -> object:
    return _quietly(asyncio.get_running_loop)


def _wakeup_fd() -> int:
    descriptor = signal.set_wakeup_fd(-1)
    if descriptor != -1:
        with contextlib.suppress(ValueError, OSError):  # it may be closed by now
            signal.set_wakeup_fd(descriptor)
    return descriptor


def _policy() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.14 deprecates policies, 3.16 drops them
        get: Callable[[], object] | None = getattr(asyncio, "get_event_loop_policy", None)
        return get() if get else None


def _quietly(question: Callable[[], Any]) -> object:
    try:
        return question()
    except (OSError, RuntimeError):
        return None


def _kind(number: int, mode: int) -> str:
    kinds = {
        stat.S_IFSOCK: "socket",
        stat.S_IFIFO: "pipe",
        stat.S_IFCHR: "character device",
        stat.S_IFREG: "file",
        stat.S_IFDIR: "directory",
    }
    if (kind := kinds.get(stat.S_IFMT(mode))) is not None:
        return kind
    try:
        # Linux names what has no type of its own: "anon_inode:[eventpoll]".
        return os.readlink(f"{_DESCRIPTORS}/{number}").removeprefix("anon_inode:").strip("[]")  # noqa: PTH115
    except OSError:
        return "unknown kind"


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "unknown"


def _short(value: object) -> str:
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # an address says nothing, and differs in every run
    return text if len(text) < 100 else f"{text[:100]}…"


def summary(findings: Iterable[str]) -> str:
    """Return the value of a result's ``cleanup``."""
    return "; ".join(findings) or "clean"
