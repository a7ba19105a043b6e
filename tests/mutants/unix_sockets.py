"""Broken loops over Unix sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from pathlib import Path
from typing import Any

from .declare import mutant
from .parts import Loop, Server, StreamTransport

UVLOOP = "https://github.com/MagicStack/uvloop/issues/"
CPYTHON = "https://github.com/python/cpython/issues/"


def _is_path(path: Any) -> bool:
    return path is not None and os.fspath(path)[:1] not in (b"\0", "\0")


def _exists(path: Any) -> bool:
    return Path(os.fsdecode(path)).exists()


def _look_at(path: Any) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path(os.fsdecode(path)).stat()


def _unlink(path: Any) -> None:
    Path(os.fsdecode(path)).unlink()


@mutant("UNX", bug="a stale path is not replaced", source="https://github.com/python/asyncio/issues/425")
class KeepsStalePaths(Loop):
    async def create_unix_server(self, factory: Any, path: Any = None, **options: Any) -> Any:
        if _is_path(path) and _exists(path):
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use")
        return await super().create_unix_server(factory, path, **options)


@mutant(
    "UNX", bug="whatever is at the path is removed, were it a file", source="https://github.com/python/asyncio/pull/441"
)
class RemovesFiles(Loop):
    async def create_unix_server(self, factory: Any, path: Any = None, **options: Any) -> Any:
        if _is_path(path) and options.get("sock") is None:
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                _unlink(path)
        return await super().create_unix_server(factory, path, **options)


@mutant("UNX", bug="cleanup_socket= is ignored: the path stays", source=CPYTHON + "111246")
class LeavesThePath(Loop):
    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        return await super().create_unix_server(*args, **{**options, "cleanup_socket": False})


@mutant("UNX", bug="cleanup_socket=False is ignored: the path is removed", source=UVLOOP + "28")
class RemovesThePath(Loop):
    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        return await super().create_unix_server(*args, **{**options, "cleanup_socket": True})


@mutant("UNX", bug="closing removes the path though another server has replaced it", source="UNX-05")
class RemovesAnothersPath(Loop):
    def _stop_serving(self, sock: Any) -> None:
        if sock in self._unix_server_sockets:
            with contextlib.suppress(FileNotFoundError):
                self._unix_server_sockets[sock] = Path(sock.getsockname()).stat().st_ino
        super()._stop_serving(sock)


@mutant("UNX", bug="closing a server whose path is gone raises", source="UNX-05")
class MissesThePath(Loop):
    def _stop_serving(self, sock: Any) -> None:
        path = sock.getsockname() if sock in self._unix_server_sockets else None
        try:
            if path is not None:
                Path(path).stat()
        finally:
            super()._stop_serving(sock)


@mutant("UNX", bug="backlog= is ignored", source="SRV-22")
class IgnoresTheBacklog(Loop):
    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        options.pop("backlog", None)
        return await super().create_unix_server(*args, **options)


@mutant("UNX", bug="start_serving=False is ignored", source="SRV-11")
class ServesUnixAtOnce(Loop):
    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        return await super().create_unix_server(*args, **{**options, "start_serving": True})


@mutant("UNX", bug="an abstract name is a path: what is there is looked for in the file system", source="UNX-07")
class KnowsNoAbstractNames(Loop):
    async def create_unix_server(self, factory: Any, path: Any = None, **options: Any) -> Any:
        if path is not None:
            _look_at(path)
        return await super().create_unix_server(factory, path, **options)


@mutant("UNX", bug="a path may not be a PathLike", source="UNX-01")
class TakesStringsOnly(Loop):
    async def create_unix_connection(self, factory: Any, path: Any = None, **options: Any) -> Any:
        if not isinstance(path, (str, bytes, type(None))):
            raise TypeError("path must be str or bytes")
        return await super().create_unix_connection(factory, path, **options)


@mutant("UNX", bug="a path may not be bytes", source="UNX-01")
class TakesNoBytes(Loop):
    async def create_unix_server(self, factory: Any, path: Any = None, **options: Any) -> Any:
        if isinstance(path, bytes):
            raise TypeError("path must be str")
        return await super().create_unix_server(factory, path, **options)


@mutant("UNX", bug="any stream socket is taken for a Unix one", source="UNX-03")
class TakesInternetSockets(Loop):
    async def create_unix_connection(self, factory: Any, path: Any = None, **options: Any) -> Any:
        sock = options.get("sock")
        if path is None and sock is not None and sock.type == socket.SOCK_STREAM:
            return await super().create_connection(factory, sock=sock)
        return await super().create_unix_connection(factory, path, **options)


@mutant("UNX", bug="ssl= without server_hostname= is taken: nobody's name is verified", source="UNX-04")
class VerifiesNoName(Loop):
    async def create_unix_connection(self, *args: Any, ssl: Any = None, **options: Any) -> Any:
        if ssl and options.get("server_hostname") is None:
            options["server_hostname"] = ""
        return await super().create_unix_connection(*args, ssl=ssl, **options)


@mutant("UNX", bug="a path where nobody listens leaves a socket open", source="UNX-08")
class LeaksOnMissingPaths(Loop):
    async def create_unix_connection(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().create_unix_connection(*args, **options)
        except OSError:
            socket.socket(socket.AF_UNIX).detach()
            raise


@mutant("UNX", bug="a path that is too long leaves a socket open", source="UNX-08")
class LeaksOnLongPaths(Loop):
    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().create_unix_server(*args, **options)
        except OSError as exc:
            if exc.errno is None:
                socket.socket(socket.AF_UNIX).detach()
            raise


@mutant("UNX", bug="a hang-up ends the connection before what came with it was read", source="UNX-09")
class HangsUpAtOnce(Loop):
    class Stream(StreamTransport):
        def _read_ready(self) -> None:
            poll = select.poll()
            poll.register(self._sock_fd, 0)
            if poll.poll(0):
                self._read_ready__on_eof()
            else:
                super()._read_ready()


@mutant("UNX", bug="the listener's path is not told: the names of its sockets are empty", source="UNX-01")
class ForgetsItsPath(Loop):
    class Listener(Server):
        @property
        def sockets(self) -> Any:
            return ()
