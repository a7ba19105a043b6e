"""Broken datagram endpoints."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

from .declare import mutant
from .parts import DatagramTransport, Loop

DOCS = "https://docs.python.org/3/library/asyncio-"
UVLOOP = "https://github.com/MagicStack/uvloop/"
CPYTHON = "https://github.com/python/cpython/issues/"


def _exists_at(path: Any) -> bool:
    return isinstance(path, str) and not path.startswith("\0") and Path(path).exists()


# Receiving


@mutant("UDP", bug="empty datagrams are not delivered", source="UDP-14")
class SwallowsEmptyDatagrams(Loop):
    class Datagram(DatagramTransport):
        def set_protocol(self, protocol: Any) -> None:
            receive = protocol.datagram_received
            protocol.datagram_received = lambda data, address: receive(data, address) if data else None
            super().set_protocol(protocol)


@mutant("UDP", bug="datagrams are cut after 8 KiB", source="UDP-01")
class CutsDatagrams(Loop):
    class Datagram(DatagramTransport):
        max_size = 8192


@mutant("UDP", bug="an error of the network while receiving closes the transport", source="UDP-09")
class DiesOfUnreachablePorts(Loop):
    class Datagram(DatagramTransport):
        def _read_ready(self) -> None:
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self._fatal_error(OSError(error, os.strerror(error)))
            else:
                super()._read_ready()


@mutant("UDP", bug="an error of the network while receiving is told to nobody", source=UVLOOP + "issues/109")
class HidesUnreachablePorts(Loop):
    class Datagram(DatagramTransport):
        def _read_ready(self) -> None:
            self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            super()._read_ready()


@mutant("UDP", bug="all datagrams of a wakeup are delivered, though the protocol has closed", source="UDP-21")
class DeliversAfterClose(Loop):
    class Datagram(DatagramTransport):
        def _read_ready(self) -> None:
            protocol = self._protocol
            for _ in range(16):
                try:
                    data, address = self._sock.recvfrom(self.max_size)
                except BlockingIOError:
                    break
                except OSError as exc:
                    protocol.error_received(exc)
                else:
                    protocol.datagram_received(data, address)


@mutant("UDP", bug="addresses of IPv6 senders are cut to host and port", source="UDP-02")
class CutsAddresses(Loop):
    class Datagram(DatagramTransport):
        def set_protocol(self, protocol: Any) -> None:
            receive = protocol.datagram_received
            protocol.datagram_received = lambda data, address: receive(
                data, address[:2] if isinstance(address, tuple) else address
            )
            super().set_protocol(protocol)


@mutant("UDP", bug="remote_addr= does not connect the socket: strangers are heard", source="UDP-06")
class HearsStrangers(Loop):
    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        if options.get("remote_addr") and options.get("family") != socket.AF_UNIX:
            options["allow_broadcast"] = True
        return await super().create_datagram_endpoint(*args, **options)


# Sending


@mutant("UDP", bug="a connected endpoint sends to any address", source=UVLOOP + "issues/319")
class SendsAnywhere(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            if self._address and addr not in (None, self._address):
                self._sock.sendto(data, addr)
            else:
                super().sendto(data, addr)


@mutant("UDP", bug="a connected endpoint does not take its own address", source=UVLOOP + "issues/319")
class RefusesItsOwnAddress(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            if self._address and addr is not None:
                raise ValueError("Invalid address: must be None")
            super().sendto(data, addr)


@mutant("UDP", bug="an empty datagram is not sent", source="UDP-14")
class SendsNoEmptyDatagrams(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            if not isinstance(data, (bytes, bytearray, memoryview)) or len(data):
                super().sendto(data, addr)


@mutant("UDP", bug="a closing endpoint takes anything for a datagram", source="UDP-24")
class TakesAnythingWhenClosed(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            if not self._closing:
                super().sendto(data, addr)


@mutant("UDP", bug="sendto() after close() raises", source="UDP-13")
class RaisesAfterClose(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            if self._closing:
                raise RuntimeError("the handler is closed")
            super().sendto(data, addr)


@mutant("UDP", bug="what cannot be sent closes the transport", source=UVLOOP + "pull/601")
class DiesOfFailedSends(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            told = self._protocol and self._protocol.error_received
            if told is None:
                return
            self._protocol.error_received = self._fatal_error
            try:
                super().sendto(data, addr)
            finally:
                if self._protocol is not None:
                    self._protocol.error_received = told


@mutant("UDP", bug="sendto() raises what should be given to error_received()", source="UDP-20")
class RaisesFailedSends(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            def refuse(exc: OSError) -> None:
                raise exc

            protocol = self._protocol
            if protocol is not None:
                told, protocol.error_received = protocol.error_received, refuse
            try:
                super().sendto(data, addr)
            finally:
                if protocol is not None:
                    protocol.error_received = told


@mutant("UDP", bug="datagrams that had to wait are sent in the wrong order", source="UDP-17")
class SendsTheLastFirst(Loop):
    class Datagram(DatagramTransport):
        def _sendto_ready(self) -> None:
            self._buffer.reverse()
            super()._sendto_ready()
            self._buffer.reverse()


@mutant("UDP", bug="a datagram that has to wait is sent as its bytearray is then", source="UDP-18")
class SendsWhatItIsByThen(Loop):
    class Datagram(DatagramTransport):
        def sendto(self, data: Any, addr: Any = None) -> None:
            waiting = len(self._buffer)
            super().sendto(data, addr)
            if len(self._buffer) > waiting:
                self._buffer[-1] = (data, self._buffer[-1][1])


@mutant("UDP", bug="a full buffer does not pause the protocol", source="UDP-18")
class NeverPausesSenders(Loop):
    class Datagram(DatagramTransport):
        def _maybe_pause_protocol(self) -> None:
            pass


@mutant("UDP", bug="a protocol that was paused is never resumed", source=CPYTHON + "156698")
class NeverResumesSenders(Loop):
    class Datagram(DatagramTransport):
        def _maybe_resume_protocol(self) -> None:
            pass


@mutant("UDP", bug="close() drops the datagrams that wait", source=CPYTHON + "156920")
class DropsWaitingDatagrams(Loop):
    class Datagram(DatagramTransport):
        def close(self) -> None:
            self._buffer.clear()
            self._buffer_size = 0
            super().close()


@mutant("UDP", bug="abort() tells the protocol nothing", source="UDP-13")
class AbortsSilently(Loop):
    class Datagram(DatagramTransport):
        def abort(self) -> None:
            self._protocol_connected = False
            super().abort()


@mutant("UDP", bug="abort() sends the datagrams that wait", source="UDP-13")
class FlushesDatagramsOnAbort(Loop):
    class Datagram(DatagramTransport):
        def abort(self) -> None:
            self.close()


# Making an endpoint


@mutant("UDP", bug="allow_broadcast= is ignored", source="UDP-05")
class RefusesToBroadcast(Loop):
    class Datagram(DatagramTransport):
        def __init__(self, loop: Any, sock: Any, *args: Any, **options: Any) -> None:
            super().__init__(loop, sock, *args, **options)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 0)


@mutant("UDP", bug="reuse_port= is ignored", source="UDP-05")
class DoesNotSharePorts(Loop):
    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        return await super().create_datagram_endpoint(*args, **{**options, "reuse_port": None})


@mutant("UDP", bug="local_addr= beside sock= is ignored", source="UDP-03")
class IgnoresWhatIsBesideASocket(Loop):
    async def create_datagram_endpoint(self, factory: Any, *args: Any, sock: Any = None, **options: Any) -> Any:
        if sock is not None and sock.type != socket.SOCK_STREAM:
            return await super().create_datagram_endpoint(factory, sock=sock)
        return await super().create_datagram_endpoint(factory, *args, sock=sock, **options)


@mutant("UDP", bug="an endpoint with neither addresses nor a family gets an IPv4 socket", source="UDP-04")
class GuessesTheFamily(Loop):
    async def create_datagram_endpoint(self, factory: Any, *args: Any, **options: Any) -> Any:
        if not args and not any(options.values()):
            options["family"] = socket.AF_INET
        return await super().create_datagram_endpoint(factory, *args, **options)


@mutant("UDP", bug="a stale path of a Unix datagram socket is not replaced", source=CPYTHON + "78320")
class KeepsStaleDatagramPaths(Loop):
    async def create_datagram_endpoint(self, factory: Any, local_addr: Any = None, *args: Any, **options: Any) -> Any:
        if options.get("family") == socket.AF_UNIX and _exists_at(local_addr):
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return await super().create_datagram_endpoint(factory, local_addr, *args, **options)


@mutant("UDP", bug="an endpoint that cannot be bound leaves its socket open", source="UDP-01")
class LeaksAnUnboundSocket(Loop):
    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().create_datagram_endpoint(*args, **options)
        except OSError:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
            raise


@mutant("UDP", bug="the names of a connected endpoint are unknown", source=DOCS + "protocol.html")
class KnowsNoPeer(Loop):
    class Datagram(DatagramTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return default if name == "peername" else super().get_extra_info(name, default)
