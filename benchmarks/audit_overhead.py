"""What ``--everyloop-audit`` costs a test run: CPU time with it, beside CPU time without it.

Two test suites, each executed by pytest in a process of its own, alternately with and without the option:

* ``aiohttp``: tests as applications have them. Each starts an aiohttp server, and a client session sends it
  requests, some at once, some with time-outs; one in ten starts a process.
* ``cpython``: the tests of asyncio's streams, sockets, time-outs, locks and queues that come with this Python.

Printed is, for each, the least CPU time that the process and its children took, without and with, the difference, the
median of the differences pair by pair, and how many calls were recorded. On a machine that does other things as well
only the least is worth something: whatever disturbs takes time, and nothing gives it back.

    python benchmarks/audit_overhead.py [--suite NAME] [--times N] [--loop uvloop]

What pytest itself needs to start is in both times; what the audit needs to start and to judge is in the second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

APPLICATION = """
import asyncio
import sys

import aiohttp
import pytest
from aiohttp import web

LOOP = {loop!r}


def run(main):
    factory = None
    if LOOP == "uvloop":
        import uvloop
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


async def answer(request):
    await asyncio.sleep(0.001 if request.query.get("slow") else 0)
    return web.json_response(await request.json())


async def talk(number):
    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = site._server.sockets[0].getsockname()
    async with aiohttp.ClientSession() as session:
        async def ask(n):
            url = f"http://{{host}}:{{port}}/?slow={{n % 2}}"
            async with asyncio.timeout(20), session.post(url, json=[n]) as found:
                assert await found.json() == [n]
        for n in range(20):
            await ask(n)
        await asyncio.gather(*map(ask, range(20)))
    if number % 10 == 0:
        process = await asyncio.create_subprocess_exec("true")
        assert await process.wait() == 0
    await runner.cleanup()


@pytest.mark.parametrize("number", range(60))
def test_talk(number):
    run(talk(number))
"""
CPYTHON = ("streams", "timeouts", "sock_lowlevel", "locks", "queues")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=["aiohttp", "cpython"], action="append")
    parser.add_argument("--times", type=int, default=7, help="how often each is executed, with and without")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="of the suite aiohttp")
    given = parser.parse_args()
    for suite in given.suite or ["aiohttp", "cpython"]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            tests = arguments(suite, given.loop, Path(folder))
            pairs = [(cpu(tests, []), cpu(tests, [f"--everyloop-audit={report}"])) for _ in range(given.times)]
            calls = sum(use["count"] for use in json.loads(report.read_text())["uses"])
        without, audited = (min(times) for times in zip(*pairs, strict=True))
        typical = statistics.median((more - less) / less for less, more in pairs)
        print(
            f"{suite}: {without:.2f} s without, {audited:.2f} s with: {audited / without - 1:+.1%}; "
            f"pair by pair {typical:+.1%}; {calls:,} calls recorded",
            flush=True,
        )


def arguments(suite: str, loop: str, folder: Path) -> list[str]:
    """Return what to give to pytest."""
    if suite == "aiohttp":
        file = folder / "test_application.py"
        file.write_text(APPLICATION.format(loop=loop))
        return [str(file)]
    here = Path(os.__file__).parent / "test" / "test_asyncio"
    if not here.is_dir():
        sys.exit(f"{here} is not there: this Python has no tests")
    return [str(here / f"test_{name}.py") for name in CPYTHON]


def cpu(tests: list[str], options: list[str]) -> float:
    """Execute tests, and return the CPU time of all processes that took, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-qq", "-p", "no:cacheprovider", "-c", os.devnull, *options, *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(tests[0]).parent)
    if done.returncode not in {0, 1}:  # a test of CPython's that fails here fails with and without
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
