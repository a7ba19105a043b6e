"""What scripts there are: each is drawn from a seed, the same for ever.

Why not hypothesis, which draws well: which scripts a case executes, and so what it says of a loop, would depend on the
version that is installed and on the modules that happen to be imported, whose constants it looks up, which takes longer
than the case. And it need not know how to make a list of steps smaller: leaving steps away is all that it takes.
"""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

from .programs import Step

Script: TypeAlias = list[Step]

DELAYS = (0.003, 0.001, 0, 0.006, -1)
"""Seconds, of timers: some fire in the order of their deadlines, some at the same time."""
BLOCK = 0.008
"""Seconds for which a callback does not return: clearly longer than the longest timer."""
METHODS = ("call_soon", "call_soon", "call_soon_threadsafe", "call_from_thread", "call_later", "call_at")
BACK = 6
"""How far back the callback may lie that is cancelled."""
DEEP = 3
"""How many callbacks may be scheduled inside one another."""
MOST = 10
"""Steps of a script."""


def schedules(random: Random) -> Script:
    """Draw a script of callbacks and timers."""
    return _Schedules(random).script()


class _Schedules:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._labels = 0

    def script(self) -> Script:
        steps = [self._step() for _ in range(self._random.randint(1, MOST))]
        return [*steps, ("run",)]

    def _step(self) -> Step:
        kind = self._random.randrange(10)
        if kind < 2:
            return (self._random.choice(["run", "turn"]),)
        if kind == 2:
            return self._random.choice([("stop",), ("block", BLOCK)])
        return self._cancel() if kind == 3 else self._schedule(DEEP, METHODS)

    def _schedule(self, depth: int, methods: tuple[str, ...]) -> Step:
        method = self._random.choice(methods)
        self._labels += 1
        label = f"c{self._labels}"
        delay: list[Any] = []
        if method in {"call_later", "call_at"}:
            delay = [self._random.choice(DELAYS)]
        elif method == "call_from_thread":
            delay = [self._random.choice([0, 0.001])]
        return (method, label, *delay, self._then(depth - 1))

    def _then(self, depth: int) -> Script:
        actions = [self._action(depth) for _ in range(self._random.choice([0, 0, 0, 1, 1, 2, 3]))]
        return [*actions, ("fail",)] if self._random.random() < 0.1 else actions

    def _action(self, depth: int) -> Step:
        kind = self._random.randrange(8)
        if kind == 0:
            return ("stop",)
        if kind == 1:
            return ("block", BLOCK)
        if kind == 2 or not depth:
            return self._cancel()
        return self._schedule(depth, ("call_soon", "call_soon", "call_soon_threadsafe", "call_later"))

    def _cancel(self) -> Step:
        return ("cancel", f"c{max(self._labels - self._random.randrange(BACK), 1)}")


def exchanges(random: Random, kind: str) -> Script:
    """Draw a script of one stream, over ``tcp`` or ``unix`` sockets."""
    one = random.choice
    sizes = (1, 0, 7, 100, 5000, 70_000, 300_000)

    def reading() -> Step:
        return one(
            [
                ("peer_sends", one([1, 100, 5000, 70_000]), one([65536, 1000, 3001])),
                ("pause_reading",),
                ("resume_reading",),
                ("arrives",),
            ]
        )

    def writing() -> Step:
        # Never at last an empty piece: the buffer of CPython's loops is then never empty again (gh-155888).
        pieces = [*random.choices(sizes, k=random.randrange(4)), 1]
        return one(
            [
                ("write", one(sizes)),
                ("writelines", pieces),
                ("set_write_buffer_limits", one([0, 1, 1000, 65536]), 0),
                ("turns", one([1, 2, 5])),
            ]
        )

    def ending() -> Step:
        return one([("write_eof",), ("peer_ends",)])

    kernel = one([0, 4096 if kind == "unix" else 65536])  # TCP crawls with less than a segment
    connect = ("connect", kind, one([65536, 4096, 50_000]), one([0, 0, 100, 7000]), kernel)
    # Of few kinds at a time: what needs several steps of one kind, in one order, comes sooner.
    kinds = one([[reading], [writing], [reading, reading, writing, writing, ending]])
    return [connect, *(one(kinds)() for _ in range(random.randint(1, MOST)))]


def operations(random: Random, *, unix: bool) -> Script:
    """Draw a script of operations of all kinds.

    Args:
        random: where to draw from.
        unix: whether there are Unix sockets.
    """
    one = random.choice
    sizes = (1, 10, 1000)
    writes = ([1], [100], [10, 0, 20], [1 << 20], [0])  # not several large ones: gh-127655
    plain = ("pause_reading", "resume_reading", "is_reading", "is_closing", "can_write_eof")
    methods = (*plain, "write_eof", "close", "abort")

    def flag() -> bool:
        return random.random() < 0.5

    def number() -> int:
        return random.randrange(2)

    def connect() -> Step:
        return ("connect", number(), one(["tcp", "accepted", *["pair"] * unix]), flag())

    def on_connections() -> Step:
        return one(
            [
                ("peer_sends", number(), one(sizes)),
                ("peer_ends", number()),
                ("peer_reads", number()),
                ("write", number(), one(writes)),
                ("on_transport", number(), one(methods)),
                ("limits", number(), one([0, 100, 65536]), 0),
                connect(),
            ]
        )

    def on_the_rest() -> Step:
        return one(
            [
                ("callbacks", random.choices(["soon", "threadsafe", "cancelled"], k=random.randint(1, 4))),
                ("timers", random.sample([0, 1, 2], 3), random.randrange(4)),
                ("sock_recv", number(), one(sizes), one(sizes), flag()),
                ("sock_recv_into", number(), one(sizes), one(sizes)),
                ("sock_sendall", number(), one([0, 1, 1000, 500_000])),
                ("sock_accept", number(), flag()),
                ("watch", number(), one(["first", "second"])),
                ("unwatch", number()),
                ("make_readable", number(), one(sizes)),
                ("watch_writable", number()),
                ("task", one(["sleep", "future", "recv", "wait_for"]), random.randrange(3)),
                ("task", "executor", 0),
                ("executor", flag()),
            ]
        )

    kinds = one([[on_connections], [on_the_rest], [on_connections, on_connections, on_the_rest]])
    return [connect(), connect(), *(one(kinds)() for _ in range(random.randint(1, MOST)))]
