"""Results that no loop gave: small documents, made for the tests of what is done with results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from everyloop.harness import results
from everyloop.harness.results import Result, Run

HOSTILE = (
    "</script><script>hacked = 1</script><img src=x onerror='hacked = 1'>\"'` &amp; <!-- ]]> {{ 7 * 7 }} | @all "
    "[x](javascript:alert(1)) \x1b[31m\x00 \u202eesrever\u2066 \u2028 \ud800 \ufeff \x85 \N{HEBREW LETTER SHIN}"
)
"""A message of a loop that means harm, in every format there is."""

STEERING = "\x1b\x00\u202e\u2066\u2028\ud800\ufeff\x85"
"""What of it must never arrive."""


def result(case: str = "readers::add_reader_replaces_callback", verdict: str = "pass", **changes: Any) -> Result:
    """Return a result of a case about a reader."""
    made: Any = {
        "case": case,
        "behaviour": "FD-05",
        "area": "FD",
        "level": "must",
        "verdict": verdict,
        "cleanup": "clean",
        "limit": None,
        "detail": None,
        "flaky": False,
        "duration": 0.002,
        **changes,
    }
    found: Result = made
    return found


def run(backend: str = "uvloop", found: Sequence[Result] = (), **changes: Any) -> Run:
    """Return a run with these results, or with one that is good."""
    made: Any = {
        "backend": backend,
        "version": "0.23.0",
        "emulated": False,
        "knobs": {},
        "loop": "uvloop.Loop",
        "python": "3.13.0",
        "platform": "linux",
        "host": "Linux-6.1-x86_64",
        "started": "2026-11-22T10:00:00Z",
        "duration": 9.1,
        "results": list(found) or [result()],
        **changes,
    }
    one: Run = made
    return one


def hostile_run() -> Run:
    """Return a run in which everything that a loop or a file can say is hostile."""
    found = [
        result(f"readers::{HOSTILE}", "fail", detail=f"{HOSTILE}\nsecond\r\n\tthird", cleanup=HOSTILE, limit=None),
        result("readers::explained", "unsupported", detail=HOSTILE, limit=HOSTILE),
        result("readers::seen", "info", level="info", detail=HOSTILE),
        result("readers::left_out", "skip", detail=HOSTILE),
        result("unheard_of::case", "crash", behaviour="ZZZ-99", area="ZZZ", detail=HOSTILE),
    ]
    texts = {"version": HOSTILE, "loop": HOSTILE, "platform": HOSTILE, "host": HOSTILE, "python": f"3.13{HOSTILE}"}
    return run(HOSTILE, found, knobs={HOSTILE: HOSTILE}, emulated=True, incomplete=True, gateways=[HOSTILE], **texts)


def write(path: Path, *runs: Run) -> Path:
    """Write a document of these runs."""
    path.write_text(json.dumps(results.document(list(runs))), encoding="ascii")
    return path
