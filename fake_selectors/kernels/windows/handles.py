"""Windows' handles.

Some facts:

1. A handle is a number that stands for an object of the kernel in one process: a multiple of 4, with 32 significant
   bits. It is used again after it was closed. https://learn.microsoft.com/windows/win32/sysinfo/handles-and-objects
2. Several handles may stand for one object (``DuplicateHandle``). The object goes with its last handle.
   https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
3. An unknown handle: ``[WinError 6]``. Closing one twice too.
   https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-closehandle
4. The C runtime has descriptors above handles (``msvcrt.get_osfhandle``, ``open_osfhandle``). A descriptor that was
   made of a handle owns it: closing the descriptor closes the handle.
   https://learn.microsoft.com/cpp/c-runtime-library/reference/open-osfhandle
5. ``-1`` is the process itself where a process is asked for (``GetCurrentProcess``).

Here the handle of a socket is its descriptor on this machine, a small number. All others are above `FIRST`, and are
never used again, so that a mistake with a closed one is found. The handle of a descriptor is `FILES` and four times the
descriptor.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import itertools
import os
import sys
from typing import TypeVar

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from .errors import error

FIRST = 0x0100_0000
FILES = 0x4000_0000
CURRENT_PROCESS = 2**64 - 1
INVALID_HANDLE_VALUE = 2**64 - 1
ERROR_INVALID_HANDLE = 6


class Object:
    """Something that handles stand for."""

    handles = 0
    """How many stand for it."""

    def close(self) -> None:
        """Forget it: its last handle was closed."""


Kind = TypeVar("Kind", bound=Object)


class Descriptor(Object):
    """A file of this machine: an anonymous pipe's end, a copy of a standard stream.

    Args:
        descriptor: that is owned from now on.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def into_descriptor(self) -> int:
        """Return the descriptor; nobody else will close it."""
        return self.descriptor


class Handles:
    """The handles of a process."""

    def __init__(self) -> None:
        self._objects: dict[int, Object] = {}
        self._numbers = itertools.count(FIRST, 4)
        self._behind: dict[int, tuple[int, tuple[int, int]]] = {}
        """By a descriptor that was made of a handle: the handle, and the file that the descriptor then was."""

    def add(self, thing: Object) -> int:
        """Return a new handle for an object."""
        handle = next(self._numbers)
        self._objects[handle] = thing
        thing.handles += 1
        return handle

    def is_object(self, handle: int) -> bool:
        """Whether a handle stands for an object here, and not for a descriptor of the C runtime."""
        return handle in self._objects

    def get(self, handle: int, kind: type[Kind]) -> Kind:
        """Return the object of a handle.

        Raises:
            OSError: there is none, or it is of another kind.
        """
        thing = self._objects.get(handle)
        if not isinstance(thing, kind):
            raise error(ERROR_INVALID_HANDLE)
        return thing

    def close(self, handle: int) -> None:
        """Close a handle.

        Raises:
            OSError: there is none.
        """
        if (thing := self._objects.pop(handle, None)) is None:
            raise error(ERROR_INVALID_HANDLE)
        thing.handles -= 1
        if not thing.handles:
            thing.close()

    def into_descriptor(self, handle: int, descriptor: int) -> None:
        """Note that a descriptor of this machine has become the owner of what a handle stood for."""
        del self._objects[handle]
        self._behind[descriptor] = handle, _file(descriptor)

    def of_descriptor(self, descriptor: int) -> int:
        """Return the handle of a descriptor.

        Raises:
            OSError: there is no such descriptor.
        """
        file = _file(descriptor)
        handle, of = self._behind.get(descriptor, (0, None))
        if of == file:
            return handle
        self._behind.pop(descriptor, None)
        return FILES + 4 * descriptor

    def descriptor(self, handle: int) -> int:
        """Return the descriptor of this machine for the handle of a file.

        Raises:
            OSError: there is none.
        """
        thing = self._objects.get(handle)
        if thing is not None:
            found = getattr(thing, "descriptor", None)
            if isinstance(found, int):
                return found
            raise error(ERROR_INVALID_HANDLE)
        for descriptor, (behind, of) in self._behind.items():
            if behind == handle:
                candidate, expected = descriptor, of
                break
        else:
            if handle < FILES or handle >= 2 * FILES:
                raise error(ERROR_INVALID_HANDLE)
            candidate, expected = (handle - FILES) // 4, None
        try:
            found_file = _file(candidate)
        except OSError:
            raise error(ERROR_INVALID_HANDLE) from None
        if expected not in {None, found_file}:
            raise error(ERROR_INVALID_HANDLE)
        return candidate


def _file(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
