r"""Windows' named pipes.

Some facts:

1. A name, ``\\.\pipe\`` and up to 247 characters of any case, has one or more instances. Each is one connection, of a
   server's end (``CreateNamedPipe``) and a client's (``CreateFile``). The name is there as long as an instance is.
   https://learn.microsoft.com/windows/win32/ipc/named-pipes
2. A client gets an instance that has none; ``[WinError 231]`` if all have one, ``[WinError 2]`` without such a name.
   https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-waitnamedpipew#remarks
3. With ``FILE_FLAG_FIRST_PIPE_INSTANCE`` the name must not be there: ``[WinError 5]``. The first instance sets how many
   there may be, from 1 to 254, or 255 for any number: ``[WinError 231]``. A way of access that differs from the first
   instance's: ``[WinError 5]``. https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew
4. ``ConnectNamedPipe`` is pending until there is a client. If one came before, it fails with 535
   (``ERROR_PIPE_CONNECTED``), which is good news; if it has left again, with 232 (``ERROR_NO_DATA``).
   https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe#remarks
5. A pipe of messages keeps their borders. An end that reads messages gets one at a time, or the beginning, with 234
   (``ERROR_MORE_DATA``), and then the rest; one that reads bytes, as a client's does, gets what there is.
   https://learn.microsoft.com/windows/win32/ipc/named-pipe-type-read-and-wait-modes
6. A write is complete when all of it is in the other end's buffer; what does not fit waits for a reader.
   https://learn.microsoft.com/windows/win32/ipc/synchronous-and-overlapped-input-and-output
7. When the other end is closed, what it has written can be read; after that a read fails with 109, a write with 232.
   Reading what may only be written, and writing what may only be read: ``[WinError 5]``.

Here a pipe is a pair of sockets of this machine, so that a child process may have an end. A message has its length in
front of it, in four bytes. Buffers are about as large as was asked for. Both ends must be in this process, apart from
ends of pipes of bytes that are handed to children. A name may have a folder in front of it: ``tempfile.mktemp``, which
``asyncio.windows_utils`` makes names with, puts this machine's there.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

assert sys.platform == "linux", "Windows' pipes are emulated over Linux' sockets"

from .errors import error
from .files import File, Home
from .handles import Object
from .requests import ERROR_BROKEN_PIPE, ERROR_MORE_DATA, Pending, Receive, Request, Send

ROOT = "\\\\.\\pipe\\"
LONGEST_NAME = 256
PIPE_ACCESS_INBOUND = 1
PIPE_ACCESS_OUTBOUND = 2
FILE_FLAG_FIRST_PIPE_INSTANCE = 0x80000
FILE_FLAG_OVERLAPPED = 0x40000000
PIPE_READMODE_MESSAGE = 2
PIPE_TYPE_MESSAGE = 4
PIPE_UNLIMITED_INSTANCES = 255
GENERIC_READ = 0x80000000
GENERIC_WRITE = 0x40000000
ERROR_FILE_NOT_FOUND = 2
ERROR_ACCESS_DENIED = 5
ERROR_INVALID_PARAMETER = 87
ERROR_PIPE_BUSY = 231
ERROR_NO_DATA = 232
ERROR_PIPE_CONNECTED = 535
ERROR_PIPE_LISTENING = 536
SMALLEST_BUFFER = 4096  # bytes
_LENGTH = 4  # bytes in front of a message


class ConnectNamedPipe(Request):
    """Wait for a client."""

    def perform(self, file: PipeFile) -> int:
        """See whether there is one."""
        if not file.connected:
            raise Pending
        return 0


class PipeFile(File):
    """What is read from and written to at an end of a pipe.

    Args:
        end: of this machine's pair of sockets.
        home: see `File`.
        readable: whether it may be read from.
        writable: whether it may be written to.
        messages: whether borders of messages are kept.
        reads_messages: whether they are minded here.

    Attributes:
        connected: whether there is somebody at the other end, or was.
    """

    def __init__(
        self,
        end: socket.socket,
        home: Home,
        *,
        readable: bool,
        writable: bool,
        messages: bool,
        reads_messages: bool,
    ) -> None:
        super().__init__(end.fileno(), home)
        end.setblocking(False)
        self.end_here = end
        self.readable = readable
        self.writable = writable
        self.messages = messages
        self.reads_messages = reads_messages
        self.connected = True
        self._header = b""
        self._left = 0
        """Bytes of the message that was begun."""
        self._inside = False
        """Whether a message was begun."""

    def start(self, request: Request) -> None:
        """Do an operation, or queue it.

        Raises:
            OSError: it cannot be started.
        """
        if not isinstance(request, ConnectNamedPipe):
            if not (self.writable if request.writes else self.readable):
                raise error(ERROR_ACCESS_DENIED)
            if not self.connected:
                raise error(ERROR_PIPE_LISTENING)
        super().start(request)

    def connect(self) -> None:
        """Note that there is a client."""
        self.connected = True
        self._pump(self._reads)

    def left(self) -> bool:
        """Whether the other end was closed and all that it wrote was read."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0)) and not self.end_here.recv(1, socket.MSG_PEEK)

    def receive(self, request: Receive) -> int:
        """Take what was written."""
        view = request.room()
        code = 0
        if self.messages:
            code = self._receive_message(request, view)
        elif view:
            request.transferred = self._take(view)
        else:
            self._take(memoryview(bytearray(1)), socket.MSG_PEEK)
        request.finish()
        return code

    def _take(self, view: memoryview, flags: int = 0) -> int:
        try:
            size = self.end_here.recv_into(view, 0, flags)
        except BlockingIOError:
            self._has_news = False
            raise
        except ConnectionResetError:  # it was closed before it had read all
            size = 0
        if not size:
            raise error(ERROR_BROKEN_PIPE)
        return size

    def _receive_message(self, request: Receive, view: memoryview) -> int:
        while True:
            if not self._inside:
                if request.transferred and not self._more_follows():
                    return 0
                self._begin_message()
            room = len(view) - request.transferred
            if size := min(room, self._left):
                part = view[request.transferred : request.transferred + size]
                try:
                    got = self._take(part)
                except BlockingIOError:
                    if self.reads_messages or not request.transferred:
                        raise
                    return 0
                request.transferred += got
                self._left -= got
                if got < size:
                    continue
            if self._left:
                return ERROR_MORE_DATA if self.reads_messages else 0
            self._inside = False
            if self.reads_messages or request.transferred == len(view):
                return 0

    def _more_follows(self) -> bool:
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0)) and len(self.end_here.recv(_LENGTH, socket.MSG_PEEK)) == _LENGTH

    def _begin_message(self) -> None:
        while len(self._header) < _LENGTH:
            part = bytearray(_LENGTH - len(self._header))
            self._header += bytes(part[: self._take(memoryview(part))])
        self._left, self._header, self._inside = int.from_bytes(self._header, "little"), b"", True

    def send(self, request: Send) -> int:
        """Write what there is room for."""
        size = len(request.view)
        try:
            if self.messages and not request.header_sent:
                self._send_header(request, size)
            while request.transferred < size:
                request.transferred += self.end_here.send(request.view[request.transferred :])
        except (BrokenPipeError, ConnectionResetError):
            raise error(ERROR_NO_DATA) from None
        return 0

    def _send_header(self, request: Send, size: int) -> None:
        # Four bytes are taken whole or not at all.
        self.end_here.send(size.to_bytes(_LENGTH, "little"))
        request.header_sent = True

    def start_error(self, failure: OSError) -> OSError:
        """Return the error as it is: all have Win32's numbers here."""
        return failure

    def completion(self, failure: OSError) -> int:
        """Return the number of the error."""
        number: int = getattr(failure, "winerror", ERROR_BROKEN_PIPE)
        return ERROR_BROKEN_PIPE if number == ERROR_NO_DATA else number


class PipeEnd(Object):
    """An end of a named pipe.

    Args:
        file: what is read from and written to.
        overlapped: whether it was opened for overlapped operations.
        instance: the instance it is an end of.
    """

    def __init__(self, file: PipeFile, *, overlapped: bool, instance: Instance) -> None:
        self.file = file
        self.overlapped = overlapped
        self.instance = instance

    @property
    def descriptor(self) -> int:
        """Of the end on this machine, for child processes."""
        if self.file.messages:
            raise NotImplementedError("a pipe of messages as a file of a child process is not emulated")
        return self.file.handle

    def close(self) -> None:
        """Close the end: the other reads what is left, and then that there is no more."""
        self.file.end()
        self.file.end_here.close()
        self.instance.closed(self)

    def into_descriptor(self) -> int:
        """Return a descriptor of this machine that owns the end from now on; a read of it waits."""
        descriptor = self.descriptor
        self.file.end()
        self.file.end_here.setblocking(True)
        self.file.end_here.detach()
        self.instance.closed(self)
        return descriptor


@dataclass(eq=False)
class Instance:
    """One connection.

    Attributes:
        pipe: whose it is.
        client_end: the socket that a client will get; None: it has got it.
        ends: that are open.
    """

    pipe: NamedPipe
    client_end: socket.socket | None
    ends: list[PipeEnd] = field(default_factory=list)

    def closed(self, end: PipeEnd) -> None:
        """Note that an end is closed, or another process's."""
        self.ends.remove(end)
        if self.client_end is not None:
            self.client_end.close()
            self.client_end = None
        if not self.ends:
            self.pipe.remove(self)


@dataclass(eq=False)
class NamedPipe:
    """A name.

    Attributes:
        access: how servers may use it.
        messages: whether borders of messages are kept.
        most: instances there may be.
        gone: forgets the name.
        instances: that there are.
    """

    access: int
    messages: bool
    most: int
    gone: Callable[[], None]
    instances: list[Instance] = field(default_factory=list)

    def remove(self, instance: Instance) -> None:
        """Forget an instance, and with the last one the name."""
        self.instances.remove(instance)
        if not self.instances:
            self.gone()


class NamedPipes:
    """The names of all pipes.

    Args:
        home: see `File`.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._pipes: dict[str, NamedPipe] = {}

    def create(self, name: str, open_mode: int, pipe_mode: int, most: int, out_size: int, in_size: int) -> PipeEnd:
        """Make an instance; return the server's end.

        Raises:
            OSError: there is the name already, or it has too many instances.
        """
        self._check("_winapi.CreateNamedPipe", open_mode, pipe_mode)
        if not 1 <= most <= PIPE_UNLIMITED_INSTANCES or not open_mode & 3:
            raise error(ERROR_INVALID_PARAMETER)
        key = _key(name)
        access, messages = open_mode & 3, bool(pipe_mode & PIPE_TYPE_MESSAGE)
        pipe = self._pipes.get(key)
        if pipe is not None:
            if open_mode & FILE_FLAG_FIRST_PIPE_INSTANCE or pipe.access != access or pipe.messages != messages:
                raise error(ERROR_ACCESS_DENIED)
            if len(pipe.instances) >= pipe.most != PIPE_UNLIMITED_INSTANCES:
                raise error(ERROR_PIPE_BUSY)
        else:
            pipe = self._pipes[key] = NamedPipe(access, messages, most, lambda: self._forget(key))
        server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end, size in ((server, out_size), (client, in_size)):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, max(size, SMALLEST_BUFFER))
        file = PipeFile(
            server,
            self._home,
            readable=bool(access & PIPE_ACCESS_INBOUND),
            writable=bool(access & PIPE_ACCESS_OUTBOUND),
            messages=messages,
            reads_messages=bool(pipe_mode & PIPE_READMODE_MESSAGE),
        )
        file.connected = False
        instance = Instance(pipe, client)
        end_here = PipeEnd(file, overlapped=bool(open_mode & FILE_FLAG_OVERLAPPED), instance=instance)
        instance.ends.append(end_here)
        pipe.instances.append(instance)
        return end_here

    def open(self, name: str, access: int, flags: int) -> PipeEnd:
        """Connect to an instance; return the client's end.

        Raises:
            OSError: there is no such name, or no instance is free.
        """
        pipe = self._pipes.get(_key(name))
        if pipe is None:
            raise error(ERROR_FILE_NOT_FOUND)
        if (access & GENERIC_READ and not pipe.access & PIPE_ACCESS_OUTBOUND) or (
            access & GENERIC_WRITE and not pipe.access & PIPE_ACCESS_INBOUND
        ):
            raise error(ERROR_ACCESS_DENIED)
        for instance in pipe.instances:
            if (client := instance.client_end) is not None:
                break
        else:
            raise error(ERROR_PIPE_BUSY)
        instance.client_end = None
        file = PipeFile(
            client,
            self._home,
            readable=bool(access & GENERIC_READ),
            writable=bool(access & GENERIC_WRITE),
            messages=pipe.messages,
            reads_messages=False,
        )
        end_here = PipeEnd(file, overlapped=bool(flags & FILE_FLAG_OVERLAPPED), instance=instance)
        instance.ends[0].file.connect()
        instance.ends.append(end_here)
        return end_here

    def _forget(self, key: str) -> None:
        del self._pipes[key]

    def _check(self, call: str, open_mode: int, pipe_mode: int) -> None:
        unknown = open_mode & ~(3 | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED)
        if unknown:
            raise NotImplementedError(f"{call} with dwOpenMode 0x{unknown:x} is not emulated")
        if unknown := pipe_mode & ~(PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE):
            raise NotImplementedError(f"{call} with dwPipeMode 0x{unknown:x} is not emulated")


def start_connecting(end: PipeEnd, request: ConnectNamedPipe) -> None:
    """Wait for a client.

    Raises:
        OSError: there is one, 535; or there was one, 232.
    """
    if end.file.connected:
        raise error(ERROR_NO_DATA if end.file.left() else ERROR_PIPE_CONNECTED)
    end.file.start(request)


def is_pipe(name: str) -> bool:
    """Whether a name is one of a pipe."""
    return ROOT in name.lower()


def _key(name: str) -> str:
    lower = name.lower()
    if not is_pipe(name) or len(lower := lower[lower.index(ROOT) :]) > LONGEST_NAME or lower == ROOT:
        raise error(123)
    return lower
