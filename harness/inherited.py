"""What a process inherits without being asked, and how a worker gets rid of it.

A shell that starts a job in the background ignores SIGINT and SIGHUP for it; CI runners close standard input, set odd
locales and low descriptor limits; a developer exports ``PYTHONASYNCIODEBUG``. None of it may colour a verdict.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

# What tells Python where things are stays; what changes how it behaves goes.
_KEPT = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHON_GIL"}
    | {"PYTHONDONTWRITEBYTECODE", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHON_JIT"}
)


def neutral_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a worker: without Python's, pytest's and the locale's switches."""
    neutral = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("PYTHON", "PYTEST", "LC_", "LANG")) or name in _KEPT
    }
    neutral["LC_ALL"] = "C.UTF-8"
    neutral["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return neutral


def open_standard_streams() -> None:
    """Make sure that descriptors 0 to 2 are open: else the next socket would become standard input."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def reset() -> None:
    """Give this process default signal handling, an empty signal mask and all the descriptors it may have."""
    if sys.platform == "win32":
        return
    import resource

    # What Python itself sets at its start: a broken pipe is an exception, an interrupt a KeyboardInterrupt.
    own: dict[int, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGPIPE: signal.SIG_IGN,
        signal.SIGXFSZ: signal.SIG_IGN,
    }
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        wanted = own.get(number, signal.SIG_DFL)
        if number not in {signal.SIGKILL, signal.SIGSTOP} and signal.getsignal(number) is not wanted:
            signal.signal(number, wanted)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Cases count descriptors in thousands; a hard limit of a million makes some programs slow.
    wanted_descriptors = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted_descriptors, hard))
    os.umask(0o022)
