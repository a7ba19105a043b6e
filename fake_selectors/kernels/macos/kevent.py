"""``select.kevent`` and the constants of kqueue, as CPython has them on macOS.

Some facts:

* The numbers are those of XNU (bsd/sys/event.h). CPython publishes some of them (Modules/selectmodule.c); the others
  stand here under the system's own names, for programs pass them as plain numbers.
* The members are of C's types: ``ident`` and ``udata`` are as wide as a pointer, ``filter`` is a short,
  ``flags`` an unsigned short, ``fflags`` an unsigned int, ``data`` a signed number as wide as a pointer.
  The constructor refuses a ``filter`` that does not fit and cuts ``flags`` and ``fflags``; assigning to a member
  cuts, with a RuntimeWarning (Python/structmember.c).
* Events compare member by member, in the order of the constructor, and have no hash.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

EVFILT_READ = -1
EVFILT_WRITE = -2
EVFILT_AIO = -3
EVFILT_VNODE = -4
EVFILT_PROC = -5
EVFILT_SIGNAL = -6
EVFILT_TIMER = -7
EVFILT_MACHPORT = -8
EVFILT_FS = -9
EVFILT_USER = -10
EVFILT_EXCEPT = -15
EVFILT_SYSCOUNT = 18
FILTERS = {
    EVFILT_READ: "EVFILT_READ",
    EVFILT_WRITE: "EVFILT_WRITE",
    EVFILT_AIO: "EVFILT_AIO",
    EVFILT_VNODE: "EVFILT_VNODE",
    EVFILT_PROC: "EVFILT_PROC",
    EVFILT_SIGNAL: "EVFILT_SIGNAL",
    EVFILT_TIMER: "EVFILT_TIMER",
    EVFILT_MACHPORT: "EVFILT_MACHPORT",
    EVFILT_FS: "EVFILT_FS",
    EVFILT_USER: "EVFILT_USER",
    EVFILT_EXCEPT: "EVFILT_EXCEPT",
}

EV_ADD = 0x0001
EV_DELETE = 0x0002
EV_ENABLE = 0x0004
EV_DISABLE = 0x0008
EV_ONESHOT = 0x0010
EV_CLEAR = 0x0020
EV_RECEIPT = 0x0040
EV_DISPATCH = 0x0080
EV_UDATA_SPECIFIC = 0x0100
EV_VANISHED = 0x0200
EV_FLAG0 = 0x1000
EV_FLAG1 = 0x2000
EV_ERROR = 0x4000
EV_EOF = 0x8000
EV_SYSFLAGS = 0xF000

NOTE_LOWAT = 0x00000001
NOTE_OOB = 0x00000002
NOTE_SECONDS = 0x00000001
NOTE_USECONDS = 0x00000002
NOTE_NSECONDS = 0x00000004
NOTE_ABSOLUTE = 0x00000008
NOTE_TRIGGER = 0x01000000
NOTE_FFNOP = 0x00000000
NOTE_FFAND = 0x40000000
NOTE_FFOR = 0x80000000
NOTE_FFCOPY = 0xC0000000
NOTE_FFCTRLMASK = 0xC0000000
NOTE_FFLAGSMASK = 0x00FFFFFF
NOTE_EXIT = 0x80000000
NOTE_EXITSTATUS = 0x04000000

CONSTANTS = {
    "KQ_FILTER_READ": EVFILT_READ,
    "KQ_FILTER_WRITE": EVFILT_WRITE,
    "KQ_FILTER_AIO": EVFILT_AIO,
    "KQ_FILTER_VNODE": EVFILT_VNODE,
    "KQ_FILTER_PROC": EVFILT_PROC,
    "KQ_FILTER_SIGNAL": EVFILT_SIGNAL,
    "KQ_FILTER_TIMER": EVFILT_TIMER,
    "KQ_EV_ADD": EV_ADD,
    "KQ_EV_DELETE": EV_DELETE,
    "KQ_EV_ENABLE": EV_ENABLE,
    "KQ_EV_DISABLE": EV_DISABLE,
    "KQ_EV_ONESHOT": EV_ONESHOT,
    "KQ_EV_CLEAR": EV_CLEAR,
    "KQ_EV_SYSFLAGS": EV_SYSFLAGS,
    "KQ_EV_FLAG1": EV_FLAG1,
    "KQ_EV_EOF": EV_EOF,
    "KQ_EV_ERROR": EV_ERROR,
    "KQ_NOTE_LOWAT": NOTE_LOWAT,
    "KQ_NOTE_DELETE": 0x00000001,
    "KQ_NOTE_WRITE": 0x00000002,
    "KQ_NOTE_EXTEND": 0x00000004,
    "KQ_NOTE_ATTRIB": 0x00000008,
    "KQ_NOTE_LINK": 0x00000010,
    "KQ_NOTE_RENAME": 0x00000020,
    "KQ_NOTE_REVOKE": 0x00000040,
    "KQ_NOTE_EXIT": NOTE_EXIT,
    "KQ_NOTE_FORK": 0x40000000,
    "KQ_NOTE_EXEC": 0x20000000,
    "KQ_NOTE_PCTRLMASK": -0x100000,  # a signed int in CPython's table
    "KQ_NOTE_PDATAMASK": 0x000FFFFF,
    "KQ_NOTE_TRACK": 0x00000001,
    "KQ_NOTE_CHILD": 0x00000004,
    "KQ_NOTE_TRACKERR": 0x00000002,
}
"""What CPython publishes in :mod:`select`."""


class Untold:
    """Stands for a number that macOS tells and this host does not."""

    def __init__(self, what: str) -> None:
        self.what = what


class _Member:
    """An integer of a C type in a structure."""

    def __init__(self, bits: int, signed: bool, c_type: str) -> None:
        self._bits, self._signed, self._c_type = bits, signed, c_type

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = getattr(instance, self._slot)
        if type(value) is Untold:
            raise NotImplementedError(f"select.kevent.{self._slot[1:]}: {value.what} is not emulated")
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        if not isinstance(value, int):
            raise TypeError(f"an integer is required (got type {type(value).__name__})")
        if not -(1 << 63) <= value < 1 << 64:
            raise OverflowError("Python int too large to convert to C long")
        kept = value & ((1 << self._bits) - 1)
        if self._signed and kept >> (self._bits - 1):
            kept -= 1 << self._bits
        if kept != value:
            warnings.warn(f"Truncation of value to {self._c_type}", RuntimeWarning, stacklevel=2)
        setattr(instance, self._slot, kept)

    def __delete__(self, instance: Any) -> None:
        raise TypeError("can't delete numeric/char attribute")


@functools.total_ordering
class kevent:  # noqa: N801 - the name in CPython
    """One change for a kqueue, or one event of it.

    Args:
        ident: what is watched: a descriptor, an object with ``fileno()``, the number of a timer or process.
        filter: one of ``KQ_FILTER_*``.
        flags: some of ``KQ_EV_*``.
        fflags: flags that mean something to the filter.
        data: a number that means something to the filter.
        udata: a number that comes back with the event.
    """

    __slots__ = ("_data", "_fflags", "_filter", "_flags", "_ident", "_udata")

    ident = _Member(64, False, "unsigned long")
    filter = _Member(16, True, "short")
    flags = _Member(16, False, "unsigned short")
    fflags = _Member(32, False, "unsigned int")
    data = _Member(64, True, "long")
    udata = _Member(64, False, "unsigned long")

    def __init__(
        self,
        ident: Any,
        filter: int = EVFILT_READ,  # noqa: A002 - the name in CPython
        flags: int = EV_ADD,
        fflags: int = 0,
        data: int = 0,
        udata: int = 0,
    ) -> None:
        self._ident = identifier(ident)
        if not -0x8000 <= filter < 0x8000:
            relation = "less than minimum" if filter < 0 else "greater than maximum"
            raise OverflowError(f"signed short integer is {relation}")
        self._filter = filter
        self._flags = flags & 0xFFFF
        self._fflags = fflags & 0xFFFFFFFF
        if not -(1 << 63) <= data < 1 << 63:
            raise OverflowError("int too big to convert")
        self._data = data
        self._udata = udata & 0xFFFFFFFFFFFFFFFF

    def _members(self) -> tuple[int, ...]:
        return (self.ident, self.filter, self.flags, self.fflags, self.data, self.udata)

    def __eq__(self, other: object) -> bool:
        return self._members() == other._members() if isinstance(other, kevent) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._members() < other._members() if isinstance(other, kevent) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fflags = "untold" if isinstance(self._fflags, Untold) else f"0x{self._fflags:x}"
        data = "untold" if isinstance(self._data, Untold) else f"0x{self._data & 0xFFFFFFFFFFFFFFFF:x}"
        return (
            f"<select.kevent ident={self._ident} filter={self._filter} flags=0x{self._flags:x} "
            f"fflags={fflags} data={data} udata=0x{self._udata:x}>"
        )


kevent.__module__ = "select"


def identifier(fileobj: Any) -> int:
    """Return the number of a descriptor, of an object that has one, or of anything else that a filter watches.

    Raises:
        OverflowError: it is negative.
        TypeError, ValueError: what ``PyObject_AsFileDescriptor`` says of other objects.
    """
    if isinstance(fileobj, int):
        if fileobj < 0:
            raise OverflowError("can't convert negative value to unsigned int")
        return fileobj
    fileno = getattr(fileobj, "fileno", None)
    if fileno is None:
        raise TypeError("argument must be an int, or have a fileno() method.")
    number = fileno()
    if not isinstance(number, int):
        raise TypeError("fileno() returned a non-integer")
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


def event(ident: int, filter: int, flags: int, fflags: int | Untold, data: int | Untold, udata: int) -> kevent:  # noqa: A002
    """Make an event as the kernel fills it in: nothing is converted or cut."""
    made: Any = object.__new__(kevent)
    # The members convert, and cannot hold what is untold.
    made._ident, made._filter, made._flags, made._udata = ident, filter, flags, udata  # noqa: SLF001
    made._fflags, made._data = fflags, data  # noqa: SLF001
    return made  # type: ignore[no-any-return]
