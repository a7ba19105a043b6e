"""No limit of our own: as many descriptors as the emulated platform allows."""

from __future__ import annotations

import sys

import pytest

from ..conftest import Command

resource = pytest.importorskip("resource")

NEEDED = 11_000
"""Descriptors: 10,000 that are watched, and some."""

HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="emulation runs on Linux"),
    pytest.mark.skipif(
        HARD != resource.RLIM_INFINITY and HARD < NEEDED, reason="a process may have too few descriptors"
    ),
]

SCRIPT = """
import asyncio, resource, socket, sys
from everyloop.fake_selectors import linux, macos, windows

resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
loop = {platform}.new_event_loop()
pairs = [socket.socketpair() for _ in range(5_000)]
assert max(theirs.fileno() for _, theirs in pairs) > 9_000
heard, written = [], set()

def read(number):
    heard.append((number, pairs[number][0].recv(100)))
    if len(heard) == 10:
        loop.stop()

def write(number):
    loop.remove_writer(pairs[number][1])
    written.add(number)
    if len(written) == 5_000:
        loop.stop()

for number, (ours, theirs) in enumerate(pairs):
    loop.add_reader(ours, read, number)
    loop.add_writer(theirs, write, number)
loop.run_forever()
assert not heard
assert written == set(range(5_000))

chosen = range(0, 5_000, 500)
for number in chosen:
    pairs[number][1].send(b"%d" % number)
loop.run_forever()
assert sorted(heard) == [(number, b"%d" % number) for number in chosen]

for ours, _ in pairs:
    assert loop.remove_reader(ours)
loop.close()
for pair in pairs:
    for end in pair:
        end.close()
print("all of them")
"""


@pytest.mark.parametrize("platform", ["windows.selector(max_sockets=20_000)", "macos()"])
def test_10_000_descriptors(platform: str, python: Command) -> None:
    done = python("-c", SCRIPT.format(platform=platform))
    assert (done.returncode, done.stdout) == (0, "all of them\n"), done.stderr


def test_what_a_platform_does_not_allow_is_refused_however_much_this_machine_could(python: Command) -> None:
    done = python("-c", SCRIPT.format(platform="linux.select()"))
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: filedescriptor out of range in select()\n")
