"""From what a program was seen to do to the loops that it could run on.

Nothing here knows what a platform cannot do: that is the table's of :mod:`..fake_selectors.limits`. A limit has one
of three effects on a program that meets it:

* ``breaks``: something is raised, where the program does not expect it;
* ``unknown``: something may be raised: what decides it is not seen, and the table says what that is;
* ``differs``: nothing is raised, something else happens; whether the program minds is not seen.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ...fake_selectors import limits
from ...fake_selectors.limits import KINDS, LINUX, MACOS, SOCKET, WINDOWS, Limit, Version
from . import recording
from .record import Record, Site, sites

T = TypeVar("T")

Effect = Literal["breaks", "unknown", "differs"]
EFFECTS: tuple[Effect, ...] = ("breaks", "unknown", "differs")
Verdict = Literal["works", "breaks", "unknown"]
PYTHONS: tuple[Version, ...] = tuple((3, minor) for minor in range(11, 16))
"""The versions of Python that a program is judged for."""


@dataclass(frozen=True)
class Target:
    """A loop of the standard library on a platform.

    Attributes:
        name: that of the backend, where there is one.
        title: how to get it, in words.
        system: the platform, with a version where that matters.
        platform: the value of :data:`sys.platform`.
        classes: of the loop and of its selector.
        version: of the operating system; None: one of today.
    """

    name: str
    title: str
    system: str
    platform: str
    classes: tuple[str, ...]
    version: str | None = None


TARGETS: tuple[Target, ...] = (
    Target("windows-proactor", "the default", "Windows", WINDOWS, (limits.PROACTOR,)),
    Target("windows-selector", "SelectorEventLoop", "Windows", WINDOWS, (limits.SELECTOR, limits.SELECT)),
    Target("macos", "the default", "macOS", MACOS, (limits.SELECTOR, limits.KQUEUE)),
    Target("macos-poll", "over PollSelector", "macOS", MACOS, (limits.SELECTOR, limits.POLL)),
    Target("macos-select", "over SelectSelector", "macOS", MACOS, (limits.SELECTOR, limits.SELECT)),
    Target("macos-10.8", "the default", "macOS to 10.8", MACOS, (limits.SELECTOR, limits.KQUEUE), "10.8"),
    Target(
        "macos-10.8-select", "over SelectSelector", "macOS to 10.8", MACOS, (limits.SELECTOR, limits.SELECT), "10.8"
    ),
    Target("asyncio-epoll", "the default", "Linux", LINUX, (limits.SELECTOR, limits.EPOLL)),
    Target("asyncio-poll", "over PollSelector", "Linux", LINUX, (limits.SELECTOR, limits.POLL)),
    Target("linux-select", "over SelectSelector", "Linux", LINUX, (limits.SELECTOR, limits.SELECT)),
)


@dataclass(frozen=True)
class Need:
    """What a program needs and a platform lacks: a call in its circumstances, or an amount.

    Attributes:
        call: the call, or the amount.
        circumstances: of the call; empty for an amount.
        value: the amount; None for a call.
    """

    call: str
    circumstances: tuple[str, ...] = ()
    value: float | None = None

    def phrase(self, relevant: Iterable[str] = ()) -> str:
        """Say it, with the circumstances that matter."""
        if self.value is not None:
            return amount_phrase(self.call, self.value)
        words = [word for word in self.circumstances if word in {*relevant}]
        kinds = [word for word in words if word in KINDS and word != SOCKET]
        others = ", ".join(word for word in words if word not in KINDS and not ("unix" in self.call and "Unix" in word))
        return f"{self.call}({others})" + (f" on a {kinds[0]}" if kinds else "")


@dataclass(frozen=True)
class Finding:
    """A limit that a program meets on a loop.

    Attributes:
        limit: the limit.
        effect: what that does to the program.
        needs: what it is that meets the limit.
        sites: where.
    """

    limit: Limit
    effect: Effect
    needs: tuple[Need, ...]
    sites: tuple[Site, ...]

    def phrases(self) -> list[str]:
        """Say what it is that meets the limit."""
        return sorted({need.phrase(self.limit.when) for need in self.needs})


@dataclass(frozen=True)
class Judgement:
    """What a program meets on a loop, for some versions of Python.

    Attributes:
        target: the loop.
        pythons: the first and the last version.
        findings: the worst first.
    """

    target: Target
    pythons: tuple[Version, Version]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the program works there, breaks there, or whether that cannot be known."""
        effects = {finding.effect for finding in self.findings}
        return "breaks" if "breaks" in effects else "unknown" if "unknown" in effects else "works"


@dataclass(frozen=True)
class Conclusion:
    """What that means for the program as a whole, on a platform.

    Attributes:
        system: the platform.
        pythons: the first and the last version of Python.
        loops: the names of the targets that it works on.
        perhaps: those of which it cannot be known.
        sentence: the conclusion, for a person.
    """

    system: str
    pythons: tuple[Version, Version]
    loops: tuple[str, ...]
    perhaps: tuple[str, ...]
    sentence: str


def amount_phrase(amount: str, value: float) -> str:
    """Say how much of something it is."""
    if amount == "shortest-timer":
        return f"timers of {value * 1000:.3g} ms"
    words = {
        "sockets-at-once": "{} sockets at once",
        "highest-descriptor": "descriptor {}",
        "longest-datagram": "datagrams of {} bytes",
        "longest-unix-path": "a Unix path of {} bytes",
    }
    return words[amount].format(f"{value:,.0f}")


def only_for(pythons: tuple[Version, Version]) -> str:
    """Say which versions of Python, if they are not all: `` on Python 3.11 to 3.12``."""
    if pythons == (PYTHONS[0], PYTHONS[-1]):
        return ""
    return f" on Python {' to '.join(dict.fromkeys(map(_written, pythons)))}"


def _written(version: Version) -> str:
    return ".".join(map(str, version))


def judge(record: Record, target: Target, python: Version) -> tuple[Finding, ...]:
    """Return the limits that a program meets on a loop, the worst first."""
    met = limits.of(target.platform, *target.classes, python=python, system=target.version)
    found = [finding for limit in met if (finding := _finding(record, limit)) is not None]
    return tuple(sorted(found, key=lambda finding: EFFECTS.index(finding.effect)))


def judgements(record: Record) -> list[Judgement]:
    """Judge a program for every loop; versions of Python between which nothing differs are put together."""
    return [
        Judgement(target, pythons, findings)
        for target in TARGETS
        for pythons, findings in _ranges(functools.partial(judge, record, target))
    ]


def conclusions(record: Record) -> list[Conclusion]:
    """Return what follows for the program as a whole, platform by platform."""
    systems = dict.fromkeys(target.system for target in TARGETS)
    return [
        Conclusion(system, pythons, *concluded)
        for system in systems
        for pythons, concluded in _ranges(functools.partial(_conclude, record, system))
    ]


def by_limit(judged: Iterable[Judgement]) -> list[tuple[Finding, list[str]]]:
    """Return every finding once, the worst first, with the loops that it is about, and the Pythons if not all."""
    found: dict[str, Finding] = {}
    pythons: dict[str, dict[str, list[Version]]] = {}
    for one in judged:
        for finding in one.findings:
            found.setdefault(finding.limit.id, finding)
            pythons.setdefault(finding.limit.id, {}).setdefault(one.target.name, []).extend(one.pythons)
    return [
        (finding, [f"{name}{only_for((min(there), max(there)))}" for name, there in pythons[finding.limit.id].items()])
        for finding in sorted(found.values(), key=lambda finding: EFFECTS.index(finding.effect))
    ]


def unseen() -> list[Limit]:
    """Return the limits that no audit can tell of: what meets them is no call that is recorded."""
    recorded = {*recording.CALLS, *recording.TIMERS, *recording.FUNCTIONS}
    return [
        limit for limit in limits.LIMITS if limit.amount is None and recorded.isdisjoint({*limit.methods, *limit.calls})
    ]


def _finding(record: Record, limit: Limit) -> Finding | None:
    needs: dict[Need, None] = {}
    places: list[Site] = []
    if limit.amount is not None:
        beyond = {site: v for (name, site), v in record.amounts.items() if limit.is_beyond(name, v)}
        extreme = record.extreme(limit.amount)
        if beyond and extreme is not None:
            needs[Need(limit.amount, value=extreme)] = None
        places += beyond
    for use in record.uses:
        if limit.concerns(use.call, use.circumstances):
            needs[Need(use.call, use.circumstances)] = None
            places.append(use.site)
    if not needs:
        return None
    effect: Effect = "differs" if limit.exception is None else "unknown" if limit.doubt else "breaks"
    return Finding(
        limit, effect, tuple(sorted(needs, key=lambda need: (need.call, *need.circumstances))), (*sites(places),)
    )


def _conclude(record: Record, system: str, python: Version) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    there = [target for target in TARGETS if target.system == system]
    found = {target.name: Judgement(target, (python, python), judge(record, target, python)) for target in there}
    works = tuple(name for name, judged in found.items() if judged.verdict == "works")
    perhaps = tuple(name for name, judged in found.items() if judged.verdict == "unknown")
    if works or perhaps:
        broken = [name for name in found if name not in (*works, *perhaps)]
        parts = [f"works on {_listed(works)}"] if works else []
        parts += [f"may work on {_listed(perhaps)}"] if perhaps else []
        parts += [f"breaks on {_listed(broken)}"] if broken else []
        return works, perhaps, ", ".join(parts)
    return (), (), _why_none(system, list(found.values()))


def _why_none(system: str, judged: Sequence[Judgement]) -> str:
    """Say what keeps a program from every loop: what none of them has, else what no two of them have together."""
    breaking = [_breaking(one) for one in judged]
    phrase: dict[Need, str] = {}
    for needs in breaking:
        for need in needs:
            relevant = [word for other in breaking if need in other for word in other[need].limit.when]
            phrase[need] = need.phrase(relevant)
    everywhere = set.intersection(*({*needs} for needs in breaking))
    shared = sorted({phrase[need] for need in everywhere})
    apart = [[phrase[need] for need in needs if need not in everywhere] for needs in breaking]
    where = f"of the standard library on {system}"
    sentences = []
    if shared:
        sentences.append(f"needs {_listed(shared)}: no loop {where} has {'it' if len(shared) == 1 else 'any of it'}")
    if all(apart):
        together = list(dict.fromkeys(needs[0] for needs in apart))
        sentences.append(f"needs {_listed(together)}: no loop {where} has {'both' if len(together) == 2 else 'all'}")
    return "; ".join(sentences)


def _breaking(judged: Judgement) -> dict[Need, Finding]:
    """Return what a loop lacks, the limits in the order of the table; who adds a watcher also removes it."""
    found = {need: finding for finding in judged.findings if finding.effect == "breaks" for need in finding.needs}
    calls = {need.call for need in found}
    return {
        need: found[need]
        for need in found
        if f"add_{need.call.removeprefix('remove_')}" not in calls or not need.call.startswith("remove_")
    }


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _ranges(judged: Callable[[Version], T]) -> list[tuple[tuple[Version, Version], T]]:
    """Judge for every Python, and put neighbours together that are judged alike."""
    each = [(python, judged(python)) for python in PYTHONS]
    grouped = [list(group) for _, group in itertools.groupby(each, key=lambda pair: pair[1])]
    return [((group[0][0], group[-1][0]), group[0][1]) for group in grouped]
