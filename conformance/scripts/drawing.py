"""What scripts there are: strategies for hypothesis, whose values come from short lists, the plain ones first."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from .programs import Step

Script: TypeAlias = list[Step]

DELAYS = st.sampled_from([0.003, 0.001, 0, 0.006, -1])
"""Seconds, of timers: some fire in the order of their deadlines, some at the same time."""
TARGETS = st.integers(0, 7)
"""Which callback is cancelled, of those that there are."""


def _actions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    then = st.lists(inner, max_size=3)
    return st.one_of(
        st.tuples(st.just("call_soon"), then),
        st.tuples(st.just("call_later"), DELAYS, then),
        st.tuples(st.just("call_soon_threadsafe"), then),
    )


_PLAIN: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("call_soon"), st.just([])),
    st.tuples(st.just("cancel"), TARGETS),
    st.tuples(st.just("stop")),
)
THEN = st.builds(
    lambda actions, fails: [*actions, ("fail",)] if fails else actions,
    st.lists(st.recursive(_PLAIN, _actions, max_leaves=4), max_size=3),
    st.sampled_from([False, False, False, True]),
)
"""What a callback does: labels are still missing, and whom it cancels is a number."""


def exchanges(kind: str) -> st.SearchStrategy[Script]:
    """Scripts about one stream, over ``tcp`` or ``unix`` sockets."""
    sizes = st.sampled_from([1, 0, 7, 100, 5000, 70_000, 300_000])
    connect = st.tuples(
        st.just("connect"),
        st.just(kind),
        st.sampled_from([0, 1, 100, 5000, 100_000]),
        st.sampled_from([65536, 1000, 3001]),
        st.sampled_from([65536, 4096, 50_000]),
        st.sampled_from([0, 0, 100, 1]),
        st.sampled_from([0, 4096 if kind == "unix" else 65536]),  # TCP crawls with less than a segment
    ).map(_at_least_a_hundredth)
    step = st.one_of(
        st.tuples(st.just("write"), sizes),
        st.tuples(st.just("writelines"), st.lists(sizes, max_size=4)),
        st.tuples(st.just("pause_reading")),
        st.tuples(st.just("resume_reading")),
        st.tuples(st.just("turns"), st.sampled_from([1, 2, 5])),
        st.tuples(
            st.just("set_write_buffer_limits"),
            st.sampled_from([0, 1, 1000, 65536]),
            st.sampled_from([0]),
        ),
        st.tuples(st.just("incoming")),
        st.tuples(st.just("write_eof")),
    )
    return st.builds(lambda first, others: [first, *others], connect, st.lists(step, max_size=10))


def _at_least_a_hundredth(connect: Step) -> Step:
    """Spare a buffer of one byte more than a thousand calls."""
    name, kind, incoming, chunk, bite, buffer, kernel = connect
    return name, kind, incoming, chunk, bite, max(buffer, incoming // 100) if buffer else 0, kernel


def operations(unix: bool) -> st.SearchStrategy[Script]:
    """Scripts of operations of all kinds.

    Args:
        unix: whether there are Unix sockets.
    """
    numbers = st.sampled_from([0, 1])
    few = st.sampled_from([1, 10, 1000])
    writes = st.sampled_from([[1], [100], [10, 0, 20], [1 << 20], [], [0]])  # gh-127655: several large ones
    kinds = st.sampled_from(["tcp", "accepted", *(["pair"] if unix else [])])
    methods = st.sampled_from(
        [
            *("pause_reading", "resume_reading", "is_reading", "is_closing", "can_write_eof"),
            *("write_eof", "close", "abort"),
        ]
    )
    flag = st.booleans()
    callbacks = st.sampled_from(["soon", "threadsafe", "cancelled"])
    begin = st.tuples(st.just("connect"), numbers, kinds, flag)
    on_connections = st.one_of(
        st.tuples(st.just("peer_sends"), numbers, few),
        st.tuples(st.just("peer_ends"), numbers),
        st.tuples(st.just("peer_reads"), numbers),
        st.tuples(st.just("write"), numbers, writes),
        st.tuples(st.just("on_transport"), numbers, methods),
        st.tuples(st.just("limits"), numbers, st.sampled_from([0, 100, 65536]), st.just(0)),
    )
    on_the_rest = st.one_of(
        st.tuples(st.just("callbacks"), st.lists(callbacks, min_size=1, max_size=4)),
        st.tuples(st.just("timers"), st.permutations([0, 1, 2]), st.integers(0, 3)),
        st.tuples(st.just("sock_recv"), numbers, few, few, flag),
        st.tuples(st.just("sock_recv_into"), numbers, few, few),
        st.tuples(st.just("sock_sendall"), numbers, st.sampled_from([0, 1, 1000, 500_000])),
        st.tuples(st.just("sock_accept"), numbers, flag),
        st.tuples(st.just("watch"), numbers, st.sampled_from(["first", "second"])),
        st.tuples(st.just("unwatch"), numbers),
        st.tuples(st.just("make_readable"), numbers, few),
        st.tuples(st.just("watch_writable"), numbers),
        st.tuples(st.just("task"), st.sampled_from(["sleep", "future", "recv", "wait_for"]), st.integers(0, 2)),
        st.tuples(st.just("task"), st.just("executor"), st.just(0)),
        st.tuples(st.just("executor"), flag),
    )
    step = st.one_of(on_connections, on_connections, on_the_rest)
    return st.builds(lambda first, others: [first, *others], begin, st.lists(st.one_of(step, begin), max_size=14))
