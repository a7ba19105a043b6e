"""Markdown, for the summary of a CI job: counts, what changed, and what is not as expected."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from ...conformance import catalogue
from .. import comparing, results
from ..comparing import Change, said
from ..escaping import line
from .content import COUNTED, Content, Judged, command, counted, score

_SHOWN = 100
"""So many cases are listed: a summary of more than a mebibyte is refused by those who show it."""
_DETAIL = 300  # characters


def render(content: Content) -> str:
    """Return the report; what a loop says is code in it, and so neither a link, nor a mention, nor a table."""
    judged = [list(content.judged(run)) for run in content.runs]
    news = [one for of_run in judged for one in of_run if one.standing == "news"]
    blocks = [
        f"## everyloop: {_headline(content, news)}",
        _counts(judged),
        *(["*Incomplete: a run was ended before every case had its verdict.*"] if _incomplete(content) else []),
        *(_changes(comparing.compare(content.earlier, content.runs)) if content.earlier is not None else []),
        *_news(content, news),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _headline(content: Content, news: Sequence[Judged]) -> str:
    if not content.runs:
        return "no results"
    against = "as expected" if content.baseline is None else "as in the baseline"
    return f"{len(news)} not {against}" if news else f"all {against}"


def _incomplete(content: Content) -> bool:
    return any(run.get("incomplete") for run in content.runs)


def _counts(judged: Sequence[Sequence[Judged]]) -> str:
    counts = [counted(of_run) for of_run in judged]
    columns = [name for name in COUNTED if any(name in count for count in counts)]
    rows = []
    for of_run, count in zip(judged, counts, strict=True):
        if not of_run:
            continue
        run = of_run[0].run
        known = sum(one.standing in {"explained", "known"} for one in of_run)
        numbers = [str(count.get(name, "")) for name in columns]
        rows.append(
            [
                _code(results.label(run), table=True),
                str(score(run["results"])),
                *numbers,
                str(known or ""),
                f"{run['duration']:.1f} s",
            ]
        )
    return _table(["loop", "score", *columns, "known", "time"], rows) if rows else ""


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---", *["---:"] * (len(headers) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _changes(comparison: comparing.Comparison) -> Iterator[str]:
    """What is not as in the earlier document."""
    found = [(pair, list(pair.changes())) for pair in comparison.pairs]
    if not any(changes for _, changes in found) and not comparison.only_before and not comparison.only_after:
        yield "### Nothing changed"
        return
    total = sum(len(changes) for _, changes in found)
    yield f"### What changed: {total} {'case' if total == 1 else 'cases'}"
    left = _SHOWN
    for pair, changes in found:
        if changes[:left]:
            before, after = results.label(pair.before), results.label(pair.after)
            yield _code(before) if before == after else f"{_code(before)} → {_code(after)}"
            yield "\n".join(map(_change, changes[:left]))
            left -= len(changes[:left])
    if total > _SHOWN:
        yield f"- … and {total - _SHOWN} more: `everyloop compare` shows them"
    for runs, what in ((comparison.only_after, "new"), (comparison.only_before, "gone")):
        if runs:
            yield "\n".join(f"- {what}: {_code(results.label(run))}" for run in runs)


def _change(change: Change) -> str:
    result = change.result
    return (
        f"- {_code(said(change.before))} → {_code(said(change.after))} {_code(result['case'])} ({result['behaviour']})"
    )


def _news(content: Content, news: Sequence[Judged]) -> Iterator[str]:
    """What is not as expected, by run and behaviour, with the sentences that are broken."""
    if not news:
        return
    yield "### Not as expected" if content.baseline is None else "### Not as in the baseline"
    left = _SHOWN
    for _, of_run in itertools.groupby(news, key=lambda one: id(one.run)):
        all_of_run = list(of_run)
        shown, left = all_of_run[:left], max(0, left - len(all_of_run))
        lines = [
            f"<details><summary>{len(all_of_run)} of <code>{_html(results.label(all_of_run[0].run))}</code></summary>",
            "",
        ]
        for behaviour, group in itertools.groupby(shown, key=lambda one: one.result["behaviour"]):
            known = catalogue.behaviours().get(behaviour)
            lines.append(f"- **{behaviour}**{f': {_prose(known.statement)} [source]({known.source})' if known else ''}")
            for one in group:
                lines += _case(one)
        if len(shown) < len(all_of_run):
            lines += ["", f"… and {len(all_of_run) - len(shown)} more: the JSON and the HTML report have them"]
        yield "\n".join([*lines, "", "</details>"])


def _case(one: Judged) -> Iterator[str]:
    result = one.result
    yield f"  - {_code(said(result))} {_code(result['case'])}"
    if one.expected is not None:
        link = f" ([bug]({one.expected.url}))" if re.fullmatch(r"https?://[\w./?#=&%:~+-]+", one.expected.url) else ""
        yield f"    - expected: {_code(str(one.expected))} {_code(one.expected.reason)}{link}"
    if detail := " ".join((result["detail"] or "").split()):
        yield f"    - {_code(detail if len(detail) <= _DETAIL else detail[:_DETAIL] + '…')}"
    yield f"    - {_code(command(one.run, result['case']))}"


def _code(text: str, *, table: bool = False) -> str:
    """Return a text as code; the fence is longer than any within, and a bar would end a table's cell."""
    shown = line(text).replace("|", "\\|") if table else line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""


def _prose(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def _html(text: str) -> str:
    return line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
