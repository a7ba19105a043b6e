"""What a case needs of the machine and the Python it runs on, as data.

A gate never asks about the loop under test: a loop that lacks something is judged, not excused. Gates can be
listed without running a case; one that does not hold turns the case into a skip with the gate's reason.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """A precondition: its name, why a case is skipped without it, and how to find out.

    Attributes:
        name: for lists.
        reason: why a case is skipped without it, ``needs …``.
        holds: asks this machine.
        never_on: the values of :data:`sys.platform` on which it holds on no machine.
    """

    name: str
    reason: str
    holds: Callable[[], bool]
    never_on: tuple[str, ...] = ()

    def holds_on(self, platform: str) -> bool:
        """Whether this machine meets the precondition, seen from a platform, which may be an emulated one."""
        return platform not in self.never_on and self.holds()


def _can_bind(family: int, address: tuple[str, int]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


POSIX = Gate("posix", "needs a POSIX system", lambda: os.name == "posix", never_on=("win32",))
LINUX = Gate("linux", "needs Linux", lambda: sys.platform == "linux", never_on=("win32", "darwin"))
WINDOWS = Gate("windows", "needs Windows", lambda: sys.platform == "win32", never_on=("linux", "darwin"))
IPV6 = Gate("ipv6", "needs an IPv6 loopback address", lambda: _can_bind(socket.AF_INET6, ("::1", 0)))
UNIX_SOCKETS = Gate("unix-sockets", "needs AF_UNIX sockets", lambda: hasattr(socket, "AF_UNIX"), never_on=("win32",))
PTY = Gate("pty", "needs pseudo-terminals", lambda: hasattr(os, "openpty"), never_on=("win32",))
FORK = Gate("fork", "needs os.fork()", lambda: hasattr(os, "fork"), never_on=("win32",))
WAITID = Gate("waitid", "needs os.waitid()", lambda: hasattr(os, "waitid"), never_on=("win32",))
ROOT = Gate("root", "needs root", lambda: hasattr(os, "geteuid") and os.geteuid() == 0, never_on=("win32",))
NOT_ROOT = Gate("not-root", "needs an unprivileged user", lambda: not ROOT.holds())
FREE_THREADED = Gate(
    "free-threaded",
    "needs a free-threaded build of Python",
    lambda: bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
)


def descriptors(count: int) -> Gate:
    """A gate for cases that hold `count` descriptors open at once (``RLIMIT_NOFILE``)."""

    def holds() -> bool:
        if sys.platform == "win32":
            return True
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return soft == resource.RLIM_INFINITY or soft >= count + 64

    return Gate(f"descriptors({count})", f"needs {count} descriptors (RLIMIT_NOFILE is lower)", holds)
