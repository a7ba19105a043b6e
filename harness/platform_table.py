"""What a person sees of probing: the platform-support table, the limits in it, and what is not as documented."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..conformance.capabilities import CAPABILITIES
from ..fake_selectors import limits
from .escaping import line as harmless
from .probing import Agreement, Column, Measurement

_STYLES: dict[Agreement, str] = {"as documented": "", "different": "bold red", "measured": "cyan", "absent": "dim"}
_GAP = 2
_DETAIL_LINES = 6


class Quiet:
    """A reporter that says nothing."""

    def begin(self, backend: str, probes: int) -> None:
        """A backend's probes begin."""

    def measured(self, backend: str, measurement: Measurement) -> None:
        """One has ended."""

    def close(self) -> None:
        """All have."""


class Live(Quiet):
    """A reporter that keeps one line a backend up to date on a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, TextColumn("{task.fields[note]}"), console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()

    def begin(self, backend: str, probes: int) -> None:
        """Start a backend's line."""
        self._tasks[backend] = self._progress.add_task(backend, total=probes, note="")

    def measured(self, backend: str, measurement: Measurement) -> None:
        """Move it on."""
        note = f"{measurement['capability']}: {harmless(measurement['value'])}"
        self._progress.update(self._tasks[backend], advance=1, note=note)

    def close(self) -> None:
        """Take the lines away."""
        self._progress.stop()


def reporter(console: Console, quiet: bool) -> Quiet:
    """Return the reporter that fits where standard error goes."""
    return Quiet() if quiet or not console.is_terminal or "CI" in os.environ else Live(console)


class _Notes:
    """Numbers for what does not fit into a cell."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, note: str) -> int:
        """Return the number of a note, a new one for a new note."""
        return self._numbers.setdefault(note, len(self._numbers) + 1)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return ((number, note) for note, number in self._numbers.items())


def show(console: Console, columns: Sequence[Column], *, quiet: bool) -> None:
    """Print the answer of a probe."""
    if quiet:
        for column in columns:
            console.print(Text(f"{column['backend']}: {_counts(column)}"), soft_wrap=True)
        return
    notes = _Notes()
    cells = [{found["capability"]: _cell(found, notes) for found in column["measurements"]} for column in columns]
    for number, group in enumerate(_that_fit(columns, cells, console.width)):
        if number:
            console.print()
        console.print(_table([columns[index] for index in group], [cells[index] for index in group]))
    for number, note in notes:
        console.print(Text(f"[{number}] {note}"), soft_wrap=True)
    for column in columns:
        for found in column["measurements"]:
            if found["agreement"] == "different":
                for line in _difference(column, found):
                    console.print(line, soft_wrap=True)
    if any(column.get("incomplete") for column in columns):
        console.print(Text("incomplete: the command was ended before every probe was", "bold yellow"))


def _counts(column: Column) -> str:
    count = collections.Counter(found["agreement"] for found in column["measurements"])
    return ", ".join(f"{count[name]} {name}" for name in _STYLES if count[name])


def _cell(found: Measurement, notes: _Notes) -> Text:
    """The measurement, in short: the rest of it is in a note, together with the limit that documents it."""
    value, _, refusal = harmless(found["value"]).partition(": ")
    text = Text(value, _STYLES[found["agreement"]])
    note = ""
    if found["agreement"] == "as documented" and found["limit"] is not None:
        limit = limits.by_id(found["limit"])
        note = f"{limit.id} ({found['documented']}): {limit.forbids}"
    elif found["agreement"] == "absent":
        note = f"not measured: {found['detail']}"
    elif found["agreement"] == "measured":
        note = refusal or (found["detail"] or "").partition("\n")[0]
    if note:
        text.append(f" [{notes.number(note)}]", "dim")
    if found["agreement"] == "different":
        text.append(" ≠")
    return text


def _heading(column: Column) -> str:
    knobs = ",".join(f"{name}={value}" for name, value in column["knobs"].items())
    return f"{column['backend']}@{knobs}" if knobs else column["backend"]


def _table(columns: Sequence[Column], cells: Sequence[dict[str, Text]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    table.add_column("capability", no_wrap=True)
    for column in columns:
        table.add_column(f"{_heading(column)}\n{column['version']}", overflow="fold")
    for capability in CAPABILITIES:
        row = [found.get(capability.name, Text("-", "dim")) for found in cells]
        if any(capability.name in found for found in cells):
            table.add_row(capability.name, *row)
    return table


def _that_fit(columns: Sequence[Column], cells: Sequence[dict[str, Text]], width: int) -> Iterator[list[int]]:
    """Divide the columns into tables that are not wider than the console."""
    first = max(len(capability.name) for capability in CAPABILITIES) + _GAP
    group: list[int] = []
    used = first
    for index, (column, found) in enumerate(zip(columns, cells, strict=True)):
        texts = itertools.chain((_heading(column), column["version"]), (cell.plain for cell in found.values()))
        needed = max(map(cell_len, texts)) + _GAP
        if group and used + needed > width:
            yield group
            group, used = [], first
        group.append(index)
        used += needed
    if group:
        yield group


def _difference(column: Column, found: Measurement) -> Iterator[Text]:
    documented = found["documented"] or "nothing of the kind"
    source = f" ({found['limit']})" if found["limit"] is not None else ""
    yield Text.assemble(
        ("different", "bold red"),
        f"  {_heading(column)} {found['capability']}: measured {harmless(found['value'])}, ",
        f"documented {documented}{source}",
    )
    for line in (found["detail"] or "").splitlines()[:_DETAIL_LINES]:
        yield Text(f"      {harmless(line)}", "dim")
