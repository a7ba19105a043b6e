"""macOS, as an emulated platform."""

from __future__ import annotations

import selectors
import sys
from dataclasses import dataclass

from .platform import ASYNCIO, Kernel, Platform

WITHOUT_TERMINALS = ("10.6", "10.7", "10.8")
VERSIONS = (*WITHOUT_TERMINALS, *(f"10.{minor}" for minor in range(9, 16)), "11", "12", "13", "14", "15", "26")


@dataclass(frozen=True)
class MacOS(Platform):
    """A version of macOS: its kqueue under CPython's ``KqueueSelector`` and its loop for Unix.

    Attributes:
        version: one of `VERSIONS`.

    Raises:
        ValueError: the version is none of them.
    """

    version: str = "15"

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(
                f"version: {self.version!r} is not a version of macOS that is known: {', '.join(VERSIONS)}"
            )

    @property
    def sys_platform(self) -> str:
        """What :data:`sys.platform` is there."""
        return "darwin"

    @property
    def loop_class(self) -> str:
        """The loop of every Unix."""
        return "asyncio.unix_events.SelectorEventLoop"

    @property
    def selector_class(self) -> str:
        """The selector over kqueue."""
        return "KqueueSelector"

    @property
    def system(self) -> str:
        """The version of macOS."""
        return self.version

    def kernel(self) -> Kernel:
        """Make the modules of the kernel.

        Raises:
            NotImplementedError: this host is not a Linux.
        """
        if sys.platform == "linux":
            from .kernels.macos.kinds import Devices
            from .kernels.macos.modules import modules
            from .kernels.macos.release import opening

            devices = Devices(terminals=self.version not in WITHOUT_TERMINALS)
            fakes = modules(self.version, devices, lambda: self.module("asyncio.unix_events").ThreadedChildWatcher())
            return Kernel(
                fakes, (*ASYNCIO, "asyncio.unix_events", "socket"), {"platform": {"open": opening(self.version)}}
            )
        raise NotImplementedError("macOS is emulated on Linux only: its kqueue is made of epoll")


def macos(version: str = "15") -> Platform:
    """Return macOS.

    Args:
        version: ``"10.6"`` to ``"10.15"``, ``"11"`` to ``"15"``, ``"26"``. Up to 10.8 kqueue refuses every character
            device, terminals among them (https://docs.python.org/3/library/asyncio-platforms.html#macos).

    Raises:
        ValueError: there is no such version.
    """
    return MacOS(version)


def MacOSKqueueSelector(version: str = "15") -> selectors.BaseSelector:  # noqa: N802 - makes an object, as a class does
    """Make CPython's ``KqueueSelector`` over macOS' kqueue, for ``asyncio.SelectorEventLoop(selector)``.

    Raises:
        ValueError: there is no such version.
    """
    return macos(version).new_selector()
