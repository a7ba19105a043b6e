"""Faults: what Windows does now and then, done more often.

Some facts, and what is made of them here:

1. ``accept-64``. A client resets its connection before the server has taken it: ``AcceptEx`` is complete with 64
   (``ERROR_NETNAME_DELETED``). ``asyncio`` takes that for the end of the listening socket. It tells the exception
   handler ``Accept failed on a socket``, closes the socket, and the server serves nobody any more.
   https://github.com/python/cpython/issues/93821
   Here every connection that its client has reset ends so, and one accept of four: its client's connection is reset.
2. ``reset-on-shutdown``. The peer resets the connection before ``shutdown()``, which is then ``[WinError 10054]``, and
   what is pending ends with 64. https://learn.microsoft.com/windows/win32/api/winsock/nf-winsock-shutdown#return-value
   ``asyncio`` calls it between ``connection_lost()`` and ``close()``, and the exception leaves the socket open and the
   transport with its server. https://github.com/MagicStack/asyncpg/pull/1190
   Here it ends so on every connection that is reset by then, and on one of four that are not: the peer's is reset too.
3. ``late-accept``. Who connects while no ``AcceptEx`` waits is queued. ``asyncio`` starts one an iteration of the loop
   after ``create_server()`` has returned, and after each connection; a program has a connection by then that no
   protocol knows of. https://github.com/python/cpython/pull/134259
   Here one accept of four begins an iteration later still: at the second look for packets, or when there are none.
4. ``delayed-completions``. How long the system takes between the end of an operation and its packet is not promised.
   Here one packet of four comes 1 to 5 milliseconds late.
5. ``reordered-completions``. Packets are queued first in, first out, and may be taken in another order.
   https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports#how-io-completion-ports-work
   Which of two handles' operations ends first is not promised either. Here a packet takes any place among those that
   wait.

In neither of the last two is a packet before another one of the same handle that ended earlier: a transport's data
and its end come in the order of the receives. Packets that no operation has posted are not touched.

Chance begins anew with every port, which is with every loop, and each fault has a chance of its own. It is asked when
an operation is started, or a socket is shut down: the same program meets the same faults, whenever its peers answer.
The exception is the place that a packet takes, which depends on how many there are.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import random
import select
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import RLock
from typing import Any

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...clocks import WindowsClock
from .errors import WSAECONNRESET, error
from .files import File
from .iomanager import IoManager
from .overlapped import Overlapped
from .ports import CompletionPort, Packet
from .requests import ERROR_NETNAME_DELETED, Accept, Pending, Request
from .select import never_connected, tcp_state
from .sockets import Winsock

ACCEPT_64 = "accept-64"
RESET_ON_SHUTDOWN = "reset-on-shutdown"
LATE_ACCEPT = "late-accept"
DELAYED_COMPLETIONS = "delayed-completions"
REORDERED_COMPLETIONS = "reordered-completions"

ONE_IN = 4
LONGEST_DELAY = 5
"""Milliseconds."""
MILLISECOND = 1_000_000
"""In nanoseconds."""
_TCP_CLOSE = 7  # of linux/tcp_states.h


@dataclass(frozen=True)
class Kinds:
    """The classes that a kernel is made of.

    Attributes:
        port: makes a completion port.
        overlapped: of operations.
        socket: given the kernel's manager, the class of sockets.
    """

    port: Callable[[WindowsClock, RLock], CompletionPort] = CompletionPort
    overlapped: type[Overlapped] = Overlapped
    socket: Callable[[IoManager], type[Winsock]] = lambda _: Winsock


def kinds(faults: Collection[str], seed: int) -> Kinds:
    """Return the classes of a kernel that has faults.

    Args:
        faults: their names; without any, the classes of one that has none.
        seed: for chance.
    """
    if not faults:
        return Kinds()

    def port(clock: WindowsClock, lock: RLock) -> CompletionPort:
        return FaultyPort(clock, lock, faults, seed)

    def kind(manager: IoManager) -> type[Winsock]:
        return type("FaultySocket", (FaultySocket,), {"__slots__": (), "_manager": manager})

    return Kinds(port, FaultyOverlapped, kind)


@dataclass(frozen=True)
class Plan:
    """What will happen to the packet of an operation.

    Attributes:
        file: that the operation is done on.
        delay: in milliseconds.
        place: among the packets that wait, from 0 (the first) to 1 (behind all).
    """

    file: File
    delay: int
    place: float


class FaultyPort(CompletionPort):
    """A completion port with faults.

    Args:
        clock: as for other ports.
        lock: as for other ports.
        faults: their names.
        seed: for chance.
    """

    def __init__(self, clock: WindowsClock, lock: RLock, faults: Collection[str], seed: int) -> None:
        super().__init__(clock, lock)
        self._chances = {name: random.Random(f"{seed} {name}") for name in faults}
        self._plans: dict[int, Plan] = {}
        self._delayed: dict[File, Delayed] = {}
        self._unarmed: list[FaultyAccept] = []

    def strikes(self, fault: str) -> bool:
        """Ask chance whether a fault happens this time."""
        chance = self._chances.get(fault)
        return chance is not None and not chance.randrange(ONE_IN)

    def knows(self, fault: str) -> bool:
        """Whether a fault may happen."""
        return fault in self._chances

    def expect(self, address: int, file: File) -> None:
        """Decide what will happen to the packet of an operation that is about to be started."""
        delay, place = 0, 1.0
        if self.strikes(DELAYED_COMPLETIONS):
            delay = self._chances[DELAYED_COMPLETIONS].randint(1, LONGEST_DELAY)
        if REORDERED_COMPLETIONS in self._chances:
            place = self._chances[REORDERED_COMPLETIONS].random()
        self._plans[address] = Plan(file, delay, place)

    def give_up(self, address: int, request: Request) -> None:
        """Note that there will be no packet of an operation, which could not be started."""
        self._plans.pop(address, None)
        self._unarmed = [accept for accept in self._unarmed if accept is not request]

    def post(self, code: int, transferred: int, key: int, address: int) -> None:
        """Queue a packet, now or later."""
        plan = self._plans.pop(address, None)
        if plan is None:
            super().post(code, transferred, key, address)
        elif (before := self._delayed.get(plan.file)) is not None:
            before.behind(code, transferred, key, address)
        elif plan.delay:
            delayed = self._delayed[plan.file] = Delayed(self, plan)
            delayed.behind(code, transferred, key, address)
            self.call_at(time.monotonic_ns() + plan.delay * MILLISECOND, delayed)
        else:
            self.queue(plan, [(code, transferred, key, address)])

    def queue(self, plan: Plan, packets: list[Packet]) -> None:
        """Queue packets of one file."""
        if self.closed:
            return
        for packet in packets:
            waiting = list(self._packets)  # another thread may take one meanwhile
            owners = [waiter.file if isinstance(waiter, Owned) else None for waiter in waiting]
            first = max((index + 1 for index, owner in enumerate(owners) if owner is plan.file), default=0)
            place = first + round(plan.place * (len(waiting) - first))
            self._packets.insert(place, Owned(packet, plan.file))
        self._ring()

    def release(self, file: File) -> None:
        """Note that packets of a file need no longer wait for an earlier one."""
        del self._delayed[file]

    def arm_later(self, accept: FaultyAccept) -> None:
        """Let an accept begin an iteration later."""
        if not self._waiting:
            accept.armed = False
            self._unarmed.append(accept)

    def take(self, milliseconds: int) -> Packet | None:
        """Return the next packet; None if there is none after so many milliseconds."""
        if self._unarmed:
            packet = super().take(0)
            if packet is not None:
                return packet
            with self._lock:
                while self._unarmed:
                    self._unarmed.pop(0).arm()
            if milliseconds == 0:
                return None
        return super().take(milliseconds)


class Owned(tuple[int, int, int, int]):
    """A packet that tells whose it is."""

    file: File

    def __new__(cls, packet: Packet, file: File) -> Owned:
        """Make one."""
        self = super().__new__(cls, packet)
        self.file = file
        return self


class Delayed:
    """Packets of a file, the first of which is late."""

    def __init__(self, port: FaultyPort, plan: Plan) -> None:
        self._port = port
        self._plan = plan
        self._packets: list[Packet] = []

    def behind(self, code: int, transferred: int, key: int, address: int) -> None:
        """Add a packet."""
        self._packets.append((code, transferred, key, address))

    def due(self) -> None:
        """Queue them."""
        self._port.release(self._plan.file)
        self._port.queue(self._plan, self._packets)


class FaultyAccept(Accept):
    """Take a connection, which may be late and may fail.

    Attributes:
        armed: whether it has begun.
    """

    armed = True
    _resets = False

    def plan(self, port: FaultyPort) -> None:
        """Decide what will become of it."""
        self._resets = port.strikes(ACCEPT_64)
        if port.strikes(LATE_ACCEPT):
            port.arm_later(self)

    def arm(self) -> None:
        """Begin."""
        self.armed = True
        self.file.happened(select.EPOLLIN)

    def perform(self, file: Any) -> int:
        """Take the connection that has waited longest."""
        if not self.armed:
            raise Pending
        code = super().perform(file)
        port = file.port
        if code or not isinstance(port, FaultyPort) or not port.knows(ACCEPT_64):
            return code
        if not self._resets and tcp_state(self.handle) != _TCP_CLOSE:
            return code
        _reset(self.handle)
        self._contexts.forget(self.handle)
        return ERROR_NETNAME_DELETED


class FaultyOverlapped(Overlapped):
    """An operation with faults."""

    __slots__ = ()

    _accept = FaultyAccept

    def _start(self, file: File, request: Request) -> None:
        port = file.port
        if not isinstance(port, FaultyPort):
            super()._start(file, request)
            return
        port.expect(self.address, file)
        if isinstance(request, FaultyAccept):
            request.plan(port)
        try:
            super()._start(file, request)
        except BaseException:
            port.give_up(self.address, request)
            raise


class FaultySocket(Winsock):
    """A socket whose peer may have gone before ``shutdown()``."""

    __slots__ = ()

    _manager: IoManager

    def shutdown(self, how: int, /) -> None:
        """End receiving, sending or both."""
        handle = self.fileno()
        file = self._manager.sockets.get(handle)
        port = None if file is None else file.port
        if isinstance(port, FaultyPort) and port.knows(RESET_ON_SHUTDOWN) and self._is_reset(handle, port):
            _reset(handle)
            raise error(WSAECONNRESET)
        super().shutdown(how)

    def _is_reset(self, handle: int, port: FaultyPort) -> bool:
        state = tcp_state(handle)
        if not state or never_connected(handle):
            return False
        strikes = port.strikes(RESET_ON_SHUTDOWN)
        # Who has ended sending, and meets no connection any more, may have closed it in agreement with the peer.
        return strikes if state != _TCP_CLOSE else not self._closed_ways & 2


def _reset(handle: int) -> None:
    """End a connection as if its peer had reset it; the peer finds it reset, too.

    To be connected with no address ends it: connect(2).
    """
    import ctypes  # only who asks for these faults needs it

    nowhere = bytes(16)  # sockaddr with AF_UNSPEC
    if ctypes.CDLL(None, use_errno=True).connect(handle, nowhere, len(nowhere)):
        raise OSError(ctypes.get_errno(), "connect to AF_UNSPEC")
