"""The capability tier: what a loop can do at all, in some 25 short probes.

A behaviour is a promise, kept or broken. A capability is a measurement: ``yes``, ``no: NotImplementedError``,
``511 sockets``, ``15.6 ms``. Nothing here knows of asyncio: what is probed is a :class:`Runtime`, and
:mod:`everyloop.conformance.probes` makes one of an asyncio loop.

Values are short. The same words mean the same wherever they are measured, so that they can be compared with what is
documented.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

YES = "yes"
ALWAYS_READY = "always ready"
NEVER_READY = "no: never ready"
UP_TO_ITS_END = "ready up to its end"
NO_THREAD, A_THREAD_EACH = "no thread", "a thread each"
AT_ONCE, WHEN_THE_WAIT_ENDS = "at once", "when the wait ends"
NOT_OFFERED = "not offered"


_SECONDS = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))


@dataclass(frozen=True)
class Quantity:
    """A measured number.

    Attributes:
        number: in the unit.
        unit: ``s`` for seconds, or what is counted.
        at_least: whether the probe stopped there without having met a limit.
    """

    number: float
    unit: str
    at_least: bool = False

    def __str__(self) -> str:
        if self.unit == "s":
            number = float(f"{self.number:.3g}")
            factor, unit = next((pair for pair in _SECONDS if number * pair[0] >= 1), _SECONDS[-1])
            return f"{number * factor:.3g} {unit}"
        text = f"{self.number:,g} {self.unit}" if self.unit else f"{self.number:,g}"
        return f"{text} or more" if self.at_least else text


Value: TypeAlias = str | Quantity


class AbsentError(Exception):
    """The machine lacks what a probe measures with; the text says what, for a person."""


class Runtime(Protocol):
    """What probes that are the same everywhere need of what they probe.

    All but :meth:`run` are called inside the function that is run.
    """

    def run(self, main: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """Run an async function to its end, on a fresh loop where there is a choice."""

    async def readable(self, files: Sequence[int], within: float, /) -> bool:
        """Watch these descriptors, all at once; whether one is called ready within so many seconds."""

    async def sleep(self, seconds: float, /) -> None:
        """Sleep."""

    def now(self) -> float:
        """Return the time of the runtime's clock, in seconds."""


Probe: TypeAlias = Callable[[Any], Value]
"""Measures one capability of the runtime that it is given."""
Probes: TypeAlias = Mapping[str, Probe]


@dataclass(frozen=True)
class Capability:
    """Something that loops can do, or not.

    Attributes:
        name: its name.
        meaning: what is measured, in one sentence.
        usual: what is measured where no platform's limit is met.
        most: for numbers: the usual value is below this one.
        unit: for numbers: the unit.
        spread: for numbers: a measurement agrees with a documented number from this fraction to this multiple of it.
    """

    name: str
    meaning: str
    usual: str = YES
    most: float | None = None
    unit: str | None = None
    spread: tuple[float, float] = (1.0, 1.0)

    def is_usual(self, text: str, number: float | None, *, at_least: bool) -> bool:
        """Whether a measurement shows no limit."""
        if self.unit is None:
            return text == self.usual
        return at_least if self.most is None else number is not None and number < self.most


CAPABILITIES: tuple[Capability, ...] = (
    Capability("watch-socket", "A socket can be watched for something to read."),
    Capability("watch-pipe", "A pipe can be watched."),
    Capability("watch-fifo", "A FIFO, a pipe with a name, can be watched."),
    Capability("watch-pty", "The master of a pseudo-terminal can be watched."),
    Capability("watch-terminal", "/dev/tty, whatever the controlling terminal is, can be watched."),
    Capability("watch-null", "/dev/null can be watched: it is always ready.", ALWAYS_READY),
    Capability("watch-file", "A regular file can be watched: no kernel waits for one to grow.", ALWAYS_READY),
    Capability("sockets-at-once", "So many sockets can be watched at once.", "no limit", unit="sockets"),
    Capability("highest-descriptor", "Descriptors up to this number can be watched.", "no limit", unit=""),
    Capability("read-pipe", "The reading end of a pipe can be connected to a protocol."),
    Capability("write-pipe", "The writing end of a pipe can be connected to a protocol."),
    Capability("file-as-pipe", "A regular file can be connected as if it were a pipe.", "no: ValueError"),
    Capability("sock-methods", "Data goes through a socket without a protocol."),
    Capability("tcp", "TCP connections are made and accepted."),
    Capability("tls", "TLS is spoken on a connection."),
    Capability("datagrams", "UDP datagrams are sent and received."),
    Capability("unix-client", "Unix sockets are connected to."),
    Capability("unix-server", "Unix sockets are served."),
    Capability("reuse-port", "Several servers listen on one port."),
    Capability("sendfile", "The kernel sends a file through a socket."),
    Capability("subprocess", "Processes are started and their output is read."),
    Capability("child-exit", "What it takes to see a process end.", NO_THREAD),
    Capability("signal-handlers", "The loop calls a handler for a signal."),
    Capability("interrupt", "When a signal, such as Ctrl-C, is noticed by a loop that waits.", AT_ONCE),
    Capability("threads", "Another thread can wake the loop."),
    Capability("name-resolution", "Names of hosts are looked up."),
    Capability("clock-step", "The smallest step of the clock.", "below 1 ms", most=0.001, unit="s", spread=(0.6, 1.5)),
    Capability(
        "shortest-sleep",
        "How long half a millisecond's sleep takes.",
        "below 8 ms",
        most=0.008,
        unit="s",
        # A machine that is busy wakes sleepers late; and a fine clock may have a short sleep wait for a second tick.
        spread=(0.6, 2.5),
    ),
)

BY_NAME: Mapping[str, Capability] = {capability.name: capability for capability in CAPABILITIES}


def refusal(error: BaseException) -> str:
    """Name an exception as a value, ``no: OSError [WinError 10038]``."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:  # runtimes of structured concurrency
        error = error.exceptions[0]
    code = getattr(error, "winerror", None)
    return f"no: {type(error).__name__}" + (f" [WinError {code}]" if code is not None else "")
