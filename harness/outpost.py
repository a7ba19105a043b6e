"""The far end of a gateway: a pool of workers in another interpreter, perhaps on another machine.

It is asked for one thing after another:

==========  =====================================================================================================
``survey``  what is here: Python, the machine, the backends; once
``open``    a pool of so many workers for these cases; once
``probe``   open a backend
``run``     execute cases on a backend; each verdict is sent as soon as it is given, then ``done``
==========  =====================================================================================================

Whatever ends the line, a killed run as well as a broken network, ends the pool and all that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from .. import conformance, fake_selectors
from . import backends, results
from .channel import Message
from .orders import Effort, Selection
from .pool import Attempt, Opened, Pool, PoolError, RefusedError, SelectionError
from .running import all_cases
from .wire import Channel, Line, LineError

PATIENCE = 600.0
"""Seconds of silence after which the run is given up: whoever pressed Ctrl-Z may come back."""


def serve(channel: Channel) -> None:
    """Do what is asked for until the line ends."""
    with contextlib.suppress(asyncio.CancelledError, LineError):
        asyncio.run(_serve(channel))


async def _serve(channel: Channel) -> None:
    task = asyncio.current_task()
    assert task is not None
    line = Line(channel, PATIENCE, task.cancel)
    line.send(await _survey(await line.receive()))
    wanted = await line.receive()
    selection = Selection.of(wanted["selection"])
    try:
        async with Pool.open(wanted["size"], wanted["timeout"], selection) as pool:
            line.send({"kind": "ready"})
            while True:
                line.send(await _done(pool, await line.receive(), line))
    except SelectionError as error:
        line.send({"kind": "unselectable", "text": str(error)})
    except (PoolError, OSError) as error:
        line.send({"kind": "failed", "text": str(error)})
    await line.receive()  # nothing more will be asked for


async def _survey(wanted: Message) -> Message:
    """Tell what is here, of the backends asked for or of all that are installed."""
    names = wanted["names"] or [backend.name for backend in backends.installed()]
    found = {}
    for name in names:
        with contextlib.suppress(backends.BackendError):  # a worker will say it
            backend = backends.find(name)
            found[name] = {
                "names": [backend.name, results.titled(backend.name, backend.knobs)],
                "version": backend.version(),
                "platform": backend.platform,
            }
    try:
        cases = [case.case for case in await all_cases()] if wanted["cases"] else []
    except PoolError as error:
        return {"kind": "failed", "text": str(error)}
    return {
        "kind": "surveyed",
        "python": platform.python_version(),
        "build": f"{platform.python_implementation()}{getattr(sys, 'abiflags', '')}",
        "source": _source(),
        "host": platform.platform(),
        "node": platform.node(),
        "cpus": os.cpu_count() or 1,
        "names": names,
        "backends": found,
        "cases": cases,
    }


def _source() -> str:
    """Return what identifies our own source: two checkouts of the same version may have different cases."""
    digest = hashlib.sha256()
    for package in (conformance, fake_selectors):
        for folder in map(Path, package.__path__):
            for path in sorted(folder.rglob("*.py")) + sorted(folder.rglob("*.toml")):
                digest.update(path.relative_to(folder).as_posix().encode())
                digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


class _Teller:
    """Listens to the pool and tells the other end."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def opened(self, opened: Opened) -> None:
        """It was probed: nobody need be told."""

    def judged(self, case: str, attempt: Attempt) -> None:
        self._line.send({"kind": "judged", "case": case, "attempt": asdict(attempt)})


async def _done(pool: Pool, wanted: Message, line: Line) -> Message:
    """Do what is asked for, and return what is said then."""
    try:
        if wanted["do"] == "probe":
            return {"kind": "opened", "opened": asdict(await pool.probe(wanted["backend"]))}
        await pool.run(wanted["backend"], wanted["cases"], _Teller(line), Effort(**wanted["effort"]))
    except RefusedError as refusal:
        return {"kind": "refused", "text": str(refusal)}
    return {"kind": "done"}
