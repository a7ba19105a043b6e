"""What a shell completes: the words that an option or an argument of the command line may be.

Each function is a ``shell_complete`` of click's. They are called at every press of the Tab key, so nothing is run or
imported to find the words, but for the emulated platforms whose knobs are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .. import conformance
from ..conformance import catalogue
from . import backends, emulation

Items = list[CompletionItem[str]]
_CASE = re.compile(r"^@shows\(.*?^(?:async )?def (\w+)\(", re.MULTILINE | re.DOTALL)


def asyncio_backends(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Return the backends that have an asyncio loop, or the knobs of the one before an ``@``."""
    return _backends(incomplete, lambda backend: backend.asyncio)


def all_backends(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Return the backends, those of capabilities only too, or the knobs of the one before an ``@``."""
    return _backends(incomplete, lambda _backend: True)


def areas(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Return the areas of the catalogue, written as in the catalogue."""
    found = [area for area in catalogue.areas() if area.code.startswith(incomplete.upper())]
    return [CompletionItem(area.code, help=area.title) for area in found]


def cases(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Return the names of cases without their parameters, and of the modules that they are in."""
    return [CompletionItem(name) for name in sorted(set(_names_of_cases())) if name.startswith(incomplete)]


def files(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Let the shell complete files."""
    return [CompletionItem(incomplete, type="file")]


def _names_of_cases() -> Iterator[str]:
    for path in Path(next(iter(conformance.__path__))).glob("*.py"):
        found = _CASE.findall(path.read_text(encoding="utf-8"))
        yield from (*found, *([path.stem] if found else ()))


def _backends(incomplete: str, wanted: Callable[[backends.Backend], bool]) -> Items:
    name, at, knobs = incomplete.partition("@")
    known = [backend for backend in backends.registered().values() if wanted(backend)]
    if at:
        return [item for backend in known if backend.name == name for item in _knobs(backend, knobs)]
    found = [backend for backend in known if backend.name.startswith(incomplete)]
    return [CompletionItem(backend.name, help=backend.why_not_here()) for backend in found]


def _knobs(backend: backends.Backend, written: str) -> Iterator[CompletionItem[str]]:
    """The knobs that may follow those that are written, each with its ``=``."""
    if backend.emulated is None:
        return
    before, comma, incomplete = written.rpartition(",")
    there = {knob.partition("=")[0] for knob in before.split(",")} | set(backend.fixed)
    for knob, default in emulation.knobs_of(backend.reference).items():
        if knob not in there and knob.startswith(incomplete):
            value = str(default).lower() if isinstance(default, bool) else default
            yield CompletionItem(f"{backend.name}@{before}{comma}{knob}=", help=f"{value} if it is not given")
