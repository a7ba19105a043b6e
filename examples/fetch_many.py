"""Fetch many URLs at once, as real programs do: one aiohttp session, one ``asyncio.gather``.

    python examples/fetch_many.py --requests 200 --connections 100

Starts its own server on the loopback interface, so that it needs no network. It chooses its loop by looking at
the platform, as many programs do since Python 3.8 changed Windows' default.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable

import aiohttp
from aiohttp import web


def choose_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what shall make the loop; None: the default of this Python."""
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop  # some libraries need add_reader(), which the proactor loop has not
    return None


async def answer(request: web.Request) -> web.Response:
    """Serve one request: a page of a few hundred bytes."""
    return web.Response(text=f"page {request.match_info['number']}\n" * 40)


async def fetch(session: aiohttp.ClientSession, url: str) -> str:
    """Fetch one URL and say how that went: a status, or the name of an error."""
    try:
        async with session.get(url) as response:
            await response.read()
            return str(response.status)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return type(error).__name__


async def fetch_many(requests: int, connections: int, seconds: float) -> Counter[str]:
    """Fetch `requests` URLs over at most `connections` connections; count how they went."""
    application = web.Application()
    application.router.add_get("/{number}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(limit=connections)
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            urls = [f"http://127.0.0.1:{port}/{number}" for number in range(requests)]
            return Counter(await asyncio.gather(*(fetch(session, url) for url in urls)))
    finally:
        await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """Fetch, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0, help="until a request is given up")
    options = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=choose_loop()) as runner:
        loop = runner.get_loop()
        print(f"{sys.platform}: {type(loop).__module__}.{type(loop).__name__}")
        started = time.perf_counter()
        outcomes = runner.run(fetch_many(options.requests, options.connections, options.seconds))
    print(f"{time.perf_counter() - started:.2f} s:", ", ".join(f"{n} x {what}" for what, n in outcomes.items()))
    return 0 if outcomes.keys() == {"200"} else 1


if __name__ == "__main__":
    sys.exit(main())
