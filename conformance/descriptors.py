"""Descriptors of every kind that a loop might be asked to watch, each with a way to make it ready."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from .capabilities import AbsentError


@dataclass(frozen=True)
class Watched:
    """Something to watch.

    Attributes:
        file: its descriptor.
        provoke: puts something there to be read.
    """

    file: int
    provoke: Callable[[], object]


def open_descriptors() -> set[int]:
    """Return the numbers of this process's open descriptors, but for that of the directory that lists them."""
    return {number for number in (int(entry.name) for entry in Path("/dev/fd").iterdir()) if is_open(number)}


def is_open(descriptor: int) -> bool:
    """Tell whether this process has that descriptor."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def sockets() -> Iterator[Watched]:
    """One of two connected sockets."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        yield Watched(here.fileno(), lambda: there.send(b"x"))


@contextlib.contextmanager
def pipe() -> Iterator[Watched]:
    """The reading end of a pipe."""
    with pipe_ends() as (reader, writer):
        yield Watched(reader.fileno(), lambda: writer.write(b"x"))


@contextlib.contextmanager
def pipe_ends() -> Iterator[tuple[FileIO, FileIO]]:
    """Both ends of a pipe, the reading one first; they may be closed before."""
    reading, writing = os.pipe()
    with FileIO(reading) as reader, FileIO(writing, "w") as writer:
        yield reader, writer


@contextlib.contextmanager
def fifo() -> Iterator[Watched]:
    """The reading end of a FIFO that has a writer."""
    if sys.platform == "win32":
        raise AbsentError("Windows has no FIFOs")
    with folder() as place:
        path = place / "fifo"
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with FileIO(reading) as reader, path.open("wb", 0) as writer:
            yield Watched(reader.fileno(), lambda: writer.write(b"x"))


@contextlib.contextmanager
def pty() -> Iterator[Watched]:
    """The master of a pseudo-terminal."""
    with _pty() as (master, slave):
        yield Watched(master.fileno(), lambda: slave.write(b"x"))


@contextlib.contextmanager
def terminal() -> Iterator[Watched]:
    """``/dev/tty``, made to be a pseudo-terminal: for that this process must lead a session without a terminal."""
    if sys.platform == "win32":
        raise AbsentError("Windows has no /dev/tty")
    import fcntl
    import termios

    with _pty() as (master, slave), contextlib.ExitStack() as stack:
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            pass
        else:
            raise AbsentError("this process has a terminal already")
        try:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        except OSError as error:
            raise AbsentError("this process leads no session") from error
        alias = FileIO(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
        # Whoever gives up its terminal is hung up on.
        stack.callback(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_IGN))
        stack.callback(fcntl.ioctl, slave, termios.TIOCNOTTY)
        stack.enter_context(alias)
        yield Watched(alias.fileno(), lambda: master.write(b"x\n"))


@contextlib.contextmanager
def null() -> Iterator[Watched]:
    """``/dev/null``."""
    with FileIO(os.devnull) as device:
        yield Watched(device.fileno(), lambda: None)


@contextlib.contextmanager
def file() -> Iterator[FileIO]:
    """A regular file with something in it, at its beginning."""
    with folder() as place:
        path = place / "file"
        path.write_bytes(b"x" * 64)
        with FileIO(path) as opened:
            yield opened


@contextlib.contextmanager
def numbered(number: int) -> Iterator[Watched]:
    """A socket whose descriptor is the first one that is free from this number on."""
    if sys.platform == "win32":
        raise AbsentError("Windows' sockets are handles, whose numbers mean nothing")
    import fcntl

    here, there = socket.socketpair()
    with here, there:
        high = socket.socket(fileno=fcntl.fcntl(here, fcntl.F_DUPFD_CLOEXEC, number))
        with high:
            high.setblocking(False)
            yield Watched(high.fileno(), lambda: there.send(b"x"))


@contextlib.contextmanager
def many_sockets(count: int) -> Iterator[tuple[list[int], Callable[[], object]]]:
    """The descriptors of so many sockets, and a function that gives the last one something to read."""
    with contextlib.ExitStack() as stack:
        made: list[socket.socket] = []
        while len(made) <= count:
            for end in socket.socketpair():
                end.setblocking(False)
                made.append(stack.enter_context(end))
        # An even number are whole pairs: the last one's peer is beside it; else its peer is not among them.
        peer = made[count - 2] if count % 2 == 0 else made[count]
        yield [sock.fileno() for sock in made[:count]], lambda: peer.send(b"x")


@contextlib.contextmanager
def unix_path() -> Iterator[str]:
    """A path for a Unix socket, the shortest there is: the address of one has 103 bytes on macOS."""
    with folder() as place:
        path = str(place / "s")
        yield path if sys.platform == "win32" else min(path, os.path.relpath(path), key=len)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for this probe."""
    with tempfile.TemporaryDirectory(prefix="p-") as name:
        yield Path(name)


@contextlib.contextmanager
def _pty() -> Iterator[tuple[FileIO, FileIO]]:
    if sys.platform == "win32":
        raise AbsentError("Windows has no pseudo-terminals that are descriptors")
    import tty

    master, slave = os.openpty()
    with FileIO(master, "r+") as ours, FileIO(slave, "r+") as theirs:
        tty.setcbreak(slave)
        yield ours, theirs
