"""Broken loops under the streams: readers that wait for ever, writers that never do."""

from __future__ import annotations

import select

from .declare import mutant
from .parts import Loop, StreamTransport

DOCS = "https://docs.python.org/3/library/asyncio-"


@mutant("STR", "TCP", bug="a full buffer never calls pause_writing(): drain() does not wait", source="TCP-33")
class NeverPausesWriting(Loop):
    class Stream(StreamTransport):
        def _maybe_pause_protocol(self) -> None:
            pass


@mutant("STR", bug="pause_reading() does nothing: a reader's limit holds nobody back", source=DOCS + "stream.html")
class NeverPausesReading(Loop):
    class Stream(StreamTransport):
        def pause_reading(self) -> None:
            pass


@mutant("STR", bug="an end that comes while reading is paused is never told", source="STR-03")
class ForgetsTheEndWhilePaused(Loop):
    class Stream(StreamTransport):
        def resume_reading(self) -> None:
            poll = select.poll()
            poll.register(self._sock_fd, select.POLLRDHUP)
            if self._paused and not self._closing and poll.poll(0):
                self._paused = False
            else:
                super().resume_reading()


@mutant("STR", bug="close() after the peer's end closes the socket and tells nobody", source="STR-03")
class ClosesSilentlyAfterEof(Loop):
    class Stream(StreamTransport):
        def _read_ready__on_eof(self) -> None:
            super()._read_ready__on_eof()
            self._protocol_connected = self._closing


@mutant("STR", "TCP", bug="the peer's end is told after one read, whatever is still in the kernel", source="STR-01")
class LosesDataBeforeTheEnd(Loop):
    class Stream(StreamTransport):
        max_size = 4096

        def _read_ready__data_received(self) -> None:
            super()._read_ready__data_received()
            poll = select.poll()
            poll.register(self._sock_fd, select.POLLRDHUP)
            if not self._closing and not self._paused and poll.poll(0):
                self._read_ready__on_eof()


@mutant("TCP", bug="a transport that is forgotten is closed without a ResourceWarning", source="STR-06")
class ForgetsQuietly(Loop):
    class Stream(StreamTransport):
        def __del__(self) -> None:
            if self._sock is not None:
                self._sock.close()


@mutant("STR", bug="reading is not resumed after it was paused by the limit", source=DOCS + "stream.html")
class NeverResumesReading(Loop):
    class Stream(StreamTransport):
        def resume_reading(self) -> None:
            if self._paused and not self._closing:
                self._paused = False
