"""What the cases ask of whoever runs them: the types of the fixtures that stand for the loop under test.

``loop``
    A fresh event loop, not running, never set as current. It is closed after the case. A backend that only exists
    inside another runtime (trio-asyncio) cannot hand one out: cases that ask for it are skipped there, so a case
    asks for it only if it is about starting, stopping or closing loops.
``new_loop``
    Makes one more loop of the same kind. Nobody but the case refers to it; if it is still there after the case it is
    closed.
``run``
    Runs an async function on the loop under test and returns its result. Cases written as ``async def`` do not
    name it: :func:`~everyloop.conformance.declare.shows` asks for it on their behalf.
``platform``
    The :data:`sys.platform` of the loop's kernel, which may be an emulated one: what a case expects of a *platform*
    it asks here; what it does with *this machine* it asks :data:`sys.platform`.
``observe``
    Records what an informational case saw; the text becomes the result's detail.
``exploring``
    For property-based cases: how long to look for a script that the loop fails, and what it takes to run one
    (:class:`Exploring`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Observe: TypeAlias = Callable[[str], None]


class Run(Protocol):
    """Runs ``main()`` to its end on the loop under test and returns what it returned."""

    def __call__(self, main: Callable[[], Coroutine[Any, Any, T]], /) -> T: ...


@dataclass(frozen=True)
class Exploring:
    """What a property-based case is told by whoever runs it.

    Attributes:
        run: runs an async function on a fresh loop of the kind under test.
        backend: the name of that kind.
        factory: lines of Python that bind ``new_loop``, or ``run`` where nobody hands out a loop.
        seconds: how long to try ever new scripts; 0: a few, always the same.
        seed: the first seed of an exploration.
        executing: is told the script, as a program, that is executed next: the process may not survive it.
    """

    run: Run
    backend: str
    factory: str
    seconds: float
    seed: int
    executing: Callable[[str], None]


class InconclusiveError(Exception):
    """What a case found about the loop under test, it found about the control, too."""
