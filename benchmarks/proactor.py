"""The emulated proactor against CPython's epoll loop, on one machine, alternating in one run.

Both ends of every connection are on the loop under test. What is counted is CPU time of this process, kernel included,
so that a noisy machine disturbs both alike. Measured are:

* round trips of an echo over 1, 100 and 1,000 connections, of 1 byte and of 64 KiB;
* connections that are made, used once and closed; bytes in bulk; bytes of a file by ``sendfile()``;
* a round trip beside 100 and 10,000 idle connections, each with a pending receive;
* memory per pending receive;
* where a round trip's time goes: what CPython's own proactor and this machine's kernel take is nothing that a faster
  emulation could save. That bounds the share of epoll's throughput that any emulation could reach.

Usage::

    python benchmarks/proactor.py [ROUNDS]

It needs some more than 20,000 descriptors for the last two; with a lower limit they are made with fewer connections.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from everyloop.fake_selectors import windows

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Measure: TypeAlias = Callable[[], Awaitable[float]]

SUBJECTS: dict[str, NewLoop] = {
    "asyncio-epoll": asyncio.SelectorEventLoop,
    "windows-proactor": windows.proactor().new_event_loop,
}
GOAL = 0.6
MOST_IDLE = 1.5  # times the cost of a round trip beside 100 idle connections
BLOCK = 64 * 1024
EMULATION = "fake_selectors"
CALLS_OF_THE_KERNEL = {("files.py", "send"), ("files.py", "receive"), ("ports.py", "take"), ("ports.py", "_wait")}
"""Where the emulation does little more than call this machine's kernel."""


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class Asker(Echo):
    """Sends a block, waits for its echo, and so on."""

    def __init__(self, block: bytes, times: int) -> None:
        self._block = block
        self._left = times
        self._missing = len(block)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """Send the first."""
        self.transport.write(self._block)

    def data_received(self, data: bytes) -> None:
        """Send the next block once all has come."""
        self._missing -= len(data)
        if self._missing:
            return
        self._missing = len(self._block)
        self._left -= 1
        if self._left:
            self.transport.write(self._block)
        elif not self.done.done():
            self.done.set_result(None)


class Sink(asyncio.Protocol):
    """Counts bytes."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Count."""
        self._left -= len(data)
        if self._left <= 0 and not self.done.done():
            self.done.set_result(None)


async def serve(factory: Callable[[], asyncio.BaseProtocol]) -> tuple[asyncio.Server, tuple[str, int]]:
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, backlog=4096)
    address: tuple[str, int] = server.sockets[0].getsockname()
    return server, address


async def connect(address: tuple[str, int], protocol: asyncio.BaseProtocol) -> asyncio.Transport:
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, *address)
    # Reset in the end: this machine has fewer ports than old connections that wait for their time.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return transport


def echo(connections: int, size: int, trips: int) -> Measure:
    """Return a measurement: round trips per CPU second."""

    async def measure() -> float:
        server, address = await serve(Echo)
        askers = [Asker(bytes(size), trips // connections) for _ in range(connections)]
        transports = [await connect(address, asker) for asker in askers]
        started = time.process_time()
        for asker in askers:
            asker.begin()
        await asyncio.gather(*(asker.done for asker in askers))
        spent = time.process_time() - started
        await close(server, transports)
        return trips / spent

    return measure


def beside(idle: int, trips: int) -> Measure:
    """Return a measurement: round trips per CPU second of one connection beside idle ones."""

    async def measure() -> float:
        server, address = await serve(Echo)
        transports = [await connect(address, asyncio.Protocol()) for _ in range(idle // 2)]
        asker = Asker(b"x", trips)
        transports.append(await connect(address, asker))
        started = time.process_time()
        asker.begin()
        await asker.done
        spent = time.process_time() - started
        await close(server, transports)
        return trips / spent

    return measure


async def connects() -> float:
    """Return connections per CPU second."""
    times = 300
    server, address = await serve(Echo)
    started = time.process_time()
    for _ in range(times):
        asker = Asker(b"x", 1)
        transport = await connect(address, asker)
        asker.begin()
        await asker.done
        transport.abort()
    spent = time.process_time() - started
    await close(server, [])
    return times / spent


async def bulk() -> float:
    """Return MB per CPU second."""
    size = 64 * 2**20
    sink = Sink(size)
    server, address = await serve(lambda: sink)
    transport = await connect(address, asyncio.Protocol())
    started = time.process_time()
    for _ in range(size // BLOCK):
        transport.write(bytes(BLOCK))
        if transport.get_write_buffer_size():
            await asyncio.sleep(0)
    await sink.done
    spent = time.process_time() - started
    await close(server, [transport])
    return size / 1e6 / spent


async def sendfile() -> float:
    """Return MB per CPU second."""
    size = 64 * 2**20
    sink = Sink(size)
    server, address = await serve(lambda: sink)
    transport = await connect(address, asyncio.Protocol())
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        started = time.process_time()
        await asyncio.get_running_loop().sendfile(transport, file)
        await sink.done
        spent = time.process_time() - started
    await close(server, [transport])
    return size / 1e6 / spent


async def close(server: asyncio.Server, transports: list[asyncio.Transport]) -> None:
    """Close all, and let the ends be noticed."""
    for transport in transports:
        transport.abort()
    server.close()
    for _ in range(20):
        await asyncio.sleep(0)


def memory_of_a_receive(new_loop: NewLoop, count: int = 200) -> float:
    """Return how many bytes Python allocates for a socket's pending receive; without its buffer, of one byte."""

    async def measure() -> float:
        loop = asyncio.get_running_loop()
        socks = [socket.socketpair() for _ in range(count)]
        for ours, _ in socks:
            ours.setblocking(False)
        gc.collect()
        tracemalloc.start()
        tasks = [asyncio.ensure_future(loop.sock_recv(ours, 1)) for ours, _ in socks]
        await asyncio.sleep(0)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for pair in socks:
            for sock in pair:
                sock.close()
        return size / count

    return run(new_loop, measure)


def bound(trips: int = 40_000) -> str:
    """Return where the time of a round trip goes, by asking a thousand times a second where the interpreter is."""
    seen: Counter[str] = Counter()

    def note(_signal: int, frame: FrameType | None) -> None:
        assert frame is not None
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if EMULATION not in file:
            seen["CPython"] += 1
        else:
            seen["kernel" if (Path(file).name, function) in CALLS_OF_THE_KERNEL else "emulation"] += 1

    former = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        run(SUBJECTS["windows-proactor"], echo(1, 1, trips))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)
    return ", ".join(f"{where} {count / seen.total():.0%}" for where, count in seen.most_common())


def run(new_loop: NewLoop, measure: Measure) -> float:
    """Measure once, on a new loop."""

    async def main() -> float:
        return await measure()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main())


def idle_connections() -> int:
    """Return how many idle connections there can be, of which each takes two descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2**16), hard))
        soft = min(hard, 2**16)
    return min(10_000, (soft - 200) // 2)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    most = idle_connections()
    measurements: dict[str, tuple[str, Measure]] = {
        f"echo, {connections:,} connections, {size:,} B": ("trips/CPU s", echo(connections, size, trips))
        for size, trips in ((1, 4000), (BLOCK, 1000))
        for connections in (1, 100, 1000)
    }
    measurements |= {
        "connections": ("1/CPU s", connects),
        "bulk": ("MB/CPU s", bulk),
        "sendfile": ("MB/CPU s", sendfile),
        "echo beside 100 idle": ("trips/CPU s", beside(100, 3000)),
        f"echo beside {most:,} idle": ("trips/CPU s", beside(most, 3000)),
    }
    beside_idle: list[float] = []
    for name, (unit, measure) in measurements.items():
        found: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
        for _ in range(rounds):
            for subject, new_loop in SUBJECTS.items():
                found[subject].append(run(new_loop, measure))
        epoll, proactor = (statistics.median(values) for values in found.values())
        beside_idle += [proactor] if "idle" in name else []
        print(f"{name:32} {epoll:10,.0f} {proactor:10,.0f} {unit:12} {proactor / epoll:5.2f}", flush=True)
    few, many = beside_idle
    print(f"a round trip beside {most:,} idle connections costs {few / many:.2f} times (at most {MOST_IDLE})")
    for subject, new_loop in SUBJECTS.items():
        print(f"memory of a pending sock_recv(), {subject}: {memory_of_a_receive(new_loop):,.0f} bytes")
    print(f"a round trip's time: {bound()}")
    print(f"goal: {GOAL} of epoll's")


if __name__ == "__main__":
    main()
