"""A team: gateways that are alike, and so may share the cases of a run; what one leaves undone, others do."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import execnet

from . import processes
from .gateways import Gateway, GatewayError, Site
from .orders import Effort, Equipment
from .pool import NO_EFFORT, Attempt, Listener, LostError, Opened, RefusedError, SelectionError

DEATHS = 2
"""A case that was being executed when so many gateways were lost is not given to another one."""


class Team:
    """Executes cases as a :class:`~.pool.Pool` does, wherever there is room.

    Args:
        gateways: at least one; all alike.
        warn: is told when one is lost.
    """

    def __init__(self, gateways: Sequence[Gateway], warn: Callable[[str], None]) -> None:
        site = gateways[0].site
        assert site is not None
        self.site = site
        self._ids = tuple(gateway.id for gateway in gateways)
        self._alive = list(gateways)
        self._warn = warn
        self._deaths: collections.Counter[str] = collections.Counter()

    @property
    def where(self) -> str:
        """Names it for people: ``gw0+gw1, Python 3.13.0``."""
        return f"{'+'.join(self._ids)}, Python {self.site.python}"

    @property
    def size(self) -> int:
        """How many cases may run at once."""
        return sum(gateway.size for gateway in self._alive)

    async def run(
        self, backend: str, wanted: Sequence[str] | None, listener: Listener, effort: Effort = NO_EFFORT
    ) -> None:
        """Run cases on a backend: those of the selection, or the `wanted` ones.

        A case has no verdict if every gateway was lost, or several while it was being executed.

        Raises:
            RefusedError: the backend cannot be run.
            LostError: every gateway has been lost before.
        """
        if wanted is None:
            opened = await self._probe(backend)
            listener.opened(replace(opened, gateways=self._ids))
            wanted = [case.case for case in opened.cases]
        elif not self._alive:
            raise LostError("no gateway is left")
        work = _Work(collections.deque(wanted))
        try:
            async with asyncio.TaskGroup() as group:
                for gateway in self._alive:
                    group.create_task(self._share(gateway, backend, work, listener, effort))
        except* (RefusedError, SelectionError, OSError) as errors:
            raise errors.exceptions[0] from None

    async def _probe(self, backend: str) -> Opened:
        while self._alive:
            try:
                return await self._alive[0].probe(backend)
            except GatewayError as error:
                await self._lose(self._alive[0], str(error))
        raise LostError("no case was run: no gateway is left")

    async def _share(self, gateway: Gateway, backend: str, work: _Work, listener: Listener, effort: Effort) -> None:
        """Give a gateway one share of the cases after another, until nothing is left to do."""
        while share := await work.take(gateway.size, len(self._alive)):
            left = dict.fromkeys(share)

            def judged(case: str, attempt: Attempt, left: dict[str, None] = left) -> None:
                del left[case]
                listener.judged(case, attempt)

            try:
                await gateway.run(backend, share, effort, judged)
            except GatewayError as error:
                await self._lose(gateway, str(error))
                self._give_back(list(left), gateway.size, work)
                return
            finally:
                work.settle()

    async def _lose(self, gateway: Gateway, reason: str) -> None:
        self._alive.remove(gateway)
        others = "the others go on" if self._alive else "no other is like it"
        self._warn(f"gateway {gateway} was lost: {reason}; {others}")
        gateway.kill()
        await gateway.close()

    def _give_back(self, left: list[str], size: int, work: _Work) -> None:
        # Workers take cases in their order: the first ones were being executed, and one of them may be the reason. So
        # they come last, when nothing else can be lost by it.
        executed, untouched = left[:size], left[size:]
        self._deaths.update(executed)
        again = [case for case in executed if self._deaths[case] < DEATHS]
        if given_up := [case for case in executed if case not in again]:
            self._warn(f"{DEATHS} gateways were lost with these cases, so no other gets them: {', '.join(given_up)}")
        work.give_back(untouched, again)


@dataclass
class _Work:
    """The cases of a run that nobody has yet, and how many gateways are busy with the others."""

    pending: collections.deque[str]
    busy: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, least: int, gateways: int) -> list[str]:
        """Take a share; wait while there is none, but may be, because somebody who has one may be lost.

        The shares become smaller towards the end, so that all gateways have something to do until then.
        """
        while not self.pending:
            if not self.busy:
                return []
            self._changed.clear()
            await self._changed.wait()
        waiting = len(self.pending)
        count = waiting if gateways == 1 else min(waiting, max(least, math.ceil(waiting / (2 * gateways))))
        self.busy += 1
        return [self.pending.popleft() for _ in range(count)]

    def give_back(self, first: Sequence[str], last: Sequence[str]) -> None:
        """Take back what somebody did not do."""
        self.pending.extendleft(reversed(first))
        self.pending.extend(last)

    def settle(self) -> None:
        """Note that a share is done, or given back."""
        self.busy -= 1
        self._changed.set()


@dataclass
class Fleet:
    """All teams of a command.

    Attributes:
        teams: in the order of their first gateways.
        unusable: why gateways cannot be used, a line each.
    """

    teams: Sequence[Team]
    unusable: Sequence[str]


@contextlib.asynccontextmanager
async def muster(
    specs: Sequence[execnet.XSpec], equipment: Equipment, warn: Callable[[str], None]
) -> AsyncIterator[Fleet]:
    """Open gateways for the duration of a block; those that are alike become a team.

    Raises:
        SelectionError: the selection makes no sense.
    """
    processes.adopt_orphans()
    gateways = [Gateway(spec) for spec in specs]
    unusable: list[str] = []

    async def prepare(gateway: Gateway) -> Site | None:
        try:
            return await gateway.open(equipment.names, with_cases=equipment.with_cases)
        except GatewayError as error:
            unusable.append(f"gateway {gateway} cannot be used: {error}")
            return None

    async def employ(gateway: Gateway, site: Site, nodes: Sequence[str]) -> Gateway | None:
        workers = equipment.workers or max(1, site.cpus // nodes.count(site.node))
        try:
            await gateway.employ(workers, equipment.timeout, equipment.selection)
        except GatewayError as error:
            unusable.append(f"gateway {gateway} cannot be used: {error}")
            return None
        return gateway

    try:
        sites = await asyncio.gather(*map(prepare, gateways))
        nodes = [site.node for site in sites if site is not None]
        employed = await asyncio.gather(
            *(employ(gateway, site, nodes) for gateway, site in zip(gateways, sites, strict=True) if site is not None)
        )
        alike: dict[object, list[Gateway]] = {}
        for gateway in employed:
            if gateway is not None and gateway.site is not None:
                alike.setdefault(gateway.site.kind, []).append(gateway)
        yield Fleet([Team(members, warn) for members in alike.values()], unusable)
    finally:
        await asyncio.gather(*(gateway.close() for gateway in gateways))
        processes.reap_orphans(set())
