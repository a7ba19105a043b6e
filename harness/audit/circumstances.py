"""What can be said of a single call of a loop: the words of the table of limits, from the arguments.

Each function takes the arguments of the method that it is named after. None of them judges: which words matter on
which platform is the table's to say. Arguments that the method will refuse have no words.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import descriptors

Words = Iterator[str]
_UNIX: Any = getattr(socket, "AF_UNIX", object())  # Windows has none


def _watched(fd: Any = None, *_: Any, **__: Any) -> Words:
    if kind := descriptors.kind_of(fd):
        yield kind


def _connected_pipe(_protocol_factory: Any = None, pipe: Any = None, *_: Any, **__: Any) -> Words:
    yield from _watched(pipe)


def _add_signal_handler(*_: Any, **__: Any) -> Words:
    if threading.current_thread() is not threading.main_thread():
        yield "in another thread"


def _subprocess(*_: Any, **options: Any) -> Words:
    yield from (name for name in ("preexec_fn", "pass_fds") if options.get(name))
    if options.get("stderr") == subprocess.STDOUT and options.get("stdout", subprocess.PIPE) is None:
        yield "stderr=STDOUT"


def _subprocess_exec(_protocol_factory: Any = None, program: Any = None, *_: Any, **options: Any) -> Words:
    yield from _subprocess(**options)
    if program is not None and _is_name_of_script(program):
        yield "name of a script"


def _is_name_of_script(program: Any) -> bool:
    """Whether a program is given without a folder, and is a script."""
    name = os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else ""
    if not name or os.path.basename(name) != name:  # noqa: PTH119 - "./x" is not "x"
        return False
    found = shutil.which(name)
    try:
        with Path(found or "").open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _reusing(*_: Any, reuse_port: Any = None, sock: Any = None, **__: Any) -> Words:
    if reuse_port:
        yield "reuse_port"
    yield from _of_socket(sock)


def _unix(*_: Any, **__: Any) -> Words:
    yield "Unix address"


def _connection(_protocol_factory: Any = None, _host: Any = None, port: Any = None, *_: Any, **given: Any) -> Words:
    yield from _port((None, given.get("port", port)))
    yield from _of_socket(given.get("sock"))


def _datagrams(
    _protocol_factory: Any = None, local_addr: Any = None, remote_addr: Any = None, *_: Any, **given: Any
) -> Words:
    yield from _port(remote_addr)
    yield from _port(local_addr)
    if given.get("family") == _UNIX:
        yield "Unix address"
    yield from _reusing(**given)


def _sock_connect(sock: Any = None, address: Any = None, *_: Any, **__: Any) -> Words:
    if getattr(sock, "family", None) == _UNIX:
        yield "Unix address"
        return
    yield from _port(address)
    if isinstance(address, tuple) and address and isinstance(address[0], str):
        try:
            socket.inet_pton(sock.family, address[0].partition("%")[0])
        except (AttributeError, OSError, ValueError):
            yield "name of a host"


def _sock_sendto(sock: Any = None, _data: Any = None, address: Any = None, *_: Any, **__: Any) -> Words:
    if getattr(sock, "family", None) == _UNIX:
        yield "Unix address"
    yield from _port(address)


def _sendfile(*_: Any, fallback: Any = True, **__: Any) -> Words:
    if not fallback:
        yield "fallback=False"


def _port(address: Any) -> Words:
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[1], int):  # noqa: SIM102
        if not 0 <= address[1] <= 65535:
            yield "port out of range"


def _of_socket(sock: Any) -> Words:
    """Whether it is a Unix socket with an address: those of ``socketpair()`` have none, and are TCP on Windows."""
    if sock is not None and getattr(sock, "family", None) == _UNIX:
        with contextlib.suppress(OSError):
            if sock.getsockname() or sock.getpeername():
                yield "Unix address"


def signal_name(number: Any) -> str | None:
    """Return the name of a signal; None if there is none with this number."""
    try:
        return signal.Signals(number).name
    except (TypeError, ValueError):
        return None


OF: dict[str, Callable[..., Words]] = {
    "add_reader": _watched,
    "add_writer": _watched,
    "add_signal_handler": _add_signal_handler,
    "connect_read_pipe": _connected_pipe,
    "connect_write_pipe": _connected_pipe,
    "create_connection": _connection,
    "create_datagram_endpoint": _datagrams,
    "create_server": _reusing,
    "create_unix_connection": _unix,
    "create_unix_server": _unix,
    "sendfile": _sendfile,
    "sock_connect": _sock_connect,
    "sock_sendfile": _sendfile,
    "sock_sendto": _sock_sendto,
    "subprocess_exec": _subprocess_exec,
    "subprocess_shell": _subprocess,
}
"""The functions by method; a method that is not here has no circumstances."""


def _length_of_path(_protocol_factory: Any = None, path: Any = None, *_: Any, **__: Any) -> int | None:
    return len(os.fsencode(path)) if isinstance(path, (str, bytes, os.PathLike)) else None


def _length_of_address(sock: Any = None, address: Any = None, *_: Any, **__: Any) -> int | None:
    return _length_of_path(None, address) if getattr(sock, "family", None) == _UNIX else None


def _length_of_datagram(_sock: Any = None, data: Any = None, *_: Any, **__: Any) -> int | None:
    return len(data) if isinstance(data, (bytes, bytearray, memoryview)) else None


AMOUNTS: dict[str, tuple[str, Callable[..., int | None]]] = {
    "create_unix_connection": ("longest-unix-path", _length_of_path),
    "create_unix_server": ("longest-unix-path", _length_of_path),
    "sock_connect": ("longest-unix-path", _length_of_address),
    "sock_sendto": ("longest-datagram", _length_of_datagram),
}
"""What else is to be measured of a call, by method."""
