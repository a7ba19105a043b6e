"""What a call of the emulated kqueue costs as more descriptors are registered.

Registers 100, 1,000 and 10,000 sockets for reading, makes 10 of them readable, and measures the CPU time of
``kqueue.control(None, 10_000, 0)``, which reports these ten; the same through CPython's ``KqueueSelector.select(0)``,
and for an idle kqueue. The real one costs the same for any number that is quiet. Prints the ratio of 10,000 to 100.
Usage::

    python benchmarks/kqueue_scaling.py [ROUNDS]

It needs some more than 10,000 descriptors: the script raises its own limit as far as it may.
"""

from __future__ import annotations

import resource
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from everyloop import fake_selectors

REGISTERED = (100, 1_000, 10_000)
READY = 10
CALLS = 200
GOAL = 1.5


def cost(call: Callable[[], object]) -> float:
    """Return the CPU time of one call, in microseconds."""
    started = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - started) / CALLS / 1000


def measure(count: int, rounds: int) -> dict[str, float]:
    """Return microseconds per call, each the median of the rounds."""
    pairs = [socket.socketpair() for _ in range(READY)]
    quiet = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count - READY)]
    select = fake_selectors.macos().module("select")
    queue, idle = select.kqueue(), select.kqueue()
    selector = fake_selectors.MacOSKqueueSelector()
    try:
        for here in (*quiet, *(here for here, _ in pairs)):
            selector.register(here, selectors.EVENT_READ)
            for one in (queue, idle):
                one.control([select.kevent(here, select.KQ_FILTER_READ, select.KQ_EV_ADD)], 0, 0)
        for here, there in pairs:
            idle.control([select.kevent(here, select.KQ_FILTER_READ, select.KQ_EV_DELETE)], 0, 0)
            there.send(b"x")
        calls: dict[str, tuple[Callable[[], Sequence[object]], int]] = {
            "kqueue.control": (lambda: queue.control(None, 10_000, 0), READY),
            "KqueueSelector.select": (lambda: selector.select(0), READY),
            "kqueue.control, none ready": (lambda: idle.control(None, 10_000, 0), 0),
        }
        found: dict[str, float] = {}
        for name, (call, expected) in calls.items():
            assert len(call()) == expected, name
            found[name] = statistics.median(cost(call) for _ in range(rounds))
        return found
    finally:
        selector.close()
        queue.close()
        idle.close()
        for sock in (*quiet, *(end for pair in pairs for end in pair)):
            sock.close()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < max(REGISTERED) + 100:
        sys.exit(f"{max(REGISTERED) + 100} descriptors are needed; this process may open {hard}")
    results = {count: measure(count, rounds) for count in REGISTERED}
    for name in results[REGISTERED[0]]:
        for count, found in results.items():
            print(f"{name:28} {count:6} registered {found[name]:8.1f} us")
        ratio = results[REGISTERED[-1]][name] / results[REGISTERED[0]][name]
        print(f"{name:28} ratio {ratio:.2f} (goal: below {GOAL:g})")


if __name__ == "__main__":
    main()
