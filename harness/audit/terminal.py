"""What a person sees of an audit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from . import judging
from .record import NOWHERE, Record

_STYLES: dict[judging.Effect, str] = {"breaks": "bold red", "unknown": "yellow", "differs": "cyan"}
_SITES = 5


def show(console: Console, record: Record, root: Path, *, quiet: bool = False) -> None:
    """Print an audit: the conclusions, then every limit that the program meets, with the lines that meet it.

    Args:
        console: where to.
        record: what was seen.
        root: the folder that paths are told from.
        quiet: to print the conclusions only.
    """
    for line in _lines(record, root, quiet):
        console.print(line, soft_wrap=True)


def _lines(record: Record, root: Path, quiet: bool) -> Iterator[Text]:
    if not record.loops:
        yield Text("everyloop audit: no event loop ran, so there is nothing to tell")
        return
    calls = sum(record.uses.values())
    places = len({use.site for use in record.uses})
    seen = f"{_counted(calls, 'call')} from {_counted(places, 'line')}"
    yield Text(f"everyloop audit: {seen}, on {', '.join(sorted(record.loops))}", "bold")
    if record.lost:
        yield Text(f"incomplete: {_counted(record.lost, 'process', 'es')} ended without telling what it did", "yellow")
    if (sockets := record.extreme("sockets-at-once")) is not None:
        yield Text(f"most sockets at once: {sockets:,.0f}")
    if (seconds := record.extreme("shortest-timer")) is not None:
        yield Text(f"shortest timer: {seconds * 1000:.3g} ms")
    if not quiet:
        yield Text("")
    for one in judging.conclusions(record):
        style = "green" if one.loops else "yellow" if one.perhaps else "bold red"
        yield Text.assemble((f"{one.system}{judging.only_for(one.pythons)}: ", "bold"), (one.sentence, style))
    for finding, loops in () if quiet else judging.by_limit(judging.judgements(record)):
        yield Text("")
        yield from _finding(finding, loops, root)


def _finding(finding: judging.Finding, loops: list[str], root: Path) -> Iterator[Text]:
    limit = finding.limit
    yield Text.assemble((finding.effect, _STYLES[finding.effect]), f"  {limit.id}  ({', '.join(loops)})")
    yield Text(f"    {limit.forbids}")
    if limit.doubt:
        yield Text(f"    {limit.doubt}", "yellow")
    phrases = finding.phrases()
    yield Text(f"    here: {', '.join(phrases)}")
    known = [site for site in finding.sites if site != NOWHERE]
    for site in known[:_SITES]:
        yield Text(f"      {_plain(site.shown(root))}:{site.line} in {_plain(site.function)}")
    if len(known) > _SITES:
        yield Text(f"      and {len(known) - _SITES} more")
    yield Text(f"    instead: {limit.instead}", "dim")
    yield Text(f"    {limit.source}", "dim")


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{plural if number != 1 else ''}"


def _plain(name: str) -> str:
    """A name from a file system, so that nothing in it steers the terminal."""
    return name if name.isprintable() else ascii(name)
