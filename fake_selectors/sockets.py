"""Sockets of another platform that pass for the process's own, and the other way round.

CPython's ``socket.py`` is executed again over a platform's ``_socket``, so there are two classes ``socket.socket`` in
the process. Programs have made sockets of the one and ask for the other.
"""

from __future__ import annotations

import _socket
import functools
import socket
from typing import Any


class SocketKind(type):
    """Lets the process's own sockets pass for the platform's: programs hand them to a loop."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        own = {"_socket": _socket.socket, "socket": socket.socket}.get(cls.__module__)
        return own is not None and cls.__name__ == "socket" and isinstance(instance, own)

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if hasattr(cls, name)]


@functools.cache
def passport(kind: type) -> type:
    """Return what a socket of the platform shows as its ``__class__``.

    ``isinstance(sock, socket.socket)`` in a program means the process's own class, of which the platform's cannot be
    derived. Called, as ``socket.dup()`` does, it makes a socket of the platform.
    """

    def make(_: type, *args: Any, **keywords: Any) -> object:
        return kind(*args, **keywords)

    return type("socket", (socket.socket,), {"__slots__": (), "__module__": "socket", "__new__": make})
