"""What an open descriptor is, in the words of the table of limits."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import stat
import sys
from typing import Any

from ...fake_selectors.limits import DEVICE, FIFO, FILE, OTHER, PIPE, PTY, SOCKET, TERMINAL


def number_of(file: Any) -> int | None:
    """Return the descriptor of what a loop is asked to watch; None if it has none."""
    if isinstance(file, int):
        return file
    try:
        number = file.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return number if isinstance(number, int) else None


def kind_of(file: Any) -> str | None:
    """Return the kind of a descriptor or of an object that has one; None if it is not open.

    A terminal is a pseudo-terminal under any name but ``/dev/tty``: that is what kernels tell apart.
    """
    number = number_of(file)
    if number is None:
        return None
    if type(file) is socket.socket and number >= 0:
        return SOCKET
    try:
        status = os.fstat(number)
    except OSError:
        return None
    mode = status.st_mode
    if stat.S_ISSOCK(mode):
        return SOCKET
    if stat.S_ISFIFO(mode):
        return PIPE if _is_nameless(number) else FIFO
    if stat.S_ISREG(mode):
        return FILE
    if stat.S_ISCHR(mode):
        if sys.platform != "win32" and status.st_rdev == _alias_of_terminals():
            return TERMINAL
        return PTY if os.isatty(number) else DEVICE
    return OTHER


def open_sockets() -> int | None:
    """Count the sockets of this process; None where the system does not list its descriptors."""
    try:
        numbers = os.listdir("/dev/fd")  # noqa: PTH208 - names are all that is asked for
    except OSError:
        return None
    count = 0
    for number in numbers:
        with contextlib.suppress(OSError):  # the descriptor of the listing is closed by now
            count += stat.S_ISSOCK(os.fstat(int(number)).st_mode)
    return count


def _is_nameless(number: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("pipe:")  # noqa: PTH115 - it is no path
    except OSError:
        return True  # where there is no /proc, it has not been told from a FIFO


if sys.platform != "win32":

    @functools.cache
    def _alias_of_terminals() -> int | None:
        try:
            return os.stat("/dev/tty").st_rdev  # noqa: PTH116 - kept beside fstat()
        except OSError:
            return None
