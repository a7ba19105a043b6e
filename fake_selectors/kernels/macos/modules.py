"""The modules of Python as they are on macOS: the fakes, and views of this host's.

Facts:

* ``select.PIPE_BUF`` is 512. ``select.select`` takes every kind of descriptor, up to the number 1023, as Linux' does.
* Reading the master side of a pseudo terminal whose slave side is closed: end of file, where Linux has EIO.
* ``fstat()`` of a pipe without a name: no links and device 0, where Linux has one link and a device. asyncio tells it
  from a FIFO by that (https://github.com/python/cpython/pull/154222).
* asyncio waits for its children in threads: macOS has no pidfd. Up to 3.13 a loop asks the event loop policy for its
  child watcher; here it is answered by the platform, for the process's own may use a pidfd.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import asyncio.events
import errno
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from ...clocks import MACOS
from ...views import View
from . import release, sockets
from .kevent import CONSTANTS, kevent
from .kinds import Devices, is_fifo
from .kqueue import kqueue
from .names import missing
from .poll import poll

PIPE_BUF = 512


def modules(version: str, devices: Devices, child_watcher: Callable[[], Any]) -> dict[str, ModuleType]:
    """Return the modules by name.

    Args:
        version: of macOS, for those who ask.
        devices: which character devices a kqueue takes.
        child_watcher: makes the watcher that a loop gets from the policy, up to Python 3.13.
    """
    # Classes: `selectors` keeps them in classes of its own, where a function would become a method.
    of_devices = {"devices": devices, "__module__": "select"}
    own: dict[str, object] = {kind.__name__: type(kind.__name__, (kind,), of_devices) for kind in (kqueue, poll)}
    own |= {"kevent": kevent, "PIPE_BUF": PIPE_BUF, **CONSTANTS}
    fine = MACOS.module()
    return {
        "select": View(select, own, missing(select)),
        "time": View(fine, {}, missing(fine)),
        "sys": View(sys, {"platform": "darwin"}),
        "os": View(os, {"read": _read, "fstat": _fstat, **release.functions_of_os(version)}, missing(os)),
        "_socket": sockets.module(),
        "signal": View(signal, {}, missing(signal)),
        "asyncio.events": _events(child_watcher),
    }


def _read(fd: int, length: int, /) -> bytes:
    try:
        return os.read(fd, length)
    except OSError as failed:
        if failed.errno == errno.EIO and os.isatty(fd):
            return b""
        raise


def _fstat(fd: int) -> os.stat_result:
    found = os.fstat(fd)
    if not stat.S_ISFIFO(found.st_mode) or is_fifo(fd):
        return found
    first, rest = list(found), dir(found)
    first[stat.ST_NLINK] = first[stat.ST_DEV] = 0
    named = {"st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size"}  # by the sequence
    return os.stat_result(
        first, {name: getattr(found, name) for name in rest if name.startswith("st_") and name not in named}
    )


def _events(child_watcher: Callable[[], Any]) -> ModuleType:
    if sys.version_info >= (3, 14):
        return asyncio.events
    lock = threading.Lock()
    made: list[Any] = []

    def get_child_watcher() -> Any:
        """Return the platform's child watcher."""
        with lock:
            if not made:
                made.append(child_watcher())
            return made[0]

    changed = {"get_child_watcher": get_child_watcher, "__all__": asyncio.events.__all__}
    return View(asyncio.events, changed)
