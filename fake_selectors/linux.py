"""Linux, as an emulated platform.

Its newest way to wait is this machine's own; what is emulated is the oldest, which programs still meet: ``select()``,
chosen by hand, or by a library that is written for every system.
"""

from __future__ import annotations

import selectors
from dataclasses import dataclass

from .kernels.linux import select as kernel
from .platform import ASYNCIO, Kernel, Platform


@dataclass(frozen=True)
class Select(Platform):
    """Linux without ``epoll`` and ``poll``: CPython's own choice of a selector falls on ``SelectSelector``."""

    @property
    def sys_platform(self) -> str:
        """That of this machine."""
        return "linux"

    @property
    def loop_class(self) -> str:
        """The loop of every Unix."""
        return "asyncio.unix_events.SelectorEventLoop"

    @property
    def selector_class(self) -> str:
        """What is left for ``selectors.DefaultSelector`` to be."""
        return "SelectSelector"

    def kernel(self) -> Kernel:
        """Make the modules of the kernel. The clock is this machine's own."""
        return Kernel({"select": kernel.module()}, ASYNCIO, {})


def select() -> Platform:
    """Return Linux under ``select()``, which takes descriptors with the numbers 0 to 1023.

    A loop that watches another one fails where it waits, in ``run_forever()``: ``ValueError: filedescriptor out of
    range in select()``.
    https://man7.org/linux/man-pages/man2/select.2.html#BUGS
    """
    return Select()


def LinuxSelectSelector() -> selectors.BaseSelector:  # noqa: N802 - makes an object, as a class does
    """Make CPython's ``SelectSelector`` over Linux' ``select()``, for ``asyncio.SelectorEventLoop(selector)``."""
    return select().new_selector()
