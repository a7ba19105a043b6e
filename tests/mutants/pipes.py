"""Broken pipes."""

from __future__ import annotations

import os
import select
import stat
from asyncio import unix_events
from typing import TYPE_CHECKING, Any, ClassVar

from .declare import mutant
from .parts import SelectorLoop

if TYPE_CHECKING:
    from .parts import Unchecked

    class ReadPipe(Unchecked):  # type: ignore[misc]
        _pipe: Any
        _protocol: Any

    class WritePipe(Unchecked):  # type: ignore[misc]
        _pipe: Any
else:
    ReadPipe = unix_events._UnixReadPipeTransport
    WritePipe = unix_events._UnixWritePipeTransport


class Loop(SelectorLoop):
    """CPython's selector loop with the pipes that its subclass names."""

    read: ClassVar[type[ReadPipe]] = ReadPipe
    write: ClassVar[type[WritePipe]] = WritePipe

    def _make_read_pipe_transport(self, *args: Any, **options: Any) -> Any:
        return self.read(self, *args, **options)

    def _make_write_pipe_transport(self, *args: Any, **options: Any) -> Any:
        return self.write(self, *args, **options)


# Reading


@mutant(
    "PIP",
    bug="what is in a pipe when its writer closes it is lost",
    source="https://github.com/MagicStack/uvloop/issues/317",
)
class LosesTheLastData(Loop):
    class read(ReadPipe):
        def _read_ready(self) -> None:
            poll = select.poll()
            poll.register(self._fileno, select.POLLIN)
            if poll.poll(0)[0][1] & select.POLLHUP:
                while os.read(self._fileno, 65536):
                    pass
            super()._read_ready()


@mutant("PIP", bug="the end of a pipe is not told by eof_received()", source="PIP-01")
class TellsNoEof(Loop):
    class read(ReadPipe):
        def _read_ready(self) -> None:
            protocol = self._protocol
            super()._read_ready()
            if self._closing and self._loop is not None:
                self._loop._ready = type(self._loop._ready)(
                    handle for handle in self._loop._ready if handle._callback != protocol.eof_received
                )


@mutant("PIP", bug="a pipe that was lost stays open", source="https://github.com/MagicStack/uvloop/issues/80")
class StaysOpen(Loop):
    class read(ReadPipe):
        def _call_connection_lost(self, error: Any) -> None:
            self.kept, self._pipe = self._pipe, _Nothing()
            super()._call_connection_lost(error)


class _Nothing:
    def close(self) -> None:
        """Close nothing."""


@mutant("PIP", bug="pause_reading() twice takes two resume_reading()", source="PIP-06")
class CountsPauses(Loop):
    class read(ReadPipe):
        pauses = 0

        def pause_reading(self) -> None:
            self.pauses += 1
            super().pause_reading()

        def resume_reading(self) -> None:
            self.pauses -= 1
            if self.pauses <= 0:
                self.pauses = 0
                super().resume_reading()


@mutant("PIP", bug="resume_reading() on a closed pipe watches its descriptor again", source="PIP-06")
class ResumesTheClosed(Loop):
    class read(ReadPipe):
        def resume_reading(self) -> None:
            self._loop._add_reader(self._fileno, self._read_ready)
            self._paused = False


@mutant("PIP", bug="a terminal that its other end has left reports an error to the exception handler", source="PIP-05")
class TakesTheEndOfATerminalForAnError(Loop):
    class read(ReadPipe):
        def _fatal_error(self, exc: Any, message: str = "Fatal error on pipe transport") -> None:
            self._loop.call_exception_handler({"message": message, "exception": exc, "transport": self})
            self._close(exc)


@mutant("PIP", bug="a regular file is taken for a pipe", source="PIP-03")
class TakesFiles(Loop):
    class read(ReadPipe):
        def __init__(self, loop: Any, pipe: Any, *args: Any, **options: Any) -> None:
            if stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
                reading, writing = os.pipe()
                os.write(writing, os.read(pipe.fileno(), 4096))
                os.close(writing)
                pipe.close()
                pipe = os.fdopen(reading, "rb", 0)
            super().__init__(loop, pipe, *args, **options)


@mutant("PIP", bug="a character device is refused", source="PIP-04")
class RefusesDevices(Loop):
    class write(WritePipe):
        def __init__(self, loop: Any, pipe: Any, *args: Any, **options: Any) -> None:
            if stat.S_ISCHR(os.fstat(pipe.fileno()).st_mode):
                self._pipe = None
                raise ValueError("Pipe transport is only for pipes and sockets")
            super().__init__(loop, pipe, *args, **options)


# Writing


@mutant("PIP", bug="a write pipe does not notice that its reader has gone before it writes again", source="PIP-02")
class DoesNotNoticeTheReader(Loop):
    class write(WritePipe):
        def _read_ready(self) -> None:
            self._loop._remove_reader(self._fileno)


@mutant(
    "PIP",
    bug="a write pipe on a terminal ends when somebody types",
    source="https://github.com/python/asyncio/issues/369",
)
class EndsWhenSomebodyTypes(Loop):
    class write(WritePipe):
        def __init__(self, loop: Any, pipe: Any, *args: Any, **options: Any) -> None:
            super().__init__(loop, pipe, *args, **options)
            if stat.S_ISCHR(os.fstat(self._fileno).st_mode):
                loop.call_soon(loop._add_reader, self._fileno, self._read_ready)


@mutant("PIP", bug="a pipe is written to as it came, blocking", source="PIP-07")
class WritesBlocking(Loop):
    class write(WritePipe):
        def __init__(self, loop: Any, pipe: Any, *args: Any, **options: Any) -> None:
            super().__init__(loop, pipe, *args, **options)
            os.set_blocking(self._fileno, True)


@mutant(
    "PIP",
    bug="write_eof() closes at once, and what is buffered is lost",
    source="https://github.com/MagicStack/uvloop/issues/317",
)
class ClosesBeforeTheRest(Loop):
    class write(WritePipe):
        def write_eof(self) -> None:
            if not self._closing:
                self._close(None)


@mutant("PIP", bug="abort() waits until all is written", source="PIP-08")
class AbortsPolitely(Loop):
    class write(WritePipe):
        def abort(self) -> None:
            self.close()


@mutant("PIP", bug="pause_writing() is never called", source="PIP-07")
class NeverPauses(Loop):
    class write(WritePipe):
        def _maybe_pause_protocol(self) -> None:
            pass


@mutant("PIP", bug="resume_writing() is called only when the protocol writes again", source="PIP-07")
class NeverResumes(Loop):
    class write(WritePipe):
        def _maybe_resume_protocol(self) -> None:
            pass


@mutant("PIP", bug="a write that fails is reported as an orderly end", source="PIP-09")
class HidesTheBrokenPipe(Loop):
    class write(WritePipe):
        def _call_connection_lost(self, error: Any) -> None:
            super()._call_connection_lost(None)


@mutant("PIP", bug="the pipe cannot be asked for", source="PIP-12")
class HidesThePipe(Loop):
    class write(WritePipe):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            del self._extra["pipe"]


@mutant(
    "PIP",
    bug="a protocol that is set later is not told of the end",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.set_protocol",
)
class TellsTheFirstProtocol(Loop):
    class read(ReadPipe):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.first = self._protocol

        def _call_connection_lost(self, error: Any) -> None:
            self._protocol = self.first
            super()._call_connection_lost(error)


@mutant("PIP", bug="a cancelled connect_read_pipe() leaves its pipe open", source="PIP-13")
class LeavesACancelledPipe(Loop):
    async def connect_read_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
        protocol = protocol_factory()
        waiter = self.create_future()
        transport = self._make_read_pipe_transport(pipe, protocol, waiter)
        self.kept = transport
        await waiter
        return transport, protocol
