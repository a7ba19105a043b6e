"""What ``--everyloop-audit`` costs: CPU time with it, beside CPU time without it.

Test suites, each executed by pytest in a process of its own, alternately with and without the option:

* ``aiohttp``: tests as applications have them. Each starts an aiohttp server, and a client session sends it
  requests, some at once, some with time-outs; one in ten starts a process.
* ``cpython``: the tests of asyncio's streams, sockets, time-outs, locks and queues that come with this Python.
* any other, given after ``--``: the arguments of pytest, which is started in this folder.

And ``calls``: the worst cases, in this process, alternately with and without: coroutines that do nothing but one kind
of call of a loop, and some that do a little more.

Printed is, for each, the least CPU time that the process and its children took, without and with, the difference, the
median of the differences pair by pair with its quartiles, and how many calls were recorded. On a machine that does
other things as well only the least and the median are worth something.

    python benchmarks/audit_overhead.py [--suite NAME] [--times N] [--loop uvloop]
    cd aiohttp-3.14.5; python .../audit_overhead.py -- -o addopts= tests/test_web_functional.py

What pytest itself needs to start is in both times; what the audit needs to start and to judge is in the second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from everyloop.harness.audit.recording import Recorder

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


SUITES = ("aiohttp", "cpython", "calls")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=SUITES, action="append")
    parser.add_argument("--times", type=int, default=7, help="how often each is executed, with and without")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="of the suite aiohttp")
    parser.add_argument("pytest", nargs="*", metavar="ARGUMENT", help="of pytest, for another suite")
    given = parser.parse_args()
    if given.pytest:
        of_suite("pytest", given.pytest, Path.cwd(), given.times)
        return
    for suite in given.suite or SUITES:
        if suite == "calls":
            of_calls(given.times)
            continue
        with tempfile.TemporaryDirectory() as folder:
            tests = files(suite, given.loop, Path(folder))
            of_suite(suite, ["-c", os.devnull, *map(str, tests)], tests[0].parent, given.times)


def of_suite(name: str, arguments: Sequence[str], folder: Path, times: int) -> None:
    """Measure a test suite."""
    with tempfile.TemporaryDirectory() as reports:
        report = Path(reports, "report.json")
        option = f"--everyloop-audit={report}"
        pairs = alternately(lambda: cpu(arguments, folder), lambda: cpu([option, *arguments], folder), times)
        calls = sum(use["count"] for use in json.loads(report.read_text())["uses"])
    tell(name, pairs, f"; {calls:,} calls recorded")


def of_calls(times: int) -> None:
    """Measure the worst cases."""

    def without() -> float:
        begun = time.process_time()
        asyncio.run(work())
        return time.process_time() - begun

    def audited() -> float:
        with Recorder():
            return without()

    for name, function in CALLS.items():

        async def work(function: Callable[[], Awaitable[None]] = function) -> None:
            await function()

        without()
        tell(name, alternately(without, audited, times))


def alternately(one: Callable[[], float], other: Callable[[], float], times: int) -> list[tuple[float, float]]:
    """Measure one and the other, each of them first every second time."""
    pairs = []
    for number in range(times):
        if number % 2:
            second = other()
            pairs.append((one(), second))
        else:
            pairs.append((one(), other()))
    return pairs


def tell(name: str, pairs: list[tuple[float, float]], more: str = "") -> None:
    """Print what was measured."""
    without, audited = (min(times) for times in zip(*pairs, strict=True))
    differences = [more / less - 1 for less, more in pairs]
    low, typical, high = statistics.quantiles(differences, n=4) if len(pairs) > 1 else differences * 3
    print(
        f"{name}: {without:.3f} s without, {audited:.3f} s with: {audited / without - 1:+.1%}; "
        f"pair by pair {typical:+.1%} ({low:+.1%} to {high:+.1%}){more}",
        flush=True,
    )


def files(suite: str, loop: str, folder: Path) -> list[Path]:
    """Return the files of a suite."""
    if suite == "aiohttp":
        file = folder / "test_application.py"
        file.write_text(APPLICATION.format(loop=loop))
        return [file]
    here = Path(os.__file__).parent / "test" / "test_asyncio"
    if not here.is_dir():
        sys.exit(f"{here} is not there: this Python has no tests")
    return [here / f"test_{name}.py" for name in CPYTHON]


def cpu(arguments: Sequence[str], folder: Path) -> float:
    """Execute pytest, and return the CPU time of all processes that took, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-qq", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode not in {0, 1}:  # a test of CPython's that fails here fails with and without
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def readers() -> None:
    """Watch a socket, and no longer."""
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    with one, other:
        for _ in range(5000):
            loop.add_reader(one, print)
            loop.remove_reader(one)


async def receiving() -> None:
    """Send and receive a byte that is there."""
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        for _ in range(3000):
            await loop.sock_sendall(one, b"x")
            await loop.sock_recv(other, 1)


async def timers() -> None:
    """Start timers, and cancel them."""
    loop = asyncio.get_running_loop()
    for _ in range(20000):
        loop.call_later(1, print).cancel()


async def sleeps() -> None:
    """Sleep for less than Windows can."""
    for _ in range(300):
        await asyncio.gather(*(asyncio.sleep(0.00001) for _ in range(10)))


async def timeouts() -> None:
    """Have time-outs that never come."""
    for _ in range(5000):
        async with asyncio.timeout(10):
            await asyncio.sleep(0)


async def tasks() -> None:
    """Start tasks that do nothing."""

    async def nothing() -> None:
        pass

    for _ in range(10000):
        await asyncio.create_task(nothing())


async def connections() -> None:
    """Connect, exchange a byte, and disconnect."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    for _ in range(200):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        await reader.read(1)
        writer.close()
        await writer.wait_closed()
    server.close()


async def exchanges() -> None:
    """Exchange bytes over one connection."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for _ in range(1000):
        writer.write(b"x")
        await reader.readexactly(1)
    writer.close()
    await writer.wait_closed()
    server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes."""
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


CALLS = {
    function.__name__: function
    for function in (readers, receiving, timers, sleeps, timeouts, tasks, connections, exchanges)
}

if __name__ == "__main__":
    main()
