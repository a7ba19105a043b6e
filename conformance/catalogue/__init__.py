"""The catalogue: every behaviour that loops must, should or may show, read from one TOML file an area."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["must", "should", "info"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Behaviour:
    """One statement about event loops.

    Attributes:
        id: area and number, ``FD-03``; never reused.
        area: the area's code, ``FD``.
        level: ``must`` (documented or relied on), ``should`` (the standard library does it, others differ) or
            ``info`` (implementation-defined: recorded, never failed).
        statement: the promise in one sentence.
        source: where it is made: a documentation anchor, a PEP section, a CPython issue.
        since: the first Python version it holds for, ``3.12``; None: all.
        until: the last Python version it holds for; None: all.
        platforms: the values of :data:`sys.platform` it holds on; None: everywhere.
    """

    id: str
    area: str
    level: Level
    statement: str
    source: str
    since: str | None = None
    until: str | None = None
    platforms: tuple[str, ...] | None = None

    def why_not_here(self, platform: str = sys.platform) -> str | None:
        """Say why the behaviour is not promised by this Python on a platform; None if it is.

        Args:
            platform: the :data:`sys.platform` of the loop's kernel, which may be an emulated one.
        """
        if self.since and sys.version_info[:2] < _version(self.since):
            return f"since Python {self.since}"
        if self.until and sys.version_info[:2] > _version(self.until):
            return f"until Python {self.until}"
        if self.platforms is not None and platform not in self.platforms:
            return f"only on {', '.join(self.platforms)}"
        return None


@dataclass(frozen=True)
class Area:
    """A chapter of the catalogue: its code, its title, the module of its cases and its behaviours in order."""

    code: str
    title: str
    module: str
    behaviours: tuple[Behaviour, ...]


@cache
def areas() -> tuple[Area, ...]:
    """Read the whole catalogue, areas in order of their code."""
    tables = [
        tomllib.loads(entry.read_text(encoding="utf-8"))
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".toml")
    ]
    return tuple(_area(table) for table in sorted(tables, key=lambda table: str(table["area"])))


@cache
def behaviours() -> dict[str, Behaviour]:
    """Every behaviour by its id."""
    return {behaviour.id: behaviour for area in areas() for behaviour in area.behaviours}


def modules() -> frozenset[str]:
    """The names of the modules that hold cases; an area without cases yet has none."""
    return frozenset(area.module for area in areas())


def _area(table: dict[str, Any]) -> Area:
    code = table["area"]
    return Area(
        code=code,
        title=table["title"],
        module=table["module"],
        behaviours=tuple(_behaviour(code, entry) for entry in table["behaviour"]),
    )


def _behaviour(area: str, entry: dict[str, Any]) -> Behaviour:
    platforms = entry.pop("platforms", None)
    return Behaviour(area=area, platforms=None if platforms is None else tuple(platforms), **entry)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
