"""Shards: a run in parts that are executed apart, on machines of a CI, and put together again.

The cases are dealt out like cards, in the order of the whole run: shard 2 of 3 has the second, the fifth, the eighth.
So shards are as long as each other, each has its share of every area, and whoever has all of them knows the order of
the whole without knowing the cases.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict, TypeVar

T = TypeVar("T")
_GAP: Any = object()


class Shard(TypedDict):
    """Which part of a run a run is.

    `number` counts from 1 up to `of`. `cases` is how many the whole has, and `whole` identifies them and their order.
    """

    number: int
    of: int
    cases: int
    whole: str


def shard(number: int, of: int, whole: Sequence[str]) -> Shard:
    """Describe a shard of a run with these case ids."""
    return {"number": number, "of": of, "cases": len(whole), "whole": digest(whole)}


def digest(cases: Iterable[str]) -> str:
    """Return what identifies case ids and their order."""
    # Ids of parametrized cases may have lone surrogates in them.
    text = "\n".join(cases).encode("utf-8", errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def part(number: int, of: int, whole: Sequence[T]) -> Sequence[T]:
    """Return the shard of a whole; it may be empty if there are fewer cases than shards."""
    return whole[number - 1 :: of]


def joined(parts: Iterable[Sequence[T]]) -> list[T]:
    """Put all shards together, in their order; what one lacks leaves no gap."""
    rounds = itertools.zip_longest(*parts, fillvalue=_GAP)
    return [one for dealt in rounds for one in dealt if one is not _GAP]


def size(shard: Shard) -> int:
    """Return how many cases a shard has."""
    return len(range(shard["number"] - 1, shard["cases"], shard["of"]))
