"""The page: one file that asks nobody for anything, with the whole matrix in it.

The table of areas and behaviours is HTML, and can be read without scripts. Cases and their details are data in the page
from which its script makes what a person asks to see: in HTML, fifty thousand cells would take seconds to lay out.

What loops say is hostile. The template escapes all text; the data is JSON that no end tag can be in; the script makes
text of it, never markup; and should any of that fail, the page's policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import jinja2

from ...conformance import catalogue
from ...conformance.capabilities import CAPABILITIES
from ...fake_selectors import limits
from .. import results
from ..escaping import line, lines
from ..judging import MEANINGS
from ..probing import Column as Probe
from ..probing import Measurement
from ..results import Run
from ..version import VERSION
from .content import COUNTED, STANDINGS, Content, Judged, Score, Standing, counted, run_again, score, selecting

WORST_FIRST = ("crash", "hang", "fail", "error", "unsupported", "deviation", "pass", "info", "skip")
"""Of several cases, the verdict of the behaviour is the first of these that one has."""

_SLOWEST = 12
_NAMED = 5


@dataclass(frozen=True)
class Cell:
    """What a behaviour is on a backend: the worst of its cases.

    Attributes:
        verdict: the worst.
        standing: the worst.
        of: how many cases have that verdict, and how many there are.
        marks: what else there is to say of them.
    """

    verdict: str
    standing: Standing
    of: tuple[int, int]
    marks: Sequence[str]

    @classmethod
    def of_cases(cls, judged: Sequence[Judged]) -> Cell:
        """Sum the cases of a behaviour up."""
        verdicts = [one.result["verdict"] for one in judged]
        worst = min(verdicts, key=WORST_FIRST.index)
        standing = max((one.standing for one in judged), key=STANDINGS.index)
        marks = [
            *(["unclean"] if any(one.is_unclean for one in judged) else []),
            *(["flaky"] if any(one.result["flaky"] for one in judged) else []),
            *([standing] if standing in {"explained", "known"} else []),
        ]
        return cls(worst, standing, (verdicts.count(worst), len(verdicts)), marks)


@dataclass(frozen=True)
class Row:
    """A behaviour, with a cell for each column; None: nothing was run there."""

    number: int
    id: str
    level: str
    statement: str
    source: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Area:
    """A chapter of the matrix."""

    code: str
    title: str
    rows: Sequence[Row]
    scores: Sequence[Score | None]


@dataclass(frozen=True)
class Header:
    """A cell of the table's head, over as many columns as are alike."""

    text: str
    span: int


class Page:
    """What the template shows.

    Attributes:
        runs: the columns.
        slugs: the name of each column in links.
    """

    def __init__(self, content: Content) -> None:
        self.content = content
        self.runs = content.runs
        self.judged = [list(content.judged(run)) for run in content.runs]
        self.slugs = list(_slugs(content.runs))
        by_behaviour: dict[str, list[list[Judged]]] = {}
        for number, of_run in enumerate(self.judged):
            for one in of_run:
                columns = by_behaviour.setdefault(one.result["behaviour"], [[] for _ in content.runs])
                columns[number].append(one)
        known = {name: number for number, name in enumerate(catalogue.behaviours())}
        self._behaviours = dict(sorted(by_behaviour.items(), key=lambda item: (known.get(item[0], 1e9), item[0])))

    @cached_property
    def areas(self) -> list[Area]:
        """The matrix."""
        titles = {area.code: area.title for area in catalogue.areas()}
        rows: dict[str, list[Row]] = {}
        for number, (name, columns) in enumerate(self._behaviours.items()):
            behaviour = catalogue.behaviours().get(name)
            first = next(one for column in columns for one in column).result
            row = Row(
                number,
                name,
                first["level"],
                behaviour.statement if behaviour else "(this version of everyloop does not know it)",
                behaviour.source if behaviour else "",
                [Cell.of_cases(column) if column else None for column in columns],
            )
            rows.setdefault(first["area"], []).append(row)
        return [Area(code, titles.get(code, ""), found, self._scores(code)) for code, found in rows.items()]

    def _scores(self, area: str) -> list[Score | None]:
        of_area = ([result for result in run["results"] if result["area"] == area] for run in self.runs)
        return [score(found) if found else None for found in of_area]

    @property
    def headers(self) -> list[list[Header]]:
        """The three lines of the table's head: backends, their versions and platforms, Pythons."""
        versions = [
            (results.title(run), "" if run["version"] == run["python"] else run["version"], _place(run))
            for run in self.runs
        ]
        names = [[Header(line(name), len(list(same)))] for name, same in itertools.groupby(v[0] for v in versions)]
        places = [
            Header(line(" · ".join(filter(None, key[1:]))), len(list(same)))
            for key, same in itertools.groupby(versions)
        ]
        return [
            list(itertools.chain(*names)),
            places,
            [Header(f"Python {line(run['python'])}", 1) for run in self.runs],
        ]

    @property
    def summaries(self) -> list[dict[str, Any]]:
        """The runs, each with its counts and its shares of the charts."""
        longest = max((run["duration"] for run in self.runs), default=0.0) or 1.0
        found = []
        for run, judged in zip(self.runs, self.judged, strict=True):
            count = counted(judged)
            found.append(
                {
                    "run": run,
                    "label": line(results.label(run)),
                    "host": line(run["host"]),
                    "gateways": line(", ".join(run.get("gateways", []))),
                    "score": score(run["results"]),
                    "counts": count,
                    "news": sum(one.standing == "news" for one in judged),
                    "parts": list(_parts(count, len(judged))),
                    "time": 100 * run["duration"] / longest,
                }
            )
        return found

    @property
    def slowest(self) -> list[dict[str, Any]]:
        """The cases that took longest, anywhere."""
        all_of_them = ((one.result["duration"], number, one) for number, of in enumerate(self.judged) for one in of)
        found = sorted(all_of_them, key=lambda entry: entry[0], reverse=True)[:_SLOWEST]
        longest = found[0][0] if found and found[0][0] else 1.0
        return [
            {
                "case": line(one.result["case"]),
                "label": line(results.label(one.run)),
                "link": urlencode({"case": line(one.result["case"]), "on": self.slugs[number]}),
                "seconds": seconds,
                "share": 100 * seconds / longest,
            }
            for seconds, number, one in found
        ]

    @cached_property
    def support(self) -> dict[str, Any] | None:
        """The platform-support table; None without measurements."""
        probes = self.content.probes
        if not probes:
            return None
        by_name = [{found["capability"]: found for found in probe["measurements"]} for probe in probes]
        meanings = {capability.name: capability.meaning for capability in CAPABILITIES}
        names = dict.fromkeys([*meanings, *itertools.chain(*by_name)])
        explaining = {found["limit"] for column in by_name for found in column.values()}
        return {
            "columns": [
                {"title": line(results.titled(probe["backend"], probe["knobs"])), "place": _probed(probe)}
                for probe in probes
            ],
            "rows": [
                (
                    name,
                    meanings.get(name, ""),
                    [_measured(column[name]) if name in column else None for column in by_name],
                )
                for name in names
                if any(name in column for column in by_name)
            ],
            "limits": [limit for limit in limits.LIMITS if limit.id in explaining],
        }

    @property
    def heading(self) -> str:
        """What the page is about, in a line."""
        names = list(dict.fromkeys(line(results.title(run)) for run in self.runs))
        if len(names) > _NAMED:
            return f"{len(names)} backends in {len(self.runs)} runs"
        return ", ".join(names) or "no results"

    @property
    def against(self) -> str:
        """What it is called if a result is not as expected."""
        return "not as expected" if self.content.baseline is None else "not as in the baseline"

    @property
    def verdicts(self) -> dict[str, str]:
        """What the verdicts mean."""
        return MEANINGS

    @property
    def data(self) -> str:
        """All results as JSON that can stand in a script element."""
        texts = _Texts()
        rows = itertools.chain.from_iterable(area.rows for area in self.areas)
        present = {one.result["limit"] for of_run in self.judged for one in of_run}
        data = {
            "verdicts": MEANINGS,
            "standings": STANDINGS,
            "columns": [
                {
                    "slug": slug,
                    "title": line(results.title(run)),
                    "label": line(results.label(run)),
                    "emulated": run["emulated"],
                    "loop": line(run["loop"]),
                    "host": line(run["host"]),
                    "started": run["started"],
                    "command": run_again(run),
                }
                for slug, run in zip(self.slugs, self.runs, strict=True)
            ],
            "limits": {
                limit.id: [limit.forbids, limit.instead, limit.source] for limit in limits.LIMITS if limit.id in present
            },
            "behaviours": [self._behaviour(texts, row) for row in sorted(rows, key=lambda row: row.number)],
            "texts": texts.all,
        }
        # As in jinja2's tojson: no end tag, no comment, no entity can be in it.
        text = json.dumps(data, separators=(",", ":"))
        return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)

    def _behaviour(self, texts: _Texts, row: Row) -> dict[str, Any]:
        columns = self._behaviours[row.id]
        by_case: dict[str, list[Any]] = {}
        for number, column in enumerate(columns):
            for one in column:
                by_case.setdefault(one.result["case"], [None] * len(columns))[number] = _packed(texts, one)
        return {
            "number": row.number,
            "id": row.id,
            "area": row.id.partition("-")[0],
            "level": row.level,
            "statement": row.statement,
            "source": row.source,
            "cases": [[line(case), selecting(case), cells] for case, cells in by_case.items()],
        }


class _Texts:
    """Texts by number: the same detail is in many results."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """Return the number of a text; -1: there is none."""
        return -1 if not text else self._numbers.setdefault(lines(text), len(self._numbers))

    @property
    def all(self) -> list[str]:
        """The texts in the order of their numbers."""
        return list(self._numbers)


def _packed(texts: _Texts, one: Judged) -> object:
    """Return a result as the script unpacks it: a number is a case that passed in so many seconds, like most."""
    result = one.result
    usual = (result["verdict"], one.standing, result["cleanup"], result["flaky"]) == ("pass", "good", "clean", False)
    if usual and not result["detail"]:
        return result["duration"]
    expected = one.expected
    return [
        result["verdict"],
        STANDINGS.index(one.standing),
        texts.number(result["cleanup"]),
        texts.number(result["limit"]),
        texts.number(result["detail"]),
        int(result["flaky"]),
        result["duration"],
        *([] if expected is None else [texts.number(text) for text in (str(expected), expected.reason, expected.url)]),
    ]


def _parts(count: dict[str, int], total: int) -> Iterator[dict[str, Any]]:
    """The pieces of a bar of verdicts, in percent."""
    at = 0.0
    for verdict in COUNTED[: len(MEANINGS)]:
        if verdict in count:
            width = 100 * count[verdict] / total
            yield {"verdict": verdict, "at": at, "width": width, "count": count[verdict]}
            at += width


def _place(run: Run) -> str:
    return f"{run['platform']}{', emulated' if run['emulated'] else ''}"


def _probed(probe: Probe) -> str:
    return line(f"{probe['version']}, {probe['platform']}{', emulated' if probe['emulated'] else ''}")


def _measured(found: Measurement) -> dict[str, Any]:
    """A cell of the platform-support table."""
    different = found["agreement"] == "different"
    notes = [f"documented: {line(found['documented'] or '')}"] if different else []
    notes += [line(found["limit"])] if found["limit"] is not None else []
    notes += [line(found["detail"] or "")] if found["agreement"] == "absent" else []
    kind = "different" if different else "none" if found["agreement"] == "absent" else ""
    return {"value": line(found["value"]), "different": different, "note": "; ".join(notes), "class": kind}


def _slugs(runs: Iterable[Run]) -> Iterator[str]:
    """Names of columns for links, each once, that stay the same when other columns are added."""
    seen: dict[str, int] = {}
    for run in runs:
        slug = re.sub(r"[^\w.@=-]+", "-", f"{results.title(run)}-{run['version']}-{run['python']}-{run['platform']}")
        seen[slug] = seen.get(slug, 0) + 1
        yield slug if seen[slug] == 1 else f"{slug}-{seen[slug]}"


def render(content: Content) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = _template("report.css"), _template("report.js")
    return environment.get_template("report.html").render(
        page=Page(content),
        version=VERSION,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name the one style, or script, that the page's policy allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
