"""Probing: every capability of every backend, measured, beside what is documented.

The document (``everyloop-probe/1``) is described by ``probe.schema.json``.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict, cast

from ..conformance.capabilities import BY_NAME, CAPABILITIES, Capability, Quantity
from ..fake_selectors import limits
from . import backends, documents, emulation
from .backends import Backend
from .pool import Attempt, Opened, Pool, PoolError, RefusedError
from .version import VERSION

SCHEMA = "everyloop-probe/1"
Agreement: TypeAlias = Literal["as documented", "different", "measured", "absent"]


class Measurement(TypedDict):
    """What one probe measured.

    `documented` and `limit` are None where nobody documents anything. `number` is None unless the value is a number.
    """

    capability: str
    value: str
    number: float | None
    documented: str | None
    limit: str | None
    agreement: Agreement
    detail: str | None
    duration: float


class Column(TypedDict):
    """All measurements of one backend. `incomplete` stands only where the command was ended before its time."""

    backend: str
    version: str
    emulated: bool
    knobs: dict[str, str | int | float | bool]
    loop: str
    python: str
    platform: str
    host: str
    started: str
    duration: float
    incomplete: NotRequired[bool]
    measurements: list[Measurement]


class Document(TypedDict):
    """The document of a probe."""

    schema: str
    everyloop: str
    probes: list[Column]


def document(columns: list[Column]) -> Document:
    """Return the document of these columns."""
    return {"schema": SCHEMA, "everyloop": VERSION, "probes": columns}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return documents.json_schema("probe")


def read(path: Path) -> Document:
    """Read a document.

    Raises:
        DocumentError: the file cannot be read, or is none.
    """
    try:
        content = documents.parse(documents.read_text(path))
        documents.check(content, SCHEMA)
    except documents.TextError as error:
        raise documents.DocumentError(f"{path} is no {SCHEMA} document: {error}") from None
    return cast("Document", content)


@dataclass(frozen=True)
class Documented:
    """What is documented of one capability of one loop.

    Attributes:
        limit: the limit that it is about; None: there is none.
        knobs: how the emulated platform was set.
    """

    capability: Capability
    limit: limits.Limit | None
    knobs: Mapping[str, emulation.Value]

    def __str__(self) -> str:
        if self.limit is None:
            return self.capability.usual
        if self.limit.refusal is not None and self.limit.number is None:
            return f"no: {self.limit.refusal}"
        if self.limit.number is None:
            return str(self.limit.value)
        low, high = self._range()
        text = str(Quantity(high, self.capability.unit or ""))
        return text if low == high else f"{Quantity(low, self.capability.unit or '')} to {text}"

    def agrees(self, value: str, number: float | None, *, at_least: bool) -> bool:
        """Whether a measurement is what is documented."""
        if self.limit is None:
            return self.capability.is_usual(value, number, at_least=at_least)
        if self.limit.number is None:
            return value == str(self)
        low, high = self._range()
        least, most = self.capability.spread
        return number is not None and low * least <= number <= high * most

    def _range(self) -> tuple[float, float]:
        limit = self.limit
        assert limit is not None
        assert limit.number is not None
        turned = self.knobs.get(limit.knob) if limit.knob is not None else None
        if turned is not None:
            number = float(turned) - limit.own
            return number, number
        number = limit.number - limit.own
        return (number if limit.down_to is None else limit.down_to), number


def documented(backend: Backend) -> dict[str, Documented]:
    """Return what is documented of a backend, by capability; nothing if its loop is not the standard library's."""
    if backend.platform not in limits.NAMES or not (backend.classes or backend.emulated):
        return {}
    by_capability = {name: limit for limit in backend.limits() for name in limit.capabilities}
    knobs: dict[str, emulation.Value] = {}
    if backend.emulated is not None:
        knobs = {**emulation.knobs_of(backend.reference), **backend.fixed, **backend.knobs}
    return {
        capability.name: Documented(capability, by_capability.get(capability.name), knobs)
        for capability in CAPABILITIES
    }


class Reporter(Protocol):
    """Is told how probing goes."""

    def begin(self, backend: str, probes: int) -> None:
        """A backend's probes are known and begin."""

    def measured(self, backend: str, measurement: Measurement) -> None:
        """A probe has come to its end."""


@dataclass
class Session:
    """All measurements of one command, complete or not.

    Attributes:
        columns: what was measured, by backend.
        refused: why backends were not probed, a line each.
    """

    pool: Pool
    reporter: Reporter
    columns: dict[str, Column] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    async def probe(self, names: Sequence[str], together: int = os.cpu_count() or 1) -> None:
        """Probe every backend, so many at a time; one that is refused does not keep the others from being probed.

        Raises:
            PoolError: workers cannot be started.
        """
        free = asyncio.Semaphore(together)

        async def one(name: str) -> str | None:
            async with free:
                try:
                    await self.pool.run(name, None, _Column(self, name))
                except RefusedError as refusal:
                    return str(refusal)
            self.columns[name].pop("incomplete", None)
            return None

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name)) for name in names]
        except* PoolError as errors:
            raise errors.exceptions[0] from None
        self.refused += [line for task in tasks if (line := task.result()) is not None]

    def in_order(self, names: Sequence[str]) -> list[Column]:
        """Return what there is, in this order."""
        return [self.columns[name] for name in names if name in self.columns]


class _Column:
    """Listens to the pool for one backend."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._started = time.monotonic()
        self._backend = backends.find(name)
        self._documented: dict[str, Documented] = {}

    def opened(self, opened: Opened) -> None:
        self._documented = documented(self._backend)
        self._session.columns[self._name] = {
            "backend": opened.backend,
            "version": opened.version,
            "emulated": opened.emulated,
            "knobs": opened.knobs,
            "loop": opened.loop,
            "python": opened.python,
            "platform": opened.platform,
            "host": opened.host,
            "started": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": 0.0,
            "incomplete": True,  # until the last measurement is in
            "measurements": [],
        }
        self._session.reporter.begin(self._name, len(opened.cases))

    def judged(self, case: str, attempt: Attempt) -> None:
        measurement = self._measurement(BY_NAME[case], attempt)
        column = self._session.columns[self._name]
        column["measurements"].append(measurement)
        column["duration"] = round(time.monotonic() - self._started, 3)
        self._session.reporter.measured(self._name, measurement)

    def _measurement(self, capability: Capability, attempt: Attempt) -> Measurement:
        documented = self._documented.get(capability.name)
        found: dict[str, Any] = {"value": attempt.verdict, "reason": attempt.detail}  # of a crash, or a hang
        if attempt.verdict in {"info", "skip"}:
            found = json.loads(attempt.detail or "{}")
        agreement: Agreement = "measured"
        if attempt.verdict == "skip":
            agreement = "absent"
        elif documented is not None:
            number, at_least = found.get("number"), found.get("at_least", False)
            agreement = "as documented" if documented.agrees(found["value"], number, at_least=at_least) else "different"
        return {
            "capability": capability.name,
            "value": found.get("value", "absent"),
            "number": found.get("number"),
            "documented": None if documented is None else str(documented),
            "limit": documented.limit.id if documented is not None and documented.limit is not None else None,
            "agreement": agreement,
            "detail": found.get("reason"),
            "duration": attempt.duration,
        }
