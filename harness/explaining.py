"""Which documented limit an exception, or what is left behind, is: what a platform cannot do is not a loop's fault."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType

from .. import conformance
from ..fake_selectors.limits import LIMITS, Limit

SHOWN_BY: dict[str, tuple[str, ...]] = {
    "windows-proactor-bytearrays": (
        "subprocesses::data_come_as_bytes_of_a_descriptor",
        "tcp::data_are_bytes_and_some[[]*]",
    ),
    "accepted-delay": ("tcp::server_sends_without_delay",),
    "windows-proactor-datagram-close": (
        "surface::transport_method_accepts_keyword[[]DatagramTransport-sendto-addr]",
        "surface::transport_method_is_present[[]DatagramTransport-sendto]",
    ),
    "windows-proactor-datagram-deafness": ("datagrams::endpoint_receives_after_sending_where_nobody_listens",),
    "windows-proactor-inherited-stderr": ("subprocesses::stderr_follows_inherited_stdout",),
    "windows-proactor-long-datagram-errno": ("datagrams::datagram_that_is_too_large_is_told_to_the_protocol",),
    "windows-proactor-refused-errno": ("sockets::refused_connection_has_its_errno",),
    "windows-proactor-repeated-pauses": (
        "tcp::data_that_came_in_a_pause_are_the_first_of_all[[]resume-pause-resume]",
        "tcp::random_exchanges_keep_every_byte",
    ),
    "windows-proactor-wrapped-ports": (
        "sockets::port_out_of_range_is_not_wrapped[[]*]",
        "sockets::port_of_a_datagram_out_of_range_is_not_wrapped[[]*]",
    ),
}
"""The cases, as patterns, that show limits by which nothing is raised, or not what a case waits for."""

DEEPER: dict[str, tuple[str, ...]] = {
    "macos-datagram-size": ("sendto",),
    "macos-unix-datagrams": ("sendto",),
    "windows-proactor-overlapped-pipes": ("loop_reading", "loop_writing"),
    "windows-proactor-process-signals": ("send_signal",),
}
"""The functions that raise the exceptions of limits after the methods that they are about have returned."""


def explained(case: str, limits: Iterable[Limit]) -> Limit | None:
    """Return the limit that a case shows, whatever it raises there; None if it shows none."""
    for limit in limits:
        if any(fnmatch.fnmatchcase(case, pattern) for pattern in SHOWN_BY.get(limit.id, ())):
            return limit
    return None


def left_by(cleanup: str, limits: Iterable[Limit]) -> Limit | None:
    """Return the limit that leaves behind what a case left; None if there is none."""
    return next((limit for limit in limits if limit.leaves and cleanup.startswith(limit.leaves)), None)


def is_left_by(cleanup: str, limit: str | None) -> bool:
    """Whether a limit, by its id, leaves behind what a case left."""
    return left_by(cleanup, (known for known in LIMITS if known.id == limit)) is not None


def explain(error: BaseException, limits: Iterable[Limit]) -> Limit | None:
    """Return the limit that an exception shows; None if it shows none.

    It shows a limit if it is the exception that the limit documents, raised in a method that the limit is about, or if
    it says that a name is missing, and that name is missing because of the limit. What led to it counts too
    (``__cause__``, ``__context__``, the members of a group).
    """
    known = tuple(limits)
    for raised in _all_of(error, set()):
        kinds = {kind.__name__ for kind in type(raised).__mro__}
        methods = {*_functions(raised.__traceback__), *_named_in(raised)}
        name = _missing_in(raised)
        for limit in known:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in limit.missing):
                return limit
            if (
                limit.exception in kinds
                and (limit.text is None or str(raised).startswith(limit.text))
                and not methods.isdisjoint((*limit.methods, *DEEPER.get(limit.id, ())))
            ):
                return limit
    return None


def _all_of(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _all_of(member, seen)
    yield from _all_of(error.__cause__, seen)
    yield from _all_of(error.__context__, seen)


def _named_in(error: BaseException) -> list[str]:
    """The methods that a case found to be missing without calling them: ``SomeLoop.add_reader() is …``."""
    return re.findall(r"\w\.(\w+)\(\)", str(error)) if isinstance(error, NotImplementedError) else []


def _missing_in(error: BaseException) -> str:
    """The name that a module does not have, ``signal.SIGHUP``; empty for other errors."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return f"{error.obj.__name__}.{error.name}"
    if isinstance(error, ImportError):
        return f"{error.name}.{getattr(error, 'name_from', None)}"  # since 3.12
    return ""


def _functions(trace: TracebackType | None) -> Iterator[str]:
    """The names of the functions it passed through, without those of cases.

    The standard library's loops do the work of ``add_reader()`` in ``_add_reader()``, which their transports call.
    """
    folders = {Path(place).resolve() for place in conformance.__path__}
    while trace is not None:
        code = trace.tb_frame.f_code
        if Path(code.co_filename).resolve().parent not in folders:
            yield code.co_name.lstrip("_")
        trace = trace.tb_next
