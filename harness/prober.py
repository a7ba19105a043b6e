"""A prober: a worker that measures capabilities instead of running cases (see worker.py and station.py).

A probe has no verdict of its own: what it measured is its ``detail``, as JSON, and the verdict says that it came to an
end (``info``), or that the machine lacks what it measures with (``skip``).
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from typing import Any

from ..conformance import probes
from ..conformance.capabilities import CAPABILITIES, AbsentError, Probes, Quantity, Runtime
from . import backends, inherited, processes
from .backends import Backend, BackendError
from .channel import Message
from .orders import received
from .station import Station

OTHERS = {"trio": f"{__package__}.trio_probes"}
"""Modules with the probes of runtimes that have no asyncio loop, by the name of the backend."""


def main() -> int:
    """Be a prober, as the environment says."""
    processes.die_with_parent()
    inherited.reset()
    _, assignment = received()
    assert assignment is not None
    station = Station(assignment)
    tempfile.tempdir = assignment.folder  # which goes when this process does, whatever becomes of it
    try:
        with station.starting():
            runtime, measures, about = _opened(backends.find(assignment.backend))
    except BackendError as error:
        station.send({"kind": "refused", "reason": str(error)})
        return 0
    cases = [
        {"case": capability.name, "behaviour": "", "area": "", "level": "info"}
        for capability in CAPABILITIES
        if capability.name in measures
    ]
    station.send({"kind": "open", "cases": cases, **about})
    for request in station.requests():
        with station.executing():
            message = _measured(measures, request["run"], runtime)
        station.send(message)
    return 0


def _opened(backend: Backend) -> tuple[Runtime, Probes, Message]:
    """Return what is to be probed, its probes, and what the run is told of it."""
    if backend.name in OTHERS:
        if (missing := backend.why_not_here()) is not None:
            raise BackendError(f"{backend.name}: {missing}")
        module: Any = importlib.import_module(OTHERS[backend.name])
        return module.RUNTIME, module.PROBES, _about(backend, backend.name)
    opened = backends.open_backend(backend)
    runtime = probes.Loop(opened.run) if opened.run is not None else None
    if opened.new_loop is not None:
        runtime = probes.Loop.made_by(opened.new_loop)
    assert runtime is not None
    return runtime, probes.ASYNCIO, _about(opened.backend, opened.loop)


def _about(backend: Backend, loop: str) -> Message:
    return {
        "loop": loop,
        "version": backend.version(),
        "platform": backend.platform,
        "emulated": backend.emulated is not None,
        "knobs": dict(backend.knobs),
    }


def _measured(measures: Probes, name: str, runtime: Runtime) -> Message:
    started = time.perf_counter()
    found: dict[str, Any]
    try:
        value = measures[name](runtime)
    except AbsentError as absent:
        verdict, found = "skip", {"reason": str(absent)}
    else:
        verdict, found = "info", {"value": str(value)}
        if isinstance(value, Quantity):
            found |= {"number": value.number, "at_least": value.at_least}
    duration = round(time.perf_counter() - started, 6)
    return {
        "kind": "verdict",
        "verdict": verdict,
        "detail": json.dumps(found),
        "cleanup": "clean",
        "duration": duration,
        "limit": None,
        "dirty": False,
    }


if __name__ == "__main__":
    sys.exit(main())
