"""A platform: one emulated kernel, and CPython's own modules over it."""

from __future__ import annotations

import abc
import asyncio
import selectors
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from types import ModuleType
from typing import cast

from .loader import Library

ASYNCIO = (
    "asyncio",
    "asyncio.base_events",
    "asyncio.base_subprocess",
    "asyncio.proactor_events",
    "asyncio.selector_events",
    "asyncio.unix_events",
    "asyncio.windows_events",
    "asyncio.windows_utils",
    "platform",
    "selectors",
    "subprocess",
)
"""The modules of the standard library that know what they run on.

On every platform: those of another refuse to be imported there, as they do on the real one.
"""


@dataclass(frozen=True)
class Platform(abc.ABC):
    """An operating system's kernel as asyncio meets it; a value: equal platforms share one kernel and one library.

    Making one, or a loop of one, changes nothing in the process.
    """

    @property
    @abc.abstractmethod
    def sys_platform(self) -> str:
        """What :data:`sys.platform` is there."""

    @property
    @abc.abstractmethod
    def loop_class(self) -> str:
        """Module and name of the class of its event loops."""

    @property
    @abc.abstractmethod
    def selector_class(self) -> str | None:
        """Name of its selector in :mod:`selectors`; None if its loop has none."""

    @property
    def system(self) -> str | None:
        """The version of the operating system, ``"10.8"``; None: one of today."""
        return None

    @abc.abstractmethod
    def kernel(self) -> Kernel:
        """Make the modules of the fake kernel; called once for equal platforms."""

    @property
    def library(self) -> Library:
        """The platform's modules, built when they are first needed."""
        return _library(self)

    def module(self, name: str) -> ModuleType:
        """Return a module of the standard library as it is on this platform.

        Raises:
            ModuleNotFoundError: there is none.
        """
        return self.library.load(name)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make a loop of the platform: CPython's own class, over the fake kernel."""
        module, _, name = self.loop_class.rpartition(".")
        factory = cast("Callable[[], asyncio.AbstractEventLoop]", getattr(self.module(module), name))
        return factory()

    def new_selector(self) -> selectors.BaseSelector:
        """Make a selector of the platform: CPython's own class, over the fake kernel.

        Raises:
            NotImplementedError: its loop has none.
        """
        if self.selector_class is None:
            raise NotImplementedError(f"{self.loop_class} waits on a completion port, not on a selector")
        factory = cast("Callable[[], selectors.BaseSelector]", getattr(self.module("selectors"), self.selector_class))
        return factory()

    def install(self, packages: Collection[str] = ()) -> AbstractContextManager[None]:
        """Make this the process's asyncio while a context lasts; see :func:`.installing.install`."""
        from .installing import install

        return install(self, packages)


@dataclass(frozen=True)
class Kernel:
    """The modules of a fake kernel.

    Attributes:
        fakes: what stands for the modules written in C, by name, and the views of others that show the platform;
            None for a module that the platform does not have.
        again: the modules of the standard library that are executed over them.
        names: per module that is executed again, names that hide builtins in it.
    """

    fakes: Mapping[str, ModuleType | None]
    again: tuple[str, ...]
    names: Mapping[str, Mapping[str, object]]


_libraries: dict[Platform, Library] = {}
_building = Lock()


def _library(platform: Platform) -> Library:
    with _building:
        if (library := _libraries.get(platform)) is None:
            kernel = platform.kernel()
            library = _libraries[platform] = Library(kernel.fakes, kernel.again, kernel.names)
        return library
