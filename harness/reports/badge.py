"""A badge: what Shields shows of an endpoint (https://shields.io/badges/endpoint-badge)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .. import results
from ..escaping import line
from .content import Content, Score, score

_NAMED = 3
"""More backends than this do not fit."""
_COLOURS = ((1.0, "brightgreen"), (0.98, "green"), (0.95, "yellowgreen"), (0.9, "yellow"), (0.75, "orange"))


def render(content: Content) -> str:
    """Return the badge: the score of each backend, the lowest if it ran several times; of many, the lowest of all."""
    scores: dict[str, list[Score]] = {}
    for run in content.runs:
        scores.setdefault(results.title(run), []).append(score(run["results"]))
    lowest = {name: min(found, key=_share) for name, found in scores.items()}
    if len(lowest) == 1:
        ((name, only),) = lowest.items()
        label, message = f"{line(name)} keeps asyncio's promises", str(only)
    elif len(lowest) <= _NAMED:
        label, message = (
            "everyloop",
            ", ".join(f"{line(name)} {found}" for name, found in lowest.items()) or "no results",
        )
    else:
        label, message = "everyloop", f"{len(lowest)} loops, {min(lowest.values(), key=_share)} or more"
    content_of_badge = {
        "schemaVersion": 1,
        "label": label,
        "message": message,
        "color": _colour(list(lowest.values())),
    }
    return json.dumps(content_of_badge, indent=1) + "\n"


def _share(score: Score) -> float:
    return score.kept / score.tried if score.tried else 2.0  # what was not tried is lower than nothing


def _colour(scores: Sequence[Score]) -> str:
    shares = [_share(score) for score in scores if score.tried]
    if not shares:
        return "lightgrey"
    return next((colour for least, colour in _COLOURS if min(shares) >= least), "red")
