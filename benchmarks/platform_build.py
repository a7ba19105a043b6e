"""What an emulated platform costs: its first loop, and every later one.

For each platform, in processes of their own: the seconds from ``platform.new_event_loop()`` to the loop, the first time
(CPython's modules are executed again) and later, against ``asyncio.new_event_loop()`` in the same process. The first
figure is of a process that has imported asyncio and the platform's module, and has made and closed a loop of its own.
Shown is the least of the processes, which others on the machine disturbed least; one more before them warms the caches
of files and bytecode. Usage::

    python benchmarks/platform_build.py [PROCESSES]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

PLATFORMS = {
    "linux-select": "linux.select()",
    "windows-selector": "windows.selector()",
    "macos": "macos()",
    "macos-10.8": "macos('10.8')",
}
GOAL_FIRST, GOAL_LATER = 30.0, 1.0
"""Milliseconds."""

MEASURE = """
import asyncio, json, statistics, time
from everyloop.fake_selectors import *

def cost(make):
    start = time.perf_counter()
    loop = make()
    took = time.perf_counter() - start
    loop.close()
    return took * 1000

cost(asyncio.new_event_loop)
platform = {platform}
first = cost(platform.new_event_loop)
later, own = [], []
for _ in range(200):
    later.append(cost(platform.new_event_loop))
    own.append(cost(asyncio.new_event_loop))
print(json.dumps([first, statistics.median(later), statistics.median(own)]))
"""


def measure(platform: str) -> list[float]:
    """Return milliseconds: the first loop, a later one, one of asyncio's own."""
    script = MEASURE.format(platform=platform)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    met = True
    print(f"{'':18}{'first':>9}{'later':>9}{'asyncio':>9}   ms")
    for name, platform in PLATFORMS.items():
        rows = [measure(platform) for _ in range(processes + 1)][1:]
        first, later, own = (min(column) for column in zip(*rows, strict=True))
        met = met and first < GOAL_FIRST and later < GOAL_LATER
        print(f"{name:18}{first:9.2f}{later:9.3f}{own:9.3f}")
    print(f"goal: first under {GOAL_FIRST:.0f} ms, later under {GOAL_LATER:.0f} ms: {'met' if met else 'missed'}")
    sys.exit(not met)


if __name__ == "__main__":
    main()
