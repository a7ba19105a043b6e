"""Where cases are run: on this machine, or at the far ends of gateways."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

from . import backends
from .baselines import Subject
from .orders import Equipment
from .pool import Pool
from .running import Executor, all_cases


@dataclass(frozen=True)
class Place:
    """A place with a Python and a machine of its own.

    Attributes:
        pool: executes the cases there.
        names: the backends to run.
        subjects: the same, for a baseline.
        cases: the ids of all cases that there are, if they were asked for.
        where: names the place if it is not here.
    """

    pool: Executor
    names: Sequence[str]
    subjects: Sequence[Subject]
    cases: Collection[str]
    where: str = ""


@dataclass(frozen=True)
class Places:
    """All places of a command.

    Attributes:
        unusable: why others cannot be used, a line each.
    """

    found: Sequence[Place]
    unusable: Sequence[str] = ()


class DistributionError(Exception):
    """``--dist`` makes no sense; the text is one line for a person."""


@contextlib.asynccontextmanager
async def here(equipment: Equipment) -> AsyncIterator[Places]:
    """Open this machine, for the duration of a block.

    Raises:
        SelectionError: the selection makes no sense.
        PoolError: workers cannot be started.
    """
    names = equipment.names or tuple(backend.name for backend in backends.installed())
    cases = [case.case for case in await all_cases()] if equipment.with_cases else []
    subjects = [Subject.to_run(backends.find(name)) for name in names] if equipment.with_cases else []
    workers = equipment.workers or os.cpu_count() or 1
    async with Pool.open(workers, equipment.timeout, equipment.selection) as pool:
        yield Places([Place(pool, names, subjects, cases)])


def elsewhere(
    specs: Sequence[str], equipment: Equipment, warn: Callable[[str], None]
) -> contextlib.AbstractAsyncContextManager[Places]:
    """Open the far ends of gateways, for the duration of a block; those that are alike are one place.

    Args:
        specs: the gateways, as execnet writes them.
        equipment: what they shall do.
        warn: is told in a line when a gateway is lost.

    Raises:
        DistributionError: a gateway makes no sense, or execnet is not installed.
        SelectionError: when entered: the selection makes no sense.
    """
    try:
        from . import gateways, team  # execnet, which only --dist needs
    except ImportError as error:
        if error.name != "execnet":
            raise
        raise DistributionError("--dist needs execnet: pip install 'everyloop[dist]'") from None
    try:
        parsed = gateways.parse(specs)
    except gateways.SpecError as error:
        raise DistributionError(f"--dist: {error}") from None

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Places]:
        async with team.muster(parsed, equipment, warn) as fleet:
            yield Places(
                [Place(one, one.site.names, one.site.subjects, one.site.cases, one.where) for one in fleet.teams],
                fleet.unusable,
            )

    return opened()
