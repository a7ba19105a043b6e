"""What a program is told about the system: ``sys``, ``os``, ``signal`` and ``errno`` of Windows.

They are views of this process's own modules. Files, processes and the environment are this machine's; which names there
are, and what tells the system's name, is Windows'.

Some facts about signals:

1. ``signal.signal`` takes ``SIGABRT``, ``SIGBREAK``, ``SIGFPE``, ``SIGILL``, ``SIGINT``, ``SIGSEGV`` and ``SIGTERM``;
   others are a ``ValueError: invalid signal value``. https://docs.python.org/3/library/signal.html#signal.signal
2. ``signal.set_wakeup_fd`` takes sockets, and does not ask whether they block.
   https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
3. ``os.kill`` ends the process, whatever the signal, apart from ``CTRL_C_EVENT`` and ``CTRL_BREAK_EVENT``.
   https://docs.python.org/3/library/os.html#os.kill

The numbers of signals and errors stay this machine's. ``errno.WSAECONNRESET`` and its like are Winsock's, as
``winerror`` is.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import errno
import os
import signal
import sys
from asyncio import streams
from collections.abc import Iterator, Mapping, MutableMapping
from types import ModuleType
from typing import Any, NamedTuple

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...views import View, not_emulated
from .interrupts import SIGNALS
from .names import missing

WSA = {
    "WSABASEERR": 10000,
    "WSAEINTR": 10004,
    "WSAEBADF": 10009,
    "WSAEACCES": 10013,
    "WSAEFAULT": 10014,
    "WSAEINVAL": 10022,
    "WSAEMFILE": 10024,
    "WSAEWOULDBLOCK": 10035,
    "WSAEINPROGRESS": 10036,
    "WSAEALREADY": 10037,
    "WSAENOTSOCK": 10038,
    "WSAEDESTADDRREQ": 10039,
    "WSAEMSGSIZE": 10040,
    "WSAEPROTOTYPE": 10041,
    "WSAENOPROTOOPT": 10042,
    "WSAEPROTONOSUPPORT": 10043,
    "WSAESOCKTNOSUPPORT": 10044,
    "WSAEOPNOTSUPP": 10045,
    "WSAEPFNOSUPPORT": 10046,
    "WSAEAFNOSUPPORT": 10047,
    "WSAEADDRINUSE": 10048,
    "WSAEADDRNOTAVAIL": 10049,
    "WSAENETDOWN": 10050,
    "WSAENETUNREACH": 10051,
    "WSAENETRESET": 10052,
    "WSAECONNABORTED": 10053,
    "WSAECONNRESET": 10054,
    "WSAENOBUFS": 10055,
    "WSAEISCONN": 10056,
    "WSAENOTCONN": 10057,
    "WSAESHUTDOWN": 10058,
    "WSAETOOMANYREFS": 10059,
    "WSAETIMEDOUT": 10060,
    "WSAECONNREFUSED": 10061,
    "WSAELOOP": 10062,
    "WSAENAMETOOLONG": 10063,
    "WSAEHOSTDOWN": 10064,
    "WSAEHOSTUNREACH": 10065,
    "WSAENOTEMPTY": 10066,
    "WSAEPROCLIM": 10067,
    "WSAEUSERS": 10068,
    "WSAEDQUOT": 10069,
    "WSAESTALE": 10070,
    "WSAEREMOTE": 10071,
    "WSASYSNOTREADY": 10091,
    "WSAVERNOTSUPPORTED": 10092,
    "WSANOTINITIALISED": 10093,
    "WSAEDISCON": 10101,
}
"""Winsock's errors, of ``winerror.h``."""

COMSPEC = "C:\\Windows\\System32\\cmd.exe"
"""Windows' shell; see `processes` for what it does."""

SIGBREAK = 21
CTRL_C_EVENT = 0
CTRL_BREAK_EVENT = 1


class _Version(NamedTuple):
    major: int
    minor: int
    build: int
    platform: int
    service_pack: str


class WindowsVersion(_Version):
    """What ``sys.getwindowsversion()`` returns: five items, and five names more."""

    service_pack_minor = 0
    service_pack_major = 0
    suite_mask = 256
    product_type = 1  # a workstation

    @property
    def platform_version(self) -> tuple[int, int, int]:
        """The version, also where Windows pretends to be an older one."""
        return self[:3]


WINDOWS_11 = WindowsVersion(10, 0, 22631, 2, "")


class Processor(NamedTuple):
    """A processor as Windows names it."""

    machine: str
    """``PROCESSOR_ARCHITECTURE``, https://learn.microsoft.com/windows/win32/winprog64/wow64-implementation-details."""
    architecture: int
    """https://learn.microsoft.com/windows/win32/cimwin32prov/win32-processor"""
    caption: str
    manufacturer: str


INTEL = Processor("AMD64", 9, "Intel64 Family 6 Model 154 Stepping 3", "GenuineIntel")
ARM = Processor("ARM64", 12, "ARMv8 (64-bit) Family 8 Model 1 Revision 201", "Qualcomm Technologies Inc")
PROCESSOR = ARM if os.uname().machine == "aarch64" else INTEL
"""Of the machine that is emulated: it executes the same instructions as this one."""


def modules(of_processes: Mapping[str, object] | None = None) -> Mapping[str, ModuleType]:
    """Return the views, by name.

    Args:
        of_processes: the functions of :mod:`os` that are about processes and handles, by name.
    """
    return {
        "sys": _sys(),
        "os": _os(of_processes or {}),
        "signal": _signal(),
        "errno": View(errno, WSA, missing(errno)),
        "asyncio.streams": _streams(),
    }


def _sys() -> ModuleType:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names: dict[str, object] = {"platform": "win32", "winver": version, "getwindowsversion": lambda: WINDOWS_11}
    return View(sys, names, missing(sys))


def _streams() -> ModuleType:
    """Return the streams of this process, of which those over Unix sockets are defined only where there are some."""
    unix = frozenset(name for name in streams.__all__ if "unix" in name)
    return View(streams, {"__all__": tuple(name for name in streams.__all__ if name not in unix)}, unix)


def _os(of_processes: Mapping[str, object]) -> ModuleType:
    names: dict[str, object] = {
        "name": "nt",
        "environ": _Environment(),
        "get_handle_inheritable": os.get_inheritable,
        "set_handle_inheritable": os.set_inheritable,
        "kill": not_emulated("os.kill"),
        # Every file is binary here, and what speeds up access is left to the kernel.
        **dict.fromkeys(("O_BINARY", "O_RANDOM", "O_SEQUENTIAL"), 0),
        "O_NOINHERIT": os.O_CLOEXEC,
        "startfile": not_emulated("os.startfile"),
        **of_processes,
    }
    return View(os, names, missing(os))


_OF_THE_SYSTEM = {
    "COMSPEC": COMSPEC,  # `subprocess` looks for it with ``shell=True``
    "PROCESSOR_ARCHITECTURE": PROCESSOR.machine,
    "PROCESSOR_IDENTIFIER": f"{PROCESSOR.caption}, {PROCESSOR.manufacturer}",
}


class _Environment(MutableMapping[str, str]):
    """The environment of this process, in which what Windows itself puts into everyone's is found by its name."""

    def __getitem__(self, name: str) -> str:
        if name not in os.environ and (value := _OF_THE_SYSTEM.get(name.upper())) is not None:
            return value
        return os.environ[name]

    def __setitem__(self, name: str, value: str) -> None:
        os.environ[name] = value

    def __delitem__(self, name: str) -> None:
        del os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)

    def __repr__(self) -> str:
        return repr(os.environ)

    def __or__(self, other: Mapping[str, str]) -> dict[str, str]:
        return dict(self) | dict(other)

    def __ror__(self, other: Mapping[str, str]) -> dict[str, str]:
        return dict(other) | dict(self)

    def copy(self) -> dict[str, str]:
        """Return a dictionary of all."""
        return dict(self)


def _signal() -> ModuleType:
    breaking = _Break()

    def set_handler(number: int, handler: Any, /) -> Any:
        if number == SIGBREAK:
            return breaking.set(handler)
        if number not in SIGNALS:
            raise ValueError("invalid signal value")
        return signal.signal(number, handler)

    def get_handler(number: int, /) -> Any:
        return breaking.handler if number == SIGBREAK else signal.getsignal(number)

    def raise_signal(number: int, /) -> None:
        if number == SIGBREAK:
            raise NotImplementedError("signal.raise_signal(SIGBREAK) is not emulated")
        if number not in SIGNALS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        signal.raise_signal(number)

    names: dict[str, object] = {
        "SIGBREAK": SIGBREAK,
        "CTRL_C_EVENT": CTRL_C_EVENT,
        "CTRL_BREAK_EVENT": CTRL_BREAK_EVENT,
        "signal": set_handler,
        "getsignal": get_handler,
        "raise_signal": raise_signal,
        "valid_signals": lambda: {*SIGNALS, SIGBREAK},
        "set_wakeup_fd": _set_wakeup_fd,
    }
    return View(signal, names, missing(signal))


class _Break:
    """The handler of ``SIGBREAK``, a key that nobody presses here."""

    handler: Any = signal.SIG_DFL

    def set(self, handler: Any) -> Any:
        if not callable(handler) and handler not in (signal.SIG_DFL, signal.SIG_IGN):
            raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
        before, self.handler = self.handler, handler
        return before


def _set_wakeup_fd(handle: int, /, *, warn_on_full_buffer: bool = True) -> int:
    if handle != -1 and os.get_blocking(handle):
        raise NotImplementedError("signal.set_wakeup_fd with a handle that blocks is not emulated")
    return signal.set_wakeup_fd(handle, warn_on_full_buffer=warn_on_full_buffer)
