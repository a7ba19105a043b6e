"""How long `everyloop merge` takes for the documents of a large CI matrix.

    python benchmarks/merging.py [DOCUMENTS [RESULTS]]

Prints seconds, and the size of what was merged. With 200 documents of 2800 results each, as of the whole suite, the
answer is seconds: documents are parsed in C, held against a compiled schema, and written a line for each result.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from everyloop.harness import documents, results


def main(many: int = 200, count: int = 2800) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = [_result(number) for number in range(count)]
        for number in range(many):
            documents.write(folder / f"{number}.json", results.document([_run(f"loop-{number}", found)]))
        names = [str(path) for path in sorted(folder.iterdir())]
        size = sum(Path(name).stat().st_size for name in names)
        began = time.monotonic()
        command = [sys.executable, "-m", "everyloop.harness", "merge", *names, "-o", str(folder / "all.json")]
        subprocess.run(command, check=True)
        seconds = time.monotonic() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{many} documents of {count} results, {size / 1e6:.0f} MB: {seconds:.1f} s")
    print(f"processor time {usage.ru_utime + usage.ru_stime:.1f} s, memory {usage.ru_maxrss / 1e3:.0f} MB")


def _result(number: int) -> results.Result:
    return {
        "case": f"readers::case_with_a_name_of_the_usual_length_{number}",
        "behaviour": "FD-03",
        "area": "FD",
        "level": "must",
        "verdict": "pass",
        "cleanup": "clean",
        "limit": None,
        "detail": None,
        "flaky": False,
        "duration": 0.002,
    }


def _run(name: str, found: list[results.Result]) -> results.Run:
    return {
        "backend": name,
        "version": "1.0",
        "emulated": False,
        "knobs": {},
        "loop": "package.Loop",
        "python": "3.13.0",
        "platform": "linux",
        "host": "Linux-6.1-x86_64",
        "started": "2026-11-22T10:00:00Z",
        "duration": 9.1,
        "results": found,
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
