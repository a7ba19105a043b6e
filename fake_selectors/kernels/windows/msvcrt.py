"""``msvcrt``: the C runtime of Windows. That it can be imported is how ``subprocess`` knows Windows."""

from __future__ import annotations

from types import ModuleType

from ...views import Fake

CONSTANTS = {"LK_LOCK": 1, "LK_NBLCK": 2, "LK_NBRLCK": 4, "LK_RLCK": 3, "LK_UNLCK": 0}

FUNCTIONS = (
    "get_osfhandle",
    "getch",
    "getche",
    "getwch",
    "getwche",
    "heapmin",
    "kbhit",
    "locking",
    "open_osfhandle",
    "putch",
    "putwch",
    "setmode",
    "ungetch",
    "ungetwch",
)


def module() -> ModuleType:
    """Return :mod:`msvcrt`: constants, and functions that say they are not emulated."""
    return Fake("msvcrt", CONSTANTS, absent=FUNCTIONS)
