"""Windows, as an emulated platform."""

from __future__ import annotations

import selectors
import sys
from abc import ABC
from dataclasses import dataclass
from types import ModuleType

from .clocks import WINDOWS_TICK, WindowsClock
from .platform import ASYNCIO, Kernel, Platform

FD_SETSIZE = 512
"""Sockets that ``select()`` takes per list, as CPython is built for Windows."""

FAULTS = ("accept-64", "delayed-completions", "late-accept", "reordered-completions", "reset-on-shutdown")
"""What Windows does now and then, and here when it is asked to; see ``kernels/windows/faults.py``."""


OWN = (
    "asyncio.proactor_events",
    "asyncio.windows_events",
    "asyncio.windows_utils",
    "curses",
    "pty",
    "socket",
    "tty",
)
"""The modules of the standard library that are executed again, besides those that are on every platform.

Some cannot be imported there, for want of others: they fail as they do on Windows.
"""


@dataclass(frozen=True)
class Windows(Platform, ABC):
    """Windows under any of its loops: both are there, and a platform says which one is made.

    Attributes:
        max_sockets: that ``select()`` takes per list.
        clock_resolution: between two ticks of the system's timer, in seconds.
        faults: names of `FAULTS`, joined with ``+``.
        seed: decides when faults happen.

    Raises:
        ValueError: Windows cannot have such a value.
    """

    max_sockets: int
    clock_resolution: float
    faults: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if type(self.max_sockets) is not int or self.max_sockets < 1:
            raise ValueError(f"max_sockets: {self.max_sockets!r} is not a whole number of 1 or more")
        if type(self.clock_resolution) not in {int, float}:
            raise ValueError(f"clock_resolution: {self.clock_resolution!r} is not a number of seconds")
        WindowsClock(self.clock_resolution)
        if not isinstance(self.faults, str):
            raise ValueError(f"faults: {self.faults!r} is not a text")
        for name in self._faults():
            if name not in FAULTS:
                raise ValueError(f"faults: {name!r} is not a fault: there are {', '.join(FAULTS)}")
        if type(self.seed) is not int:
            raise ValueError(f"seed: {self.seed!r} is not a whole number")

    def _faults(self) -> list[str]:
        return self.faults.split("+") if self.faults else []

    @property
    def sys_platform(self) -> str:
        """What every Windows is called, the 64-bit one too."""
        return "win32"

    def kernel(self) -> Kernel:
        """Make the modules of the kernel.

        Raises:
            NotImplementedError: this host is not a Linux.
        """
        if sys.platform == "linux":
            from .kernels.windows import (
                errors,
                faults,
                foreign,
                iomanager,
                msvcrt,
                names,
                overlapped,
                select,
                sockets,
                system,
                winapi,
                wmi,
            )

            clock = WindowsClock(self.clock_resolution)
            kinds = faults.kinds(self._faults(), self.seed)
            manager = iomanager.IoManager(clock, kinds.port)
            closing = iomanager.Told(manager)
            fakes: dict[str, ModuleType | None] = {
                **dict.fromkeys(names.MODULES),
                **system.modules(winapi.functions_of_os(manager)),
                "_overlapped": overlapped.module(manager, kinds.overlapped),
                "_socket": sockets.module(closing, manager.contexts, kinds.socket(manager)),
                "_winapi": winapi.module(manager),
                "_wmi": wmi.module(),
                "msvcrt": msvcrt.module(manager),
                "select": select.module(clock, self.max_sockets, closing),
                "time": clock.module(),
            }
            # It writes ConnectionResetError(*error.args), which shall not lose `winerror`.
            reset: dict[str, object] = {"ConnectionResetError": errors.CLASSES[ConnectionResetError]}
            shutdown: dict[str, object] = {"hasattr": foreign.has}
            return Kernel(
                fakes,
                (*ASYNCIO, *OWN),
                {"asyncio.windows_events": reset, "asyncio.proactor_events": shutdown},
            )
        raise NotImplementedError("Windows is emulated on Linux only: its select() is made of poll()")


@dataclass(frozen=True)
class Selector(Windows):
    """Windows under the loop that waits with ``select()``."""

    @property
    def loop_class(self) -> str:
        """CPython's loop for sockets only; the default up to Python 3.7."""
        return "asyncio.windows_events.SelectorEventLoop"

    @property
    def selector_class(self) -> str:
        """The only selector of Windows."""
        return "SelectSelector"


@dataclass(frozen=True)
class Proactor(Windows):
    """Windows under the loop that waits on a completion port."""

    @property
    def loop_class(self) -> str:
        """CPython's loop for sockets, pipes and processes; the default since Python 3.8."""
        return "asyncio.windows_events.ProactorEventLoop"

    @property
    def selector_class(self) -> None:
        """A proactor is no selector."""
        return


def proactor(*, clock_resolution: float = WINDOWS_TICK, faults: str = "", seed: int = 0) -> Platform:
    """Return Windows under asyncio's ``ProactorEventLoop``.

    Args:
        clock_resolution: between two ticks of the system's timer, in seconds: 0.015625, or what a program asked for,
            down to 0.0005.
        faults: what Windows does now and then, done more often: names of `FAULTS`, joined with ``+``.
        seed: decides when faults happen. With the same one, every loop meets the same.

    Raises:
        ValueError: Windows cannot have such a value; the text begins with the knob's name.
    """
    return Proactor(FD_SETSIZE, clock_resolution, faults, seed)


def selector(*, max_sockets: int = FD_SETSIZE, clock_resolution: float = WINDOWS_TICK) -> Platform:
    """Return Windows under asyncio's ``SelectorEventLoop``.

    Args:
        max_sockets: that ``select()`` takes per list; one of them wakes the loop. 512 in CPython for Windows; other
            programs are built with 64, Winsock's own number.
            https://docs.python.org/3/library/asyncio-platforms.html#windows
        clock_resolution: between two ticks of the system's timer, in seconds: 0.015625, or what a program asked for,
            down to 0.0005.

    Raises:
        ValueError: Windows cannot have such a value; the text begins with the knob's name.
    """
    return Selector(max_sockets, clock_resolution)


def WindowsSelectSelector(  # noqa: N802 - makes an object, as a class does
    *, max_sockets: int = FD_SETSIZE, clock_resolution: float = WINDOWS_TICK
) -> selectors.BaseSelector:
    """Make CPython's ``SelectSelector`` over Windows' ``select()``, for ``asyncio.SelectorEventLoop(selector)``.

    Args:
        max_sockets: that ``select()`` takes per list.
        clock_resolution: between two ticks of the system's timer, at which waits end, in seconds.

    Raises:
        ValueError: Windows cannot have such a value; the text begins with the knob's name.
    """
    return selector(max_sockets=max_sockets, clock_resolution=clock_resolution).new_selector()
