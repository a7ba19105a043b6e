"""``everyloop list``: what there is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click
from rich.text import Text

from ..conformance import catalogue
from ..fake_selectors import limits
from . import backends, emulation, terminal
from .commands import AS_EXPECTED, Group, new_table, run_async
from .orders import Selection
from .pool import Pool, RefusedError
from .running import all_cases


@click.group(
    "list",
    cls=Group,
    short_help="Show backends, platforms, limits, behaviours or cases.",
    epilog="""
Examples:
  everyloop list backends            what can be run here, and what to install for the rest
  everyloop list platforms           what is emulated, and its knobs: macos@version=14
  everyloop list limits              what platforms keep asyncio from doing
  everyloop list behaviours          what is asked of a loop, sentence by sentence
  everyloop list cases               what shows it: the ids of baselines and of -k
  everyloop list behaviours --json   the same for programs, with sources and versions
""",
)
def list_() -> None:
    """Show what there is: backends, emulated platforms, limits of platforms, behaviours, cases."""


_as_json = click.option("--json", "as_json", is_flag=True, help="A JSON array of objects.")


@list_.command("backends", short_help="Show what can be run here, and what to install for the rest.")
@_as_json
def list_backends(as_json: bool) -> int:
    """Show every backend, whether it can be run here, and what to install if not."""
    rows = run_async(_probe_all())
    if as_json:
        terminal.output().out(json.dumps(rows, indent=1))
        return AS_EXPECTED
    table = new_table("backend", "version", "loop, or why it cannot be run here")
    for row in rows:
        available = row["loop"] is not None or row["reason"] is None
        table.add_row(
            row["backend"],
            row["version"],
            Text(row["loop"] or row["reason"] or "", "" if available else "dim"),
        )
    terminal.output().print(table)
    return AS_EXPECTED


@list_.command("cases")
@_as_json
def list_cases(as_json: bool) -> int:
    """Show every case with the behaviour it shows."""
    cases = run_async(all_cases())
    keys = ("case", "behaviour", "area", "level")
    if as_json:
        terminal.output().out(json.dumps([{key: getattr(case, key) for key in keys} for case in cases], indent=1))
        return AS_EXPECTED
    table = new_table("case", "behaviour", "level")
    for case in cases:
        table.add_row(Text(case.case), case.behaviour, case.level)
    terminal.output().print(table)
    return AS_EXPECTED


@list_.command("behaviours", short_help="Show the catalogue, and how many cases each behaviour has.")
@_as_json
def list_behaviours(as_json: bool) -> int:
    """Show the whole catalogue, and how much of it has cases."""
    covering: dict[str, list[str]] = {name: [] for name in catalogue.behaviours()}
    for case in run_async(all_cases()):
        covering[case.behaviour].append(case.case)
    found = list(catalogue.behaviours().values())
    if as_json:
        keys = ("id", "area", "level", "statement", "source", "since", "until", "platforms")
        rows = [{key: getattr(b, key) for key in keys} | {"cases": covering[b.id]} for b in found]
        terminal.output().out(json.dumps(rows, indent=1))
        return AS_EXPECTED
    table = new_table("id", "level", "cases", "statement")
    for behaviour in found:
        count = len(covering[behaviour.id])
        table.add_row(behaviour.id, behaviour.level, str(count or "-"), Text(behaviour.statement))
    console = terminal.output()
    console.print(table)
    covered = sum(bool(cases) for cases in covering.values())
    console.print(Text(f"covered {covered} of {len(found)}", "bold"))
    return AS_EXPECTED


@list_.command("platforms", short_help="Show the emulated platforms and their knobs.")
@_as_json
def list_platforms(as_json: bool) -> int:
    """Show the emulated platforms and their knobs, which are written after the name: macos@version=14."""
    rows = [_platform(backend) for backend in backends.registered().values() if backend.emulated is not None]
    if as_json:
        terminal.output().out(json.dumps(rows, indent=1))
        return AS_EXPECTED
    table = new_table("platform", "sys.platform", "loop", "selector", "knobs, or why it cannot be had here")
    for row in rows:
        knobs = ", ".join(f"{name}={'-' if value == '' else value}" for name, value in row["knobs"].items())
        last = Text(knobs or "-") if row["reason"] is None else Text(row["reason"], "dim")
        table.add_row(row["platform"], row["sys_platform"], row["loop"], row["selector"] or "-", last)
    terminal.output().print(table)
    return AS_EXPECTED


def _platform(backend: backends.Backend) -> dict[str, Any]:
    platform = emulation.make(backend.reference, backend.fixed)
    knobs = emulation.knobs_of(backend.reference)
    return {
        "platform": backend.name,
        "sys_platform": platform.sys_platform,
        "loop": platform.loop_class,
        "selector": platform.selector_class,
        "knobs": {name: value for name, value in knobs.items() if name not in backend.fixed},
        "reason": backend.why_not_here(),
    }


@list_.command("limits", short_help="Show what platforms keep asyncio from doing.")
@_as_json
def list_limits(as_json: bool) -> int:
    """Show what platforms keep the standard library's loops from doing.

    With --json also the source of each row and what to do instead, which docs/limits.md has too.
    """
    if as_json:
        terminal.output().out(json.dumps([_limit(limit) for limit in limits.LIMITS], indent=1))
        return AS_EXPECTED
    table = new_table("limit", "where", "raised", "what is not possible")
    table.columns[0].no_wrap = True
    for limit in limits.LIMITS:
        table.add_row(limit.id, limit.where, limit.refusal or "-", Text(limit.forbids))
    terminal.output().print(table)
    return AS_EXPECTED


def _limit(limit: limits.Limit) -> dict[str, Any]:
    """A row as JSON: versions are texts, as in the catalogue."""
    versions = {key: limits.text(getattr(limit, key)) for key in ("since", "until")}
    return vars(limit) | versions


async def _probe_all() -> list[dict[str, Any]]:
    async with Pool.open(1, 10.0, Selection()) as pool:
        return list(await asyncio.gather(*(_probe(pool, backend) for backend in backends.registered().values())))


async def _probe(pool: Pool, backend: backends.Backend) -> dict[str, Any]:
    row: dict[str, Any] = {
        "backend": backend.name,
        "version": None,
        "emulated": backend.emulated is not None,
        "loop": None,
        "reason": backend.why_not_here(),
    }
    if row["reason"] is None:
        row["version"] = backend.version()
        if backend.asyncio:
            try:
                opened = await pool.probe(backend.name)
                row |= {"version": opened.version, "loop": opened.loop}
            except RefusedError as refusal:
                row["reason"] = str(refusal)
        else:
            row["reason"] = "no asyncio loop: capabilities only"
    return row
