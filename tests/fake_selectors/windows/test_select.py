"""Windows' ``select()``: each fact on the fake, and on the real kernel where this machine is Windows."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from typing import Any

import pytest
from everyloop.fake_selectors import windows

from .conftest import PATIENCE, Sockets, on_linux, refused

MAX_SOCKETS = 512
LISTS = range(3)


def lists(place: int, items: Any) -> list[Any]:
    """Return the three lists, with something in one of them."""
    made: list[Any] = [[], [], []]
    made[place] = items
    return made


def test_what_is_ready_comes_back_as_it_was_given_and_in_order(select: Any, pair: Sockets) -> None:
    ours, theirs = pair
    assert select.select([ours], [theirs, ours.fileno()], [ours], PATIENCE) == ([], [theirs, ours.fileno()], [])
    theirs.send(b"x")
    assert select.select([theirs, ours, ours.fileno(), ours], [], [], PATIENCE)[0] == [ours, ours.fileno(), ours]


def test_any_iterable_is_a_list(select: Any, pair: Sockets) -> None:
    ours, _ = pair
    assert select.select(set(), (ours,), iter([ours]), PATIENCE) == ([], [ours], [])


@pytest.mark.parametrize("place", LISTS)
def test_a_list_takes_512_entries(select: Any, pair: Sockets, place: int) -> None:
    many = [pair[0]] * MAX_SOCKETS
    found = select.select(*lists(place, many), 0)
    assert found[place] == (many if place == 1 else [])
    with pytest.raises(ValueError, match=r"^too many file descriptors in select\(\)$"):
        select.select(*lists(place, [*many, pair[0]]), 0)


def test_each_list_is_counted_for_itself(select: Any, pair: Sockets) -> None:
    many = [pair[0]] * MAX_SOCKETS
    assert select.select(many, many, many, 0) == ([], many, [])


def test_an_entry_is_looked_at_before_the_count(select: Any, pair: Sockets) -> None:
    with pytest.raises(TypeError, match=r"^argument must be an int, or have a fileno\(\) method\.$"):
        select.select([*[pair[0]] * MAX_SOCKETS, object()], [], [], 0)
    with pytest.raises(ValueError, match="too many"):
        select.select([*[pair[0]] * (MAX_SOCKETS + 1), object()], [], [], 0)


@pytest.mark.parametrize(
    ("timeout", "kind", "text"),
    [
        ("1", TypeError, r"timeout must be a float or None"),
        (1j, TypeError, r"timeout must be a float or None"),
        (-1, ValueError, r"timeout must be non-negative"),
        (-1e-9, ValueError, r"timeout must be non-negative"),
        (float("nan"), ValueError, r"Invalid value NaN \(not a number\)"),
        (float("inf"), OverflowError, r"timestamp too large to convert to C _?PyTime_t"),
        (1e10, OverflowError, r"timestamp too large to convert to C _?PyTime_t"),
        (10**30, OverflowError, r"timestamp too large to convert to C _?PyTime_t"),
        (3e9, OverflowError, None),
    ],
)
def test_a_timeout_that_is_none_is_refused_before_all_else(
    select: Any, timeout: Any, kind: type[Exception], text: str | None
) -> None:
    with pytest.raises(kind, match=text and f"^{text}$"):
        select.select(1, 2, 3, timeout)


@pytest.mark.parametrize("place", LISTS)
def test_what_is_no_list_is_refused(select: Any, place: int) -> None:
    with pytest.raises(TypeError, match=r"^arguments 1-3 must be sequences$"):
        select.select(*lists(place, 1), 0)


def test_what_has_no_handle_is_refused(select: Any, socket: Any) -> None:
    class Wrong:
        def fileno(self) -> str:
            return "1"

    with pytest.raises(TypeError, match=r"^fileno\(\) returned a non-integer$"):
        select.select([Wrong()], [], [], 0)
    with pytest.raises(ValueError, match=r"^file descriptor cannot be a negative integer \(-5\)$"):
        select.select([-5], [], [], 0)
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match=r"^file descriptor cannot be a negative integer \(-1\)$"):
        select.select([closed], [], [], 0)
    with pytest.raises(OverflowError):
        select.select([2**70], [], [], 0)


@pytest.mark.parametrize("timeout", [0, PATIENCE, None])
def test_empty_lists_are_refused_at_once(select: Any, timeout: float | None) -> None:
    start = time.monotonic()
    with refused(10022):
        select.select([], [], [], timeout)
    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("place", LISTS)
def test_one_handle_that_is_no_socket_fails_the_whole_call(select: Any, pair: Sockets, place: int) -> None:
    reader, writer = os.pipe()
    try:
        for handle in reader, writer:
            with refused(10038):
                select.select(*lists(place, [pair[0], handle]), PATIENCE)
    finally:
        os.close(reader)
        os.close(writer)


def test_one_handle_that_is_closed_fails_the_whole_call(select: Any, socket: Any, pair: Sockets) -> None:
    with socket.socket() as closed:
        stale = closed.fileno()
    with refused(10038):
        select.select([stale], [pair[0]], [], PATIENCE)


def test_a_failed_connection_is_exceptional_and_nothing_else(
    select: Any, socket: Any, closed_port: tuple[str, int]
) -> None:
    with socket.socket() as caller:
        caller.setblocking(False)
        with refused(10035, BlockingIOError):
            caller.connect(closed_port)
        assert select.select([caller], [caller], [caller], PATIENCE) == ([], [], [caller])
        assert select.select([caller], [caller], [], 0) == ([], [], [])
        # Looking has not consumed it.
        reason = caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert isinstance(OSError(reason, "by number"), ConnectionRefusedError)


def test_a_connection_that_succeeds_is_writable(select: Any, socket: Any, listener: Any) -> None:
    with socket.socket() as caller:
        caller.setblocking(False)
        with refused(10035, BlockingIOError):
            caller.connect(listener.getsockname())
        assert select.select([caller], [caller], [caller], PATIENCE) == ([], [caller], [])


def test_a_waiting_connection_is_readable(select: Any, socket: Any, listener: Any) -> None:
    assert select.select([listener], [listener], [listener], 0) == ([], [], [])
    with socket.create_connection(listener.getsockname()):
        assert select.select([listener], [listener], [listener], PATIENCE) == ([listener], [], [])


def test_a_socket_that_was_never_connected_is_nothing(select: Any, socket: Any) -> None:
    with socket.socket() as idle:
        start = time.monotonic()
        assert select.select([idle], [idle], [idle], 0.05) == ([], [], [])
        assert time.monotonic() - start > 0.02


def test_the_end_of_a_stream_is_readable(select: Any, pair: Sockets) -> None:
    ours, theirs = pair
    theirs.close()
    assert select.select([ours], [], [ours], PATIENCE) == ([ours], [], [])


def test_a_reset_is_readable(select: Any, socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii" if os.name == "posix" else "hh", 1, 0))
    theirs.close()
    assert select.select([ours], [], [ours], PATIENCE) == ([ours], [], [])


def test_data_out_of_band_are_exceptional(select: Any, socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    theirs.send(b"!", socket.MSG_OOB)
    assert select.select([], [], [ours], PATIENCE) == ([], [], [ours])


def test_data_out_of_band_are_readable_where_they_are_in_line(select: Any, socket: Any, pair: Sockets) -> None:
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    theirs.send(b"!", socket.MSG_OOB)
    assert select.select([ours], [], [ours], PATIENCE) == ([ours], [], [])
    assert select.select([], [], [ours], 0.05) == ([], [], [])


def test_a_wait_ends_in_time(select: Any, pair: Sockets) -> None:
    start = time.monotonic()
    assert select.select([pair[0]], [], [], 0.1) == ([], [], [])
    assert 0.05 < time.monotonic() - start < PATIENCE


def test_a_wait_ends_when_data_come(select: Any, pair: Sockets) -> None:
    ours, theirs = pair
    with_data = threading.Timer(0.05, theirs.send, [b"x"])
    with_data.start()
    assert select.select([ours], [], [], None) == ([ours], [], [])
    with_data.join()


def closed_meanwhile(socket: Any) -> tuple[Any, threading.Thread, Any]:
    """Return a socket to which nothing can be written, a thread that will close it, and the other end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(bytes(65536))
    return ours, threading.Timer(0.1, ours.close), theirs


@pytest.mark.parametrize("others", [False, True])
def test_a_socket_that_another_thread_closes_is_readable(
    select: Any, socket: Any, pair: Sockets, *, others: bool
) -> None:
    ours, closing, theirs = closed_meanwhile(socket)
    more = [ours] if others else []
    closing.start()
    assert select.select([pair[0], ours], more, more, PATIENCE) == ([ours], [], [])
    closing.join()
    theirs.close()


@pytest.mark.parametrize("place", [1, 2])
def test_a_socket_that_another_thread_closes_fails_a_call_that_does_not_read(
    select: Any, socket: Any, pair: Sockets, place: int
) -> None:
    ours, closing, theirs = closed_meanwhile(socket)
    lists: list[list[Any]] = [[pair[0]], [], []]
    lists[place] = [ours]
    closing.start()
    with refused(10038):
        select.select(*lists, PATIENCE)
    closing.join()
    theirs.close()


def test_nothing_else_is_in_the_module(select: Any) -> None:
    assert {name for name in dir(select) if not name.startswith("_")} == {"error", "select"}
    assert select.error is OSError


@on_linux
class TestOfTheFakeOnly:
    """What has no counterpart on Windows: knobs, and where descriptors are this machine's."""

    @pytest.mark.parametrize("timeout", [0, PATIENCE])
    def test_a_number_that_is_used_again_is_looked_at_soon(self, timeout: float) -> None:
        import socket as own

        select = windows.selector().module("select").select
        ours, theirs = own.socketpair()
        reader, writer = os.pipe()
        with ours, theirs:
            assert select([ours], [], [], 0) == ([], [], [])
            number = ours.detach()
            os.dup2(reader, number)
            with refused(10038):
                for _ in range(1000):
                    select([number], [], [], timeout)
                    time.sleep(0.001)
            os.close(number)
        os.close(reader)
        os.close(writer)

    def test_a_number_of_the_platforms_own_is_looked_at_at_once(self) -> None:
        platform = windows.selector()
        select = platform.module("select").select
        ours, theirs = platform.module("socket").socketpair()
        reader, writer = os.pipe()
        with theirs:
            assert select([theirs, ours], [], [], 0) == ([], [], [])
            number = ours.fileno()
            ours.close()
            os.dup2(reader, number)
            with refused(10038):
                select([theirs, number], [], [], 0)
            for each in number, reader, writer:
                os.close(each)

    def test_waits_end_at_ticks(self) -> None:
        def waits(tick: float) -> list[float]:
            platform = windows.selector(clock_resolution=tick)
            ours, theirs = platform.module("socket").socketpair()
            took = []
            with ours, theirs:
                for _ in range(20):
                    start = time.monotonic()
                    platform.module("select").select([ours], [], [], 0.001)
                    took.append(time.monotonic() - start)
            return took

        # Each but the first begins a little after a tick, more than a little if the machine is busy.
        assert 0.0005 <= min(waits(0.0005)) < 0.01 < max(waits(0.015625))

    def test_a_number_that_another_loop_knew_is_looked_at(self) -> None:
        import socket as own

        platform = windows.selector()
        select = platform.module("select").select
        ours, theirs = own.socketpair()
        with theirs:
            assert select([ours], [], [], 0) == ([], [], [])
            number = ours.detach()
            reader, writer = os.pipe()
            os.dup2(reader, number)
            platform.new_event_loop().close()
            with refused(10038):
                select([number], [], [], 0)
            for each in number, reader, writer:
                os.close(each)

    def test_the_machines_own_sockets_are_sockets(self) -> None:
        import socket as own

        ours, theirs = own.socketpair()
        with ours, theirs:
            theirs.send(b"x")
            assert windows.selector().module("select").select([ours], [], [], PATIENCE) == ([ours], [], [])

    def test_ten_thousand_descriptors(self) -> None:
        resource = pytest.importorskip("resource")
        count = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < count + 500:
            pytest.skip("this process may not have so many descriptors")
        platform = windows.selector(max_sockets=count)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
        ours, theirs = platform.module("socket").socketpair()
        copies = [os.dup(ours.fileno()) for _ in range(count)]
        try:
            select = platform.module("select").select
            assert select(copies, [], [], 0) == ([], [], [])
            theirs.send(b"x")
            assert select(copies, [], [], PATIENCE) == (copies, [], [])
            with pytest.raises(ValueError, match="too many"):
                select([*copies, ours], [], [], 0)
        finally:
            for copy in copies:
                os.close(copy)
            ours.close()
            theirs.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_two_platforms_at_once_have_their_own_knobs(self) -> None:
        found: dict[int, int] = {}
        together = threading.Barrier(2, timeout=PATIENCE)

        def count(max_sockets: int) -> None:
            platform = windows.selector(max_sockets=max_sockets)
            ours, theirs = platform.module("socket").socketpair()
            with ours, theirs:
                for size in range(60, 70):
                    together.wait()
                    try:
                        platform.module("select").select([ours] * size, [], [], 0.001)
                    except ValueError:
                        continue
                    found[max_sockets] = size

        threads = [threading.Thread(target=count, args=[number]) for number in (62, 65)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {62: 62, 65: 65}
