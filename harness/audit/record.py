"""What an audit has seen of a program: which calls, where, and the extremes of what can be measured."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...fake_selectors.limits import AMOUNTS, LEAST


class Site(NamedTuple):
    """A line of a program.

    Attributes:
        file: its path, absolute; None: nothing of the program's led there.
        line: its number.
        function: the qualified name of the function it is in.
    """

    file: str | None
    line: int
    function: str

    def shown(self, root: Path) -> str:
        """Return the path, relative where it is in a folder."""
        path = Path(self.file or "?")
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


NOWHERE = Site(None, 0, "")


class Use(NamedTuple):
    """A call as an audit tells it from others.

    Attributes:
        call: a method of loops, ``"add_reader"``, or another function, ``"Process.send_signal"``.
        circumstances: some of :data:`..fake_selectors.limits.CIRCUMSTANCES`.
        site: where it is written.
    """

    call: str
    circumstances: tuple[str, ...]
    site: Site


@dataclass
class Record:
    """What an audit has seen.

    Attributes:
        uses: how often each call was made.
        amounts: the most, or the least, of each of :data:`..fake_selectors.limits.AMOUNTS` by site.
        loops: names of the types of the loops that ran.
        lost: how many processes ended without telling what they had seen.
    """

    uses: Counter[Use] = field(default_factory=Counter)
    amounts: dict[tuple[str, Site], float] = field(default_factory=dict)
    loops: set[str] = field(default_factory=set)
    lost: int = 0

    def measure(self, amount: str, value: float, site: Site) -> None:
        """Note an amount, if there was none as extreme at that site."""
        known = self.amounts.get((amount, site))
        if known is None or (value < known if AMOUNTS[amount] == LEAST else value > known):
            self.amounts[amount, site] = value

    def extreme(self, amount: str) -> float | None:
        """Return the most, or the least, of something; None if there was none of it."""
        found = [value for (name, _), value in self.amounts.items() if name == amount]
        if not found:
            return None
        return min(found) if AMOUNTS[amount] == LEAST else max(found)

    def merge(self, other: Record) -> None:
        """Add what was seen in another process."""
        self.uses.update(other.uses)
        for (amount, site), value in other.amounts.items():
            self.measure(amount, value, site)
        self.loops |= other.loops
        self.lost += other.lost

    def dump(self) -> dict[str, Any]:
        """Return it as JSON can hold it, and as pytest-xdist can send it."""
        return {
            "uses": [[use.call, [*use.circumstances], *use.site, count] for use, count in self.uses.items()],
            "amounts": [[amount, *site, value] for (amount, site), value in self.amounts.items()],
            "loops": sorted(self.loops),
            "lost": self.lost,
        }

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Record:
        """Return what another process dumped."""
        uses = Counter({Use(call, tuple(when), Site(*site)): count for call, when, *site, count in dumped["uses"]})
        amounts = {(amount, Site(*site)): value for amount, *site, value in dumped["amounts"]}
        return cls(uses, amounts, {*dumped["loops"]}, dumped["lost"])


def sites(found: Iterable[Site]) -> list[Site]:
    """Return each place once, in the order of files and lines."""
    return [site for site, _ in itertools.groupby(sorted(found, key=lambda site: (site.file or "", *site[1:])))]
