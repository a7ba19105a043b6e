"""The examples run on every backend, and choose their loop as they would there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import Command

pytestmark = pytest.mark.once
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")
RUN_INSTALLED = """
import runpy
import sys
from everyloop.fake_selectors.installing import install
from everyloop.harness import backends, emulation

name, script, *sys.argv[1:] = sys.argv[1:]
backend = backends.find(name)
platform = emulation.make(backend.reference, {**backend.fixed, **backend.knobs})
with install(platform, ["fetch_many"]):
    sys.path.insert(0, script.rpartition("/")[0])
    import fetch_many
    sys.exit(fetch_many.main(sys.argv[1:]))
"""
LOOPS = {
    "windows-selector": "win32: asyncio.windows_events._WindowsSelectorEventLoop",
    "macos": "darwin: asyncio.unix_events._UnixSelectorEventLoop",
    "macos-10.8": "darwin: asyncio.unix_events._UnixSelectorEventLoop",
    "linux-select": "linux: asyncio.unix_events._UnixSelectorEventLoop",
}


@pytest.fixture
def example(root: Path) -> str:
    pytest.importorskip("aiohttp")
    return str(root / "examples" / "fetch_many.py")


def test_on_this_machines_own_loop(python: Command, example: str) -> None:
    done = python(example, "--requests", "50")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{sys.platform}: asyncio.")
    assert done.stdout.endswith(" s: 50 x 200\n")


@on_linux
@pytest.mark.parametrize("backend", LOOPS)
def test_on_an_emulated_platform(python: Command, example: str, backend: str) -> None:
    done = python("-c", RUN_INSTALLED, backend, example, "--requests", "50")
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first == LOOPS[backend]
    assert last.endswith(" s: 50 x 200")


@on_linux
def test_more_connections_than_windows_select_takes(python: Command, example: str) -> None:
    # Each connection has two ends in this process, both watched: 40 sockets.
    arguments = ("--requests", "100", "--connections", "20")
    done = python("-c", RUN_INSTALLED, "windows-selector@max_sockets=30", example, *arguments)
    assert done.returncode == 1
    assert "\nValueError: too many file descriptors in select()\n" in done.stderr
