"""Linux' kernel to a program that has nothing but ``select()``.

Some facts about ``select.select`` on Linux:

1. An ``fd_set`` is 1024 bits, one per descriptor *number* (``FD_SETSIZE``, fixed by the C library): a descriptor of
   1024 or more does not fit, however few there are. ``ValueError: filedescriptor out of range in select()``.
   https://man7.org/linux/man-pages/man2/select.2.html#BUGS, CPython's Modules/selectmodule.c (``seq2set``)
2. CPython takes 1024 entries of each list, which only duplicates can exceed: ``ValueError: too many file descriptors
   in select()``. Of each entry, the number is looked at before the count.
3. A descriptor that is not open fails the whole call: ``OSError`` with ``EBADF``. Nothing is left out silently.
4. Three empty lists are a way to sleep.
5. Everything that can be opened can be waited for; regular files and ``/dev/null`` are always ready.
   https://man7.org/linux/man-pages/man2/select.2.html#NOTES

The limit is the same in every process on Linux, this one included. So nothing is imitated here: the machine's own
``select`` is the kernel, and what is newer than it is hidden.
"""

from __future__ import annotations

import select
from types import ModuleType

from ...views import View

FD_SETSIZE = 1024
"""Descriptors that an ``fd_set`` has room for: those with the numbers 0 to 1023."""


def module() -> ModuleType:
    """Return :mod:`select` of a system that has nothing else in it: no ``poll``, no ``epoll``, no ``kqueue``."""
    other = ("poll", "POLL", "epoll", "EPOLL", "devpoll", "kqueue", "kevent", "KQ_")
    return View(select, {}, [name for name in dir(select) if name.startswith(other)])
