"""One page and one document of the results of many machines.

    python -m tests.workflows.gather RESULTS SITE [EARLIER.json]

RESULTS is a folder with documents of ``everyloop run`` and ``everyloop probe`` anywhere in it. SITE is made: its
``index.html`` is the page, ``all.json`` the document, ``summary.md`` counts and says what changed since EARLIER.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BASELINES = Path(__file__).resolve().parents[2] / "baselines"


def everyloop(*arguments: object) -> None:
    """Run a command of everyloop; end with its status if it is not content."""
    done = subprocess.run([sys.executable, "-m", "everyloop.harness", *map(str, arguments)], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def of_kind(folder: Path, kind: str) -> list[Path]:
    """Return the documents in a folder whose schema is of a kind: ``everyloop-results`` or ``everyloop-probe``."""
    return [path for path in sorted(folder.rglob("*.json")) if _schema(path).partition("/")[0] == kind]


def _schema(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is no document of everyloop: {error!r}") from None


def gather(results: Path, site: Path, earlier: Path | None = None) -> None:
    """Make the page and what belongs to it."""
    site.mkdir(parents=True, exist_ok=True)
    merged, known = site / "all.json", site / "known.toml"
    everyloop("merge", *of_kind(results, "everyloop-results"), "-o", merged)
    # A baseline is a list of tables: one after the other, several are one.
    known.write_text("\n".join(path.read_text(encoding="utf-8") for path in sorted(BASELINES.glob("*.toml"))), "utf-8")
    everyloop(
        *("report", merged, "--baseline", known),
        *("--html", site / "index.html", "--markdown", site / "summary.md", "--badge", site / "badge.json"),
        *(word for path in of_kind(results, "everyloop-probe") for word in ("--probe", path)),
        # What an older everyloop published may be of another schema, with which nothing can be compared.
        *(() if earlier is None or _schema(earlier) != _schema(merged) else ("--earlier", earlier)),
    )


def main(arguments: Sequence[str]) -> None:
    """Read the command line."""
    if len(arguments) not in {2, 3}:
        raise SystemExit("usage: python -m tests.workflows.gather RESULTS SITE [EARLIER.json]")
    gather(*map(Path, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
