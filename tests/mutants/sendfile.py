"""Broken ways to send files."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from .declare import mutant
from .parts import Loop, StreamTransport, TLSTransport

ZUVLOOP = "https://github.com/Kludex/zuvloop/pull/53"
CPYTHON = "https://github.com/python/cpython/issues/"


@mutant("SNF", bug="count= is ignored: all of the file is sent", source="SNF-01")
class IgnoresTheCount(Loop):
    async def sock_sendfile(self, sock: Any, file: Any, offset: Any = 0, count: Any = None, **options: Any) -> Any:
        self._check_sendfile_params(sock, file, offset, count)
        return await super().sock_sendfile(sock, file, offset, None, **options)


@mutant("SNF", bug="offset= is ignored: sending starts at the beginning", source="SNF-01")
class IgnoresTheOffset(Loop):
    async def sock_sendfile(self, sock: Any, file: Any, offset: Any = 0, count: Any = None, **options: Any) -> Any:
        self._check_sendfile_params(sock, file, offset, count)
        return await super().sock_sendfile(sock, file, 0, count, **options)


@mutant("SNF", bug="offset 0 means the file's position", source=CPYTHON + "150107")
class StartsAtThePosition(Loop):
    async def sock_sendfile(self, sock: Any, file: Any, offset: Any = 0, *args: Any, **options: Any) -> Any:
        return await super().sock_sendfile(sock, file, offset or file.tell(), *args, **options)


@mutant("SNF", bug="the position of the file stays where it was", source="SNF-09")
class LeavesThePosition(Loop):
    def _sock_sendfile_update_filepos(self, *_: Any) -> None:
        pass


@mutant("SNF", bug="the position of the file counts from the beginning, not from offset=", source="SNF-09")
class CountsFromTheBeginning(Loop):
    def _sock_sendfile_update_filepos(self, fileno: int, _: int, total_sent: int) -> None:
        if total_sent:
            os.lseek(fileno, total_sent, os.SEEK_SET)


@mutant("SNF", bug="the result is count=, however short the file is", source="SNF-01")
class ReturnsTheCount(Loop):
    async def sock_sendfile(self, sock: Any, file: Any, offset: Any = 0, count: Any = None, **options: Any) -> Any:
        return max(await super().sock_sendfile(sock, file, offset, count, **options), count or 0)


@mutant("SNF", bug="the fallback sends whole blocks: more than count=", source="SNF-02")
class SendsWholeBlocks(Loop):
    async def _sendfile_fallback(self, transport: Any, file: Any, offset: int, count: int | None) -> Any:
        if count:
            count = -(-count // 4096) * 4096
        return await super()._sendfile_fallback(transport, file, offset, count)


@mutant("SNF", bug="fallback=False is ignored", source=ZUVLOOP)
class FallsBackAlways(Loop):
    async def sendfile(self, *args: Any, **options: Any) -> Any:
        return await super().sendfile(*args, **{**options, "fallback": True})


@mutant(
    "SNF",
    bug="there is no fallback: files cannot be sent over TLS",
    source="https://github.com/aio-libs/aiohttp/issues/512",
)
class NeverFallsBack(Loop):
    async def sendfile(self, *args: Any, **options: Any) -> Any:
        return await super().sendfile(*args, **{**options, "fallback": False})


@mutant("SNF", bug="the file overtakes what was written before", source=ZUVLOOP)
class OvertakesWrites(Loop):
    class Stream(StreamTransport):
        def _make_empty_waiter(self) -> Any:
            waiter = super()._make_empty_waiter()
            if not waiter.done():
                waiter.set_result(None)
                self._empty_waiter = self._loop.create_future()
            return waiter


@mutant("SNF", bug="write() while a file is sent ends up in the middle of it", source="SNF-07")
class MixesWrites(Loop):
    class Stream(StreamTransport):
        def write(self, data: Any) -> None:
            waiter, self._empty_waiter = self._empty_waiter, None
            super().write(data)
            self._empty_waiter = waiter


@mutant("SNF", bug="a transport cannot be written after a file was sent", source="SNF-02")
class StaysClosedToWrites(Loop):
    class Stream(StreamTransport):
        def _reset_empty_waiter(self) -> None:
            pass


@mutant("SNF", bug="reading stays paused after a file was sent", source="SNF-08")
class StaysPaused(Loop):
    async def _sendfile_native(self, transport: Any, *args: Any) -> Any:
        sent = await super()._sendfile_native(transport, *args)
        transport.pause_reading()
        return sent


@mutant("SNF", bug="reading that was paused before goes on after a file was sent", source="SNF-08")
class ResumesUnasked(Loop):
    async def _sendfile_native(self, transport: Any, *args: Any) -> Any:
        sent = await super()._sendfile_native(transport, *args)
        transport.resume_reading()
        return sent


@mutant("SNF", bug="a cancelled sendfile() leaves the transport paused and closed to writes", source="SNF-08")
class SpoiltByCancellation(Loop):
    async def _sendfile_native(self, transport: Any, *args: Any) -> Any:
        try:
            return await super()._sendfile_native(transport, *args)
        except asyncio.CancelledError:
            transport.pause_reading()
            transport._make_empty_waiter()
            raise


@mutant("SNF", bug="a cancelled sock_sendfile() goes on sending", source="SNF-08")
class SendsThoughCancelled(Loop):
    async def sock_sendfile(self, *args: Any, **options: Any) -> Any:
        return await asyncio.shield(super().sock_sendfile(*args, **options))


@mutant("SNF", bug="a file is sent over a transport that is closing", source="SNF-05")
class SendsWhileClosing(Loop):
    async def sendfile(self, transport: Any, *args: Any, **options: Any) -> Any:
        if transport.is_closing():
            return 0
        return await super().sendfile(transport, *args, **options)


@mutant("SNF", bug="a peer that leaves in the middle goes unnoticed", source="SNF-06")
class NoticesNoEnd(Loop):
    async def sock_sendfile(self, sock: Any, file: Any, *args: Any, **options: Any) -> Any:
        try:
            return await super().sock_sendfile(sock, file, *args, **options)
        except ConnectionError:
            return file.tell()


@mutant("SNF", bug="files in text mode are sent", source="SNF-03")
class SendsText(Loop):
    def _check_sendfile_params(self, sock: Any, file: Any, offset: Any, count: Any) -> None:
        super()._check_sendfile_params(sock, getattr(file, "buffer", file), offset, count)


@mutant("SNF", bug="a protocol that was paused before the fallback began is never resumed", source="TCP-37")
class ForgetsWhoWasPaused(Loop):
    class TLSStream(TLSTransport):
        @property
        def _protocol_paused(self) -> bool:
            return False
