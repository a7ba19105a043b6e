"""An aiohttp server under more and more connections, on Windows' loops and on epoll.

For each backend and each number of connections, a server process of its own is started; a client on the standard
library's blocking sockets opens the connections one after the other, sends one request on each and keeps them open.
Then, with all of them idle, it sends more requests on one of them. Printed are: how many connections were answered,
what ended the others, how the server ended, and the server's CPU time per request with that many idle connections.

    python benchmarks/aiohttp_connections.py [--backends BACKEND...] [--connections N...]

CPU time is that of the server process (``psutil``), so the client and a busy machine disturb little; the absolute
figures are this machine's, their ratios are what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import psutil

BACKENDS = ("asyncio-epoll", "windows-selector", "windows-proactor")
CONNECTIONS = (100, 200, 300, 400, 500, 505, 510, 511, 512, 520, 600, 800, 1000)
REQUEST = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
REQUESTS = 2000
SECONDS = 3.0  # until a client gives up


def loop_factory(backend: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the loop of a backend of everyloop."""
    from everyloop.harness import backends

    factory = backends.open_backend(backends.find(backend)).new_loop
    if factory is None:
        sys.exit(f"{backend} hands out no loop")
    return factory


def serve(backend: str) -> None:
    """Be the server: print the port, then serve until standard input ends."""
    from aiohttp import web

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="page\n" * 40)

    async def main() -> None:
        application = web.Application()
        application.router.add_get("/{number}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        # One accept() at a time would do: the backlog only keeps the client from waiting for the server.
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()

    with asyncio.Runner(loop_factory=loop_factory(backend)) as runner:
        runner.run(main())


@dataclass
class Server:
    """A server process and where it listens."""

    process: subprocess.Popen[str]
    port: int
    errors: IO[str]

    def cpu(self) -> float:
        """CPU seconds so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def end(self) -> str:
        """Hang up, and say how it ended: the last line it wrote, if it broke."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "does not end: killed"
        if status == 0:
            return "ends"
        self.errors.seek(0)
        errors = [line for line in self.errors.read().splitlines() if line.startswith(("ValueError", "OSError"))]
        return f"dies: {errors[0] if errors else status}"


@contextlib.contextmanager
def server(backend: str) -> Iterator[Server]:
    """Start a server process."""
    command = [sys.executable, __file__, "--serve", backend]
    with (
        tempfile.TemporaryFile("w+") as errors,  # a dying server says much, and nobody reads it meanwhile
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            errors.seek(0)
            sys.exit(errors.read())
        try:
            yield Server(process, int(line), errors)
        finally:
            process.kill()


def request(sock: socket.socket) -> str:
    """Send a request and say what came back."""
    try:
        sock.sendall(REQUEST)
        received = b""
        while b"\r\n\r\n" not in received or not received.endswith(b"page\n" * 40):
            chunk = sock.recv(65536)
            if not chunk:
                return "closed by the server"
            received += chunk
    except TimeoutError:
        return f"no answer in {SECONDS:g} s"
    except OSError as error:
        return type(error).__name__
    return received.split(b" ", 2)[1].decode()


def measure(backend: str, connections: int) -> tuple[Counter[str], str, float | None]:
    """Open connections one after the other; then send requests on one of them.

    Returns:
        what clients saw, how the server ended, and its CPU seconds per request; None if it served none.
    """
    seen: Counter[str] = Counter()
    per_request = None
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(server(backend))
        socks = []
        for _ in range(connections):
            try:
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", run.port), SECONDS))
            except OSError as error:
                seen[f"connect: {type(error).__name__}"] += 1
                continue
            socks.append(sock)
            outcome = request(sock)
            seen[outcome] += 1
            if outcome.startswith("no answer"):  # and none of the others would get one: do not wait for each
                break
        if seen == {"200": connections}:
            before = run.cpu()
            for _ in range(REQUESTS):
                if (outcome := request(socks[0])) != "200":
                    seen[f"later: {outcome}"] += 1
                    break
            else:
                per_request = (run.cpu() - before) / REQUESTS
        for sock in socks:
            sock.close()
        return seen, run.end(), per_request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", metavar="BACKEND", help=argparse.SUPPRESS)
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--connections", nargs="+", type=int, default=CONNECTIONS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if options.serve:
        serve(options.serve)
        return
    print(f"{'connections':>11}  {'backend':18}{'us CPU/request':>15}  server; clients")
    for connections in options.connections:
        for backend in options.backends:
            seen, end, seconds = measure(backend, connections)
            cost = "-" if seconds is None else f"{seconds * 1e6:.0f}"
            clients = ", ".join(f"{number} x {what}" for what, number in seen.items())
            print(f"{connections:>11}  {backend:18}{cost:>15}  {end}; {clients}", flush=True)


if __name__ == "__main__":
    main()
