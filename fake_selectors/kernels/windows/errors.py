"""Windows' errors, as Python raises them there.

Some facts:

1. An ``OSError`` of Windows carries two numbers: ``winerror``, which the system gave, and ``errno``, which Python made
   of it; ``str()`` shows the first: ``[WinError 10038] An operation was …``.
   https://docs.python.org/3/library/exceptions.html#OSError.winerror
2. ``errno`` of Winsock's numbers is the number itself: ``errno.ECONNRESET`` is 10054 on Windows. Six of them became the
   C library's: 10004, 10009, 10013, 10014, 10022 and 10024 (https://github.com/python/cpython/issues/90931). Win32's
   become what the C runtime makes of them, most of them ``EINVAL`` (CPython's PC/errmap.h).
   So ``errno.ECONNRESET`` and ``errno.WSAECONNRESET`` are one number, and programs compare with either: Tornado with
   ``errno.WSAENOTSOCK``. Here ``errno`` is the number that this machine has for the same name, and is equal to
   Winsock's too. Only a set or a dictionary of Winsock's numbers does not find it.
3. The class follows from ``errno``, as everywhere (CPython's Objects/exceptions.c): 10054 is a
   ``ConnectionResetError``, 10013 a ``PermissionError``, 10038 nothing but an ``OSError``.
4. ``args`` are ``(errno, text, None, winerror, None)``, so that ``ConnectionResetError(*error.args)``, which
   ``asyncio.windows_events`` writes, keeps all of it.
5. The text is the system's, in the user's language, without the dot at its end. Here it is always the English one.
   https://learn.microsoft.com/windows/win32/debug/system-error-codes
   https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2
"""

from __future__ import annotations

import errno
import socket
import sys
from typing import Any

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

WSAEINTR = 10004
WSAEACCES = 10013
WSAEFAULT = 10014
WSAEINVAL = 10022
WSAEWOULDBLOCK = 10035
WSAENOTSOCK = 10038
WSAEMSGSIZE = 10040
WSAEAFNOSUPPORT = 10047
WSAEADDRINUSE = 10048
WSAEADDRNOTAVAIL = 10049
WSAECONNRESET = 10054
WSAENOTCONN = 10057
WSAESHUTDOWN = 10058

_RESET = "An existing connection was forcibly closed by the remote host"
_UNREACHABLE = "A socket operation was attempted to an unreachable"
_NOT_CONNECTED = (
    "A request to send or receive data was disallowed because the socket is not connected and (when sending on a "
    "datagram socket using a sendto call) no address was supplied"
)
_SHUT_DOWN = (
    "A request to send or receive data was disallowed because the socket had already been shut down in that direction "
    "with a previous shutdown call"
)
_TOO_LONG = (
    "A message sent on a datagram socket was larger than the internal message buffer or some other network limit, or "
    "the buffer used to receive a datagram into was smaller than the datagram itself"
)
_TIMED_OUT = (
    "A connection attempt failed because the connected party did not properly respond after a period of time, or "
    "established connection failed because connected host has failed to respond"
)

_KNOWN: dict[int, tuple[int, type[OSError], str]] = {
    2: (errno.ENOENT, FileNotFoundError, "The system cannot find the file specified"),
    5: (errno.EACCES, PermissionError, "Access is denied"),
    6: (errno.EBADF, OSError, "The handle is invalid"),
    59: (errno.EINVAL, OSError, "An unexpected network error occurred"),
    64: (errno.EINVAL, OSError, "The specified network name is no longer available"),
    87: (errno.EINVAL, OSError, "The parameter is incorrect"),
    109: (errno.EPIPE, BrokenPipeError, "The pipe has been ended"),
    121: (errno.EINVAL, OSError, "The semaphore timeout period has expired"),
    123: (errno.EINVAL, OSError, "The filename, directory name, or volume label syntax is incorrect"),
    193: (errno.ENOEXEC, OSError, "%1 is not a valid Win32 application"),
    231: (errno.EINVAL, OSError, "All pipe instances are busy"),
    232: (errno.EPIPE, BrokenPipeError, "The pipe is being closed"),
    234: (errno.EINVAL, OSError, "More data is available"),
    267: (errno.ENOTDIR, NotADirectoryError, "The directory name is invalid"),
    535: (errno.EINVAL, OSError, "There is a process on other end of the pipe"),
    536: (errno.EINVAL, OSError, "Waiting for a process to open the other end of the pipe"),
    735: (errno.EINVAL, OSError, "The handle used for the wait was closed, and the wait was abandoned"),
    995: (
        errno.EINVAL,
        OSError,
        "The I/O operation has been aborted because of either a thread exit or an application request",
    ),
    996: (errno.EINVAL, OSError, "Overlapped I/O event is not in a signaled state"),
    997: (errno.EINVAL, OSError, "Overlapped I/O operation is in progress"),
    1168: (errno.EINVAL, OSError, "Element not found"),
    1225: (errno.EINVAL, OSError, "The remote computer refused the network connection"),
    1231: (
        errno.EINVAL,
        OSError,
        "The network location cannot be reached. For information about network troubleshooting, see Windows Help",
    ),
    1232: (
        errno.EINVAL,
        OSError,
        "The network location cannot be reached. For information about network troubleshooting, see Windows Help",
    ),
    1234: (
        errno.EINVAL,
        OSError,
        "No service is operating at the destination network endpoint on the remote system",
    ),
    1236: (errno.EINVAL, OSError, "The network connection was aborted by the local system"),
    1784: (errno.EINVAL, OSError, "The supplied user buffer is not valid for the requested operation"),
    WSAEINTR: (
        errno.EINTR,
        InterruptedError,
        "A blocking operation was interrupted by a call to WSACancelBlockingCall",
    ),
    10009: (errno.EBADF, OSError, "The file handle supplied is not valid"),
    WSAEACCES: (
        errno.EACCES,
        PermissionError,
        "An attempt was made to access a socket in a way forbidden by its access permissions",
    ),
    10014: (
        errno.EFAULT,
        OSError,
        "The system detected an invalid pointer address in attempting to use a pointer argument in a call",
    ),
    WSAEINVAL: (errno.EINVAL, OSError, "An invalid argument was supplied"),
    10024: (errno.EMFILE, OSError, "Too many open sockets"),
    WSAEWOULDBLOCK: (
        errno.EWOULDBLOCK,
        BlockingIOError,
        "A non-blocking socket operation could not be completed immediately",
    ),
    10036: (errno.EINPROGRESS, BlockingIOError, "A blocking operation is currently executing"),
    10037: (
        errno.EALREADY,
        BlockingIOError,
        "An operation was attempted on a non-blocking socket that already had an operation in progress",
    ),
    WSAENOTSOCK: (errno.ENOTSOCK, OSError, "An operation was attempted on something that is not a socket"),
    10039: (errno.EDESTADDRREQ, OSError, "A required address was omitted from an operation on a socket"),
    WSAEMSGSIZE: (errno.EMSGSIZE, OSError, _TOO_LONG),
    10041: (
        errno.EPROTOTYPE,
        OSError,
        (
            "A protocol was specified in the socket function call that does not support the semantics of the socket "
            "type requested"
        ),
    ),
    10042: (
        errno.ENOPROTOOPT,
        OSError,
        "An unknown, invalid, or unsupported option or level was specified in a getsockopt or setsockopt call",
    ),
    10043: (
        errno.EPROTONOSUPPORT,
        OSError,
        "The requested protocol has not been configured into the system, or no implementation for it exists",
    ),
    10044: (
        errno.ESOCKTNOSUPPORT,
        OSError,
        "The support for the specified socket type does not exist in this address family",
    ),
    10045: (
        errno.EOPNOTSUPP,
        OSError,
        "The attempted operation is not supported for the type of object referenced",
    ),
    10046: (
        errno.EPFNOSUPPORT,
        OSError,
        "The protocol family has not been configured into the system or no implementation for it exists",
    ),
    WSAEAFNOSUPPORT: (errno.EAFNOSUPPORT, OSError, "An address incompatible with the requested protocol was used"),
    WSAEADDRINUSE: (
        errno.EADDRINUSE,
        OSError,
        "Only one usage of each socket address (protocol/network address/port) is normally permitted",
    ),
    WSAEADDRNOTAVAIL: (errno.EADDRNOTAVAIL, OSError, "The requested address is not valid in its context"),
    10050: (errno.ENETDOWN, OSError, "A socket operation encountered a dead network"),
    10051: (errno.ENETUNREACH, OSError, f"{_UNREACHABLE} network"),
    10052: (
        errno.ENETRESET,
        OSError,
        (
            "The connection has been broken due to keep-alive activity detecting a failure while the operation was in "
            "progress"
        ),
    ),
    10053: (
        errno.ECONNABORTED,
        ConnectionAbortedError,
        "An established connection was aborted by the software in your host machine",
    ),
    WSAECONNRESET: (errno.ECONNRESET, ConnectionResetError, _RESET),
    10055: (
        errno.ENOBUFS,
        OSError,
        (
            "An operation on a socket could not be performed because the system lacked sufficient buffer space or "
            "because a queue was full"
        ),
    ),
    10056: (errno.EISCONN, OSError, "A connect request was made on an already connected socket"),
    WSAENOTCONN: (errno.ENOTCONN, OSError, _NOT_CONNECTED),
    WSAESHUTDOWN: (errno.ESHUTDOWN, BrokenPipeError, _SHUT_DOWN),
    10060: (errno.ETIMEDOUT, TimeoutError, _TIMED_OUT),
    10061: (
        errno.ECONNREFUSED,
        ConnectionRefusedError,
        "No connection could be made because the target machine actively refused it",
    ),
    10064: (errno.EHOSTDOWN, OSError, "A socket operation failed because the destination host was down"),
    10065: (errno.EHOSTUNREACH, OSError, f"{_UNREACHABLE} host"),
}
"""By Windows' number: this machine's number, the class, the text."""

_WINSOCK = {host: number for number, (host, _, _) in _KNOWN.items() if number > 10000} | {
    errno.EAGAIN: WSAEWOULDBLOCK,
    errno.EBADF: WSAENOTSOCK,  # Winsock looks a handle up among its sockets first
    errno.ENFILE: 10024,
    errno.ENOMEM: 10055,
    errno.EPERM: WSAEACCES,
}
"""Winsock's number for this machine's."""


class WindowsError(OSError):
    """What is added to a class of errors to show ``winerror``.

    It is made of the five arguments that ``OSError`` has on Windows. ``winerror`` is None without the fourth.
    """

    winerror: int | None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.winerror = args[3] if len(args) > 3 else None

    def __str__(self) -> str:
        if self.winerror is None:
            return super().__str__()
        text = f"[WinError {self.winerror}] {self.strerror}"
        if self.filename is None:
            return text
        other = "" if self.filename2 is None else f" -> {self.filename2!r}"
        return f"{text}: {self.filename!r}{other}"

    def __reduce__(self) -> Any:
        names = () if self.filename is None else (self.filename, self.winerror, self.filename2)
        return _again, (type(self).__name__, (*self.args[:2], *names) if names else self.args), self.__dict__


def _again(name: str, args: tuple[Any, ...]) -> OSError:
    """Make an error from its pickle."""
    return _BY_NAME[name](*args)


def _showing(base: type[OSError]) -> type[WindowsError]:
    bases = (WindowsError,) if base is OSError else (WindowsError, base)
    # What Python calls it on Windows: tracebacks and logs show this name.
    return type(base.__name__, bases, {"__module__": "builtins", "__doc__": base.__doc__})


class Number(int):
    """``errno`` of one of Winsock's errors: this machine's number, which equals Winsock's.

    Args:
        host: this machine's.
        winsock: the other.
    """

    winsock: int

    def __new__(cls, host: int, winsock: int) -> Number:
        """Make one of the two numbers."""
        made = super().__new__(cls, host)
        made.winsock = winsock
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and int(other) in (int(self), self.winsock)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def __reduce__(self) -> Any:
        return Number, (int(self), self.winsock)


def _errno(winerror: int, host: int) -> int:
    """Return what ``errno`` is in an error: fact 2."""
    return Number(host, winerror) if 10000 <= winerror < 12000 and winerror not in _OF_THE_C_LIBRARY else host


_OF_THE_C_LIBRARY = (10004, 10009, 10013, 10014, 10022, 10024)

CLASSES = {
    base: _showing(base)
    for base in (
        OSError,
        BlockingIOError,
        BrokenPipeError,
        ConnectionAbortedError,
        ConnectionRefusedError,
        ConnectionResetError,
        FileNotFoundError,
        InterruptedError,
        NotADirectoryError,
        PermissionError,
        TimeoutError,
    )
}
"""For each class of errors the one that shows ``winerror`` and is caught as the other."""

_BY_NAME = {kind.__name__: kind for kind in CLASSES.values()}
_ARGUMENTS = {
    number: (CLASSES[base], (_errno(number, host), text, None, number, None))
    for number, (host, base, text) in _KNOWN.items()
}


def error(winerror: int) -> OSError:
    """Return the error that Python makes on Windows of one of the system's numbers.

    Raises:
        KeyError: the number is not among those that the emulation meets.
    """
    kind, arguments = _ARGUMENTS[winerror]
    return kind(*arguments)


def translated(failure: OSError) -> OSError:
    """Return Winsock's error for one that a call of this machine has raised.

    Errors of another kind are returned as they are: time-outs and failed look-ups of names, which have no number of
    the system's, and numbers that Winsock has no counterpart of.
    """
    if isinstance(failure, WindowsError | socket.gaierror | socket.herror) or failure.errno is None:
        return failure
    number = _WINSOCK.get(failure.errno)
    return failure if number is None else error(number)


def message(winerror: int) -> str:
    """Return the system's text of one of its numbers."""
    known = _ARGUMENTS.get(winerror)
    return known[1][1] if known is not None else f"unknown error code {winerror}"
