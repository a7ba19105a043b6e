"""Cases per CPU second: this suite against CPython's own tests of the same thing.

Runs, alternating, in a process each:

* the cases on ``asyncio-epoll``, natively in one pytest process;
* ``test.test_asyncio.test_events`` of the Python that runs this script.

A first round warms the caches of files and bytecode and does not count. CPU seconds are those of the process and
its children (``getrusage``), start-up included, so that a noisy machine
disturbs both alike. A skipped test does not count. Usage::

    python benchmarks/cases_per_cpu_second.py [ROUNDS]
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys

PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "everyloop.conformance"]
SUBJECTS = {
    "everyloop": [sys.executable, *PYTEST, "--everyloop", "asyncio-epoll"],
    "CPython's test_events": [sys.executable, "-m", "unittest", "test.test_asyncio.test_events"],
}
GOAL = 10.0


def cases_and_cpu(command: list[str]) -> tuple[int, float]:
    """Run a test command; return how many tests it executed and the CPU seconds it took."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return executed(done.stdout + done.stderr), cpu


def executed(output: str) -> int:
    """Read the number of executed tests from the last lines of pytest or unittest."""
    if found := re.search(r"^Ran (\d+) tests", output, re.MULTILINE):
        skipped = re.search(r"skipped=(\d+)", output)
        return int(found[1]) - (int(skipped[1]) if skipped else 0)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|info)", output)}
    if not counts:
        sys.exit(f"no result in the output:\n{output[-2000:]}")
    return sum(counts.values())


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rates: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for number in range(rounds + 1):
        for name, command in SUBJECTS.items():
            cases, cpu = cases_and_cpu(command)
            if number > 0:
                rates[name].append(cases / cpu)
            print(f"{name:24} {cases:5} cases {cpu:7.2f} CPU s {cases / cpu:8.1f} cases/CPU s", flush=True)
    ours, theirs = (statistics.median(found) for found in rates.values())
    print(f"median: {ours:.1f} against {theirs:.1f} cases per CPU second: {ours / theirs:.1f} times (goal: {GOAL:g})")


if __name__ == "__main__":
    main()
