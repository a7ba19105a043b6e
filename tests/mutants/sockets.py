"""Broken operations on sockets."""

from __future__ import annotations

import socket
from typing import Any

from .declare import mutant
from .parts import SelectorLoop

UVLOOP = "https://github.com/MagicStack/uvloop/issues/"


@mutant("SOCK", bug="sock_sendall() sends once, and loses what the kernel did not take", source="SOCK-04")
class SendsOnce(SelectorLoop):
    def _sock_sendall(self, future: Any, sock: Any, view: Any, position: Any) -> None:
        super()._sock_sendall(future, sock, view, position)
        if not future.done():
            future.set_result(None)


@mutant("SOCK", bug="sock_connect() takes writability for success and does not ask for the error", source="SOCK-06")
class ConnectsAnyway(SelectorLoop):
    def _sock_connect_cb(self, future: Any, sock: Any, address: Any) -> None:
        if not future.done():
            future.set_result(None)


@mutant("SOCK", bug="a cancelled sock_connect() goes on watching its socket", source="SOCK-10")
class WatchesTheCancelledConnect(SelectorLoop):
    def _sock_write_done(self, fd: int, future: Any, handle: Any = None) -> None:
        if not future.cancelled() or handle is None or handle._callback != self._sock_connect_cb:
            super()._sock_write_done(fd, future, handle)


@mutant("SOCK", bug="the end of a cancelled sock_recv() removes the watcher of the next one", source=UVLOOP + "378")
class RemovesTheNextWatcher(SelectorLoop):
    def _sock_read_done(self, fd: int, future: Any, handle: Any = None) -> None:
        self.remove_reader(fd)


@mutant("SOCK", bug="a cancelled sock_recv() still receives, and drops what it has received", source="SOCK-08")
class ReceivesForTheCancelled(SelectorLoop):
    def _sock_read_done(self, fd: int, future: Any, handle: Any = None) -> None:
        if not future.cancelled() or handle is None or handle._callback != self._sock_recv:
            super()._sock_read_done(fd, future, handle)

    def _sock_recv(self, future: Any, sock: Any, n: int) -> None:
        if not future.cancelled():
            super()._sock_recv(future, sock, n)
            return
        self.remove_reader(sock)
        sock.recv(n)


@mutant("SOCK", bug="sock_recv() reports a reset connection as its end", source="SOCK-21")
class TakesErrorsForTheEnd(SelectorLoop):
    def _sock_recv(self, future: Any, sock: Any, n: int) -> None:
        try:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError:
            error = 0
        if error and not future.done():
            future.set_result(b"")
        else:
            super()._sock_recv(future, sock, n)


@mutant("SOCK", bug="sock_accept() returns a blocking connection", source="SOCK-07")
class AcceptsBlocking(SelectorLoop):
    async def sock_accept(self, sock: socket.socket) -> Any:
        connection, address = await super().sock_accept(sock)
        connection.setblocking(True)
        return connection, address


@mutant("SOCK", bug="sock_recvfrom_into() ignores nbytes", source="SOCK-12")
class FillsTheBuffer(SelectorLoop):
    async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> Any:
        return await super().sock_recvfrom_into(sock, buf)


@mutant("SOCK", bug="sock_recv_into() receives into a copy of the buffer if it has to wait", source="SOCK-02")
class ReceivesIntoACopy(SelectorLoop):
    def _sock_recv_into(self, future: Any, sock: Any, buffer: Any) -> None:
        super()._sock_recv_into(future, sock, bytearray(buffer))


@mutant("SOCK", bug="sock_sendto() does not wait for room: it raises BlockingIOError", source="SOCK-14")
class DoesNotWaitForRoom(SelectorLoop):
    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        if sock.gettimeout() != 0:
            return int(await super().sock_sendto(sock, data, address))
        return sock.sendto(data, address)


@mutant("SOCK", bug="sock_connect() resolves a name without regard to the socket's family", source="SOCK-15")
class ResolvesForAnyFamily(SelectorLoop):
    async def _ensure_resolved(self, address: Any, *, loop: Any, **options: Any) -> Any:
        return await super()._ensure_resolved(address, loop=loop)


@mutant("SOCK", bug="sock_recv() takes a blocking socket in debug mode, and receives in a thread", source="SOCK-05")
class AcceptsBlockingSockets(SelectorLoop):
    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        if self._debug and sock.gettimeout() != 0:
            return bytes(await self.run_in_executor(None, sock.recv, n))
        return bytes(await super().sock_recv(sock, n))
