"""How a mutant is declared: CPython's selector loop with exactly one realistic bug.

A mutant is a class of loop, or a function that makes one, so it is a backend like any other:
``everyloop run tests.mutants.readers:replaces_nothing``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
M = TypeVar("M", bound=NewLoop)


@dataclass(frozen=True)
class Mutant:
    """A broken loop.

    Attributes:
        backend: what ``everyloop run`` is given, ``package.module:name``.
        areas: of the catalogue, in which a case should catch it.
        bug: what is wrong with it, in one sentence.
        source: where such a bug was seen or which promise it breaks: an address, or the id of a behaviour.
    """

    backend: str
    areas: tuple[str, ...]
    bug: str
    source: str


MUTANTS: list[Mutant] = []
"""Those of the modules that have been imported, in the order of their text."""


def mutant(*areas: str, bug: str, source: str) -> Callable[[M], M]:
    """Declare a mutant: the decorator of a class of loop, or of a function that makes one."""

    def declare(make: M) -> M:
        MUTANTS.append(Mutant(f"{make.__module__}:{make.__name__}", areas, bug, source))
        return make

    return declare
