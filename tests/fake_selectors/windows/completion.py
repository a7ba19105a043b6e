"""What the tests of completion ports share: ports, and operations that belong to one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

PATIENCE = 10_000  # milliseconds: what happens by itself happens much earlier
SOON = 1  # milliseconds: after which what has not happened does not
NULL = 0


class Port:
    """A completion port.

    Args:
        system: whose it is.

    Attributes:
        handle: of the port.
    """

    def __init__(self, system: Any) -> None:
        self.overlapped = system.module("_overlapped")
        self._winapi = system.module("_winapi")
        nothing = self.overlapped.INVALID_HANDLE_VALUE
        self.handle: int = self.overlapped.CreateIoCompletionPort(nothing, NULL, 0, 0)

    def owns(self, *things: Any) -> None:
        """Make sockets, or handles, belong to the port."""
        for thing in things:
            handle = thing if isinstance(thing, int) else thing.fileno()
            self.overlapped.CreateIoCompletionPort(handle, self.handle, 0, 0)

    def take(self, milliseconds: int = PATIENCE) -> Any:
        """Return the next packet, or None."""
        return self.overlapped.GetQueuedCompletionStatus(self.handle, milliseconds)

    def finish(self, operation: Any) -> tuple[int, int]:
        """Return error and size of the packet of an operation, which is the next one."""
        code, transferred, key, address = self.take()
        assert (key, address) == (0, operation.address)
        return code, transferred

    def start(self, call: str, *arguments: Any) -> Any:
        """Start an operation."""
        operation = self.overlapped.Overlapped(NULL)
        getattr(operation, call)(*arguments)
        return operation

    def close(self) -> None:
        """Close the port."""
        self._winapi.CloseHandle(self.handle)


@contextlib.contextmanager
def port_of(system: Any) -> Iterator[Port]:
    """Make a port for a while."""
    made = Port(system)
    try:
        yield made
    finally:
        made.close()
