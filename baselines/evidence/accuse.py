"""Hold a small program on an event loop against the same program on asyncio's own.

A script of this folder accuses one loop of one thing, without everyloop: so it cannot be everyloop's fault. It says
what its program sees on ``asyncio.SelectorEventLoop``, and what on the loop that it accuses. In the repository's
folder, ``python -m baselines.evidence.uvloop.NAME`` executes it on both, each in a process of its own, prints what each
saw, and ends with 0 if both are as it says: then the accusation is true. It ends with 1 if not, and with 77 where it
cannot be tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Any

TRUE, FALSE, CANNOT_TELL = 0, 1, 77
PATIENCE = 20.0
"""Seconds after which a program that has not ended hangs."""
_MARK = "saw: "
_PACKAGES = {"uvloop": "uvloop", "rloop": "rloop", "trio-asyncio": "trio_asyncio", "qasync": "qasync"}


class How(str):
    """How a program ended that saw nothing else."""

    __slots__ = ()

    __repr__ = str.__str__


HANGS = How("hangs")


def raises(name: str) -> How:
    """It ended with an exception of a class of this name."""
    return How(f"raises {name}")


def dies_of(name: str) -> How:
    """It was killed by a signal of this name."""
    return How(f"dies of {name}")


def accuse(
    see: Callable[..., Any],
    loop: str,
    *,
    asyncio: object,
    accused: object,
    since: tuple[int, ...] = (3, 11),
    before: tuple[int, ...] = (4,),
) -> None:
    """Execute a program on both loops, and exit.

    Args:
        see: an async function without arguments, or a plain one of a stopped loop. Returns what it saw.
        loop: whom it accuses.
        asyncio: what it sees on asyncio's own loop.
        accused: what it sees on the other.
        since: the first Python that the program is for.
        before: the first that it is not for any more.
    """
    if len(sys.argv) > 1:
        print(f"\n{_MARK}{_saw(see, sys.argv[1])!r}", flush=True)
        os._exit(0)  # whatever the loop left running
    if find_spec(_PACKAGES[loop]) is None or not since <= sys.version_info < before:
        print(f"needs {loop} and Python {'.'.join(map(str, since))} or newer, before {'.'.join(map(str, before))}")
        sys.exit(CANNOT_TELL)
    spec = sys.modules["__main__"].__spec__
    assert spec is not None, "run it with python -m, in the repository's folder"
    true = True
    for name, expected in (("asyncio", asyncio), (loop, accused)):
        seen = _executed(spec.name, name)
        print(f"{name}: {seen}" + ("" if seen == repr(expected) else f", not {expected!r}"))
        true &= seen == repr(expected)
    sys.exit(TRUE if true else FALSE)


async def tried(awaitable: Awaitable[Any], seconds: float = 5) -> Any:
    """Await something; return its result, or how it failed."""
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        return HANGS
    except Exception as error:  # noqa: BLE001 - it is what was seen
        return raises(type(error).__name__)


async def until(condition: Callable[[], object], seconds: float = 1) -> bool:
    """Wait for something to become true, and say whether it did."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    return bool(condition())


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two TCP sockets that are connected: one for the loop, which does not block, and one that does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = socket.create_connection(listener.getsockname())
        here, _ = listener.accept()
    with here, there:
        here.setblocking(False)
        there.settimeout(5)
        yield here, there


def _executed(module: str, loop: str) -> str:
    command = [sys.executable, "-m", module, loop]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return repr(HANGS)
    if done.returncode < 0:
        return repr(dies_of(signal.Signals(-done.returncode).name))
    _, mark, seen = done.stdout.rpartition(f"\n{_MARK}")
    return seen.rstrip("\n") if mark else f"nothing: {done.stderr.strip()[-300:]}"


def _saw(see: Callable[..., Any], name: str) -> object:
    try:
        if name == "trio-asyncio":
            import trio_asyncio

            return trio_asyncio.run(trio_asyncio.aio_as_trio(see))
        loop = _new_loop(name)
        return loop.run_until_complete(see()) if inspect.iscoroutinefunction(see) else see(loop)
    except Exception as error:  # noqa: BLE001 - it is what was seen
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:  # what a host of the loop makes of it
            error = error.exceptions[0]
        return raises(type(error).__name__)


def _new_loop(name: str) -> asyncio.AbstractEventLoop:
    loop: Any
    if name == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    elif name == "rloop":
        import rloop

        loop = rloop.new_event_loop()
    elif name == "qasync":
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        import PySide6.QtCore
        import qasync

        loop = qasync.QEventLoop(PySide6.QtCore.QCoreApplication.instance() or PySide6.QtCore.QCoreApplication([]))
    else:
        loop = asyncio.SelectorEventLoop()
    return loop  # type: ignore[no-any-return]
