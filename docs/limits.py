"""Write the table in ``limits.md`` anew from ``fake_selectors/limits.py``: ``python docs/limits.py``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from everyloop.fake_selectors.limits import LIMITS, LINUX, MACOS, NAMES, WINDOWS, Limit

DOCUMENT = Path(__file__).with_suffix(".md")
BEGIN, END = "<!-- limits: made by docs/limits.py -->", "<!-- end of limits -->"


def table() -> str:
    """Return the limits as Markdown, a section for each platform."""
    groups = ((LINUX, MACOS), (WINDOWS, MACOS), (WINDOWS,), (MACOS,), (LINUX,))
    sections = {
        " and ".join(NAMES[platform] for platform in group): [limit for limit in LIMITS if limit.platforms == group]
        for group in groups
    }
    assert sum(map(len, sections.values())) == len(LIMITS), "a limit holds on a group of platforms that is new"
    return "\n".join(f"### {title}\n\n{_rows(found)}" for title, found in sections.items())


def updated(document: str) -> str:
    """Return the document with a table of today."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def _rows(found: Iterable[Limit]) -> str:
    lines = ["| limit | holds for | what is not possible | raised | instead |", "| --- | --- | --- | --- | --- |"]
    for limit in found:
        raised = f"`{limit.exception}`" if limit.exception else "nothing"
        raised += f": `{limit.text}`" if limit.exception and limit.text else ""
        cells = (f"[`{limit.id}`]({limit.source})", limit.where, limit.forbids, raised, limit.instead)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
