"""``msvcrt``: the C runtime of Windows. That it can be imported is how ``subprocess`` knows Windows.

Of its functions, those that lead from descriptors to handles and back are emulated; see `handles`.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import sys
from types import ModuleType

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...views import Fake
from .handles import Descriptor, Object
from .iomanager import IoManager
from .pipes import PipeEnd

CONSTANTS = {"LK_LOCK": 1, "LK_NBLCK": 2, "LK_NBRLCK": 4, "LK_RLCK": 3, "LK_UNLCK": 0}

FUNCTIONS = (
    "getch",
    "getche",
    "getwch",
    "getwche",
    "heapmin",
    "kbhit",
    "locking",
    "putch",
    "putwch",
    "setmode",
    "ungetch",
    "ungetwch",
)


def module(manager: IoManager) -> ModuleType:
    """Return :mod:`msvcrt`.

    Args:
        manager: whose handles there are.
    """

    def get_osfhandle(fd: int, /) -> int:
        """Return the handle of a descriptor.

        Raises:
            OSError: there is no such descriptor.
        """
        with manager.entered():
            return manager.handles.of_descriptor(fd)

    def open_osfhandle(handle: int, flags: int, /) -> int:  # noqa: ARG001 - text or binary: here all is binary
        """Return a new descriptor that owns what a handle stood for."""
        with manager.entered():
            thing = manager.handles.get(handle, Object)
            if isinstance(thing, PipeEnd | Descriptor):
                descriptor = thing.into_descriptor()
                manager.handles.into_descriptor(handle, descriptor)
                return descriptor
        raise NotImplementedError(f"msvcrt.open_osfhandle of {type(thing).__name__} is not emulated")

    return Fake(
        "msvcrt", CONSTANTS | {"get_osfhandle": get_osfhandle, "open_osfhandle": open_osfhandle}, absent=FUNCTIONS
    )
