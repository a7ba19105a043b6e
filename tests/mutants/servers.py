"""Broken servers."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
from typing import Any

from .declare import mutant
from .parts import Loop, Server, StreamTransport

DOCS = "https://docs.python.org/3/library/asyncio-eventloop.html#"
CPYTHON = "https://github.com/python/cpython/issues/"


# Starting


@mutant("SRV", bug="start_serving=False is ignored", source="SRV-11")
class ServesAtOnce(Loop):
    async def create_server(self, *args: Any, **options: Any) -> Any:
        return await super().create_server(*args, **{**options, "start_serving": True})


@mutant(
    "SRV", bug="start_serving() and serve_forever() do not start what start_serving=False left out", source="SRV-11"
)
class NeverStarts(Loop):
    class Listener(Server):
        def _start_serving(self) -> None:
            self._serving = True


@mutant("SRV", bug="only the first of several hosts is bound", source="SRV-02")
class BindsOneHost(Loop):
    async def create_server(self, factory: Any, host: Any = None, *args: Any, **options: Any) -> Any:
        if isinstance(host, list | tuple):
            host = host[0]
        return await super().create_server(factory, host, *args, **options)


@mutant("SRV", bug="a host that is named twice is bound twice", source="SRV-29")
class BindsTwice(Loop):
    async def create_server(self, factory: Any, host: Any = None, *args: Any, **options: Any) -> Any:
        if isinstance(host, list | tuple) and len(set(host)) < len(host):
            raise OSError(errno.EADDRINUSE, f"error while attempting to bind on address {host[0]!r}")
        return await super().create_server(factory, host, *args, **options)


@mutant("SRV", bug="IPV6_V6ONLY is not set: an IPv6 listener takes IPv4 connections too", source="SRV-04")
class ListensOnBothFamilies(Loop):
    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if host != "::":
            return await super().create_server(factory, host, port, **options)
        sock = socket.socket(socket.AF_INET6)
        try:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::", port))
            return await super().create_server(factory, sock=sock, **{**options, "family": 0})
        except BaseException:
            sock.close()
            raise


@mutant("SRV", bug="a port in use leaves the sockets open that were bound before", source="SRV-05")
class LeaksOnBusyPort(Loop):
    async def create_server(self, factory: Any, host: Any = None, *args: Any, **options: Any) -> Any:
        try:
            return await super().create_server(factory, host, *args, **options)
        except OSError:
            if isinstance(host, list | tuple):
                with socket.socket() as sock:
                    sock.bind((host[0], 0))
                    sock.detach()
            raise


@mutant("SRV", bug="an error of bind() does not name the address", source="SRV-05")
class HidesTheAddress(Loop):
    async def create_server(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().create_server(*args, **options)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            raise OSError(exc.errno, os.strerror(exc.errno)) from None


@mutant("SRV", bug="SO_REUSEADDR is not set by default: a port cannot be bound again at once", source="SRV-24")
class DoesNotReuseAddresses(Loop):
    async def create_server(self, *args: Any, reuse_address: bool | None = None, **options: Any) -> Any:
        return await super().create_server(*args, reuse_address=bool(reuse_address), **options)


@mutant("SRV", bug="reuse_port= is ignored", source="SRV-08")
class DoesNotReusePorts(Loop):
    async def create_server(self, *args: Any, **options: Any) -> Any:
        return await super().create_server(*args, **{**options, "reuse_port": None})


@mutant("SRV", bug="keep_alive= is ignored", source="SRV-09")
class DoesNotKeepAlive(Loop):
    async def create_server(self, *args: Any, **options: Any) -> Any:
        options.pop("keep_alive", None)
        return await super().create_server(*args, **options)


@mutant("SRV", bug="sock= is duplicated: the socket that was given stays open when the server closes", source="SRV-06")
class DuplicatesTheSocket(Loop):
    async def create_server(self, *args: Any, sock: Any = None, **options: Any) -> Any:
        if sock is not None and sock.type == socket.SOCK_STREAM:
            sock = sock.dup()
        return await super().create_server(*args, sock=sock, **options)


@mutant("SRV", bug="host and sock= together: the host wins", source="SRV-07")
class IgnoresTheSocket(Loop):
    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if host is not None or port is not None:
            options["sock"] = None
        return await super().create_server(factory, host, port, **options)


# Accepting


@mutant("SRV", bug="a server that ran out of descriptors never accepts again", source="SRV-20")
class GivesUpWithoutDescriptors(Loop):
    def _start_serving(self, factory: Any, sock: Any, *args: Any, **options: Any) -> None:
        if asyncio.current_task(self) is not None:  # else it is the retry
            super()._start_serving(factory, sock, *args, **options)


@mutant("SRV", bug="a server that ran out of descriptors tells nobody", source="SRV-20")
class RunsOutSilently(Loop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if "out of system resource" not in context["message"]:
            super().call_exception_handler(context)


@mutant("SRV", bug="a protocol factory that raises ends the server", source="SRV-23")
class DiesOfItsFactory(Loop):
    async def _accept_connection2(
        self, factory: Any, conn: Any, extra: Any, context: Any, server: Any, *a: Any
    ) -> None:
        def make() -> Any:
            try:
                return factory()
            except Exception:
                server.close()
                raise

        await super()._accept_connection2(make, conn, extra, context, server, *a)


@mutant("SRV", bug="an accepted connection stays blocking", source="SRV-22")
class AcceptsBlocking(Loop):
    async def _accept_connection2(self, factory: Any, conn: Any, *args: Any, **options: Any) -> None:
        conn.setblocking(True)
        await super()._accept_connection2(factory, conn, *args, **options)


@mutant("SRV", bug="one connection is accepted, and the next only when that one is lost", source="SRV-22")
class ServesOneAfterTheOther(Loop):
    class Stream(StreamTransport):
        def _call_connection_lost(self, exc: BaseException | None) -> None:
            loop, server = self._loop, self._server
            super()._call_connection_lost(exc)
            if server is not None and (waiting := loop.waiting.pop(server, None)):
                waiting()

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[Any, Any] = {}

    def _accept_connection(self, factory: Any, sock: Any, context: Any = None, server: Any = None, *a: Any) -> None:
        super()._accept_connection(factory, sock, context, server, 1, *a[1:])
        self._remove_reader(sock.fileno())
        self.waiting[server] = functools.partial(self._resume, factory, sock, context, server, *a)

    def _resume(self, factory: Any, sock: Any, *args: Any) -> None:
        if sock.fileno() >= 0:
            self._start_serving(factory, sock, *args)


# Closing


@mutant("SRV", bug="close() stops accepting and leaves the sockets open", source="SRV-14")
class KeepsListening(Loop):
    def _stop_serving(self, sock: socket.socket) -> None:
        self._remove_reader(sock.fileno())
        os.dup(sock.fileno())
        sock.close()


@mutant("SRV", bug="close() closes the connections too", source=DOCS + "asyncio.Server.close")
class ClosesItsClients(Loop):
    class Listener(Server):
        def close(self) -> None:
            for transport in list(self._clients):
                transport.close()
            super().close()


@mutant("SRV", bug="a server that was closed is still serving", source="SRV-14")
class ServesOn(Loop):
    class Listener(Server):
        def is_serving(self) -> bool:
            return True


@mutant("SRV", bug="leaving `async with server` does not close it", source="SRV-14")
class StaysOpenAfterTheBlock(Loop):
    class Listener(Server):
        async def __aexit__(self, *_: object) -> None:
            await asyncio.sleep(0)


@mutant("SRV", bug="closing a server twice raises", source="SRV-14")
class ClosesOnce(Loop):
    class Listener(Server):
        def close(self) -> None:
            if self._sockets is None:
                raise RuntimeError("the server is closed")
            super().close()


@mutant("SRV", bug="wait_closed() of a closed server does not wait for its connections", source=CPYTHON + "79033")
class DoesNotWaitForClients(Loop):
    class Listener(Server):
        async def wait_closed(self) -> None:
            if self._sockets is not None:
                await super().wait_closed()


@mutant("SRV", bug="wait_closed() of an open server without connections returns", source=CPYTHON + "109538")
class DoesNotWaitForTheClose(Loop):
    class Listener(Server):
        async def wait_closed(self) -> None:
            if self._clients:
                await super().wait_closed()


@mutant("SRV", bug="a connection that ended with an error counts for ever: wait_closed() hangs", source="SRV-15")
class CountsTheLost(Loop):
    class Stream(StreamTransport):
        def _call_connection_lost(self, exc: BaseException | None) -> None:
            if exc is not None and self._server is not None:
                self._server._lost = (*getattr(self._server, "_lost", ()), self)
                self._server = None
            super()._call_connection_lost(exc)


@mutant("SRV", bug="a cancelled wait_closed() keeps the others from waking up", source="SRV-16")
class WakesTheCancelled(Loop):
    class Listener(Server):
        def _wakeup(self) -> None:
            waiters, self._waiters = self._waiters, None
            for waiter in waiters:
                waiter.set_result(None)


@mutant("SRV", bug="cancelling serve_forever() leaves the server open", source="SRV-12")
class OutlivesServeForever(Loop):
    class Listener(Server):
        async def serve_forever(self) -> None:
            if self._serving_forever_fut is not None or self._sockets is None:
                await super().serve_forever()
            self._start_serving()
            self._serving_forever_fut = self._loop.create_future()
            try:
                await self._serving_forever_fut
            finally:
                self._serving_forever_fut = None


@mutant("SRV", bug="serve_forever() may be called twice", source="SRV-12")
class ServesForeverTwice(Loop):
    class Listener(Server):
        async def serve_forever(self) -> None:
            self._serving_forever_fut = None
            await super().serve_forever()


@mutant("SRV", bug="close_clients() does nothing", source="SRV-17")
class KeepsItsClients(Loop):
    class Listener(Server):
        def close_clients(self) -> None:
            pass


@mutant("SRV", bug="abort_clients() flushes what was written", source="SRV-17")
class FlushesItsClients(Loop):
    class Listener(Server):
        def abort_clients(self) -> None:
            self.close_clients()


@mutant("SRV", bug="`sockets` are the sockets themselves", source="SRV-01")
class HandsOutItsSockets(Loop):
    class Listener(Server):
        @property
        def sockets(self) -> Any:
            return () if self._sockets is None else tuple(self._sockets)


@mutant("SRV", bug="`sockets` of a closed server are still there", source="SRV-14")
class RemembersItsSockets(Loop):
    class Listener(Server):
        before: Any = ()

        @property
        def sockets(self) -> Any:
            return super().sockets or self.before

        def close(self) -> None:
            self.before = self.sockets
            super().close()
