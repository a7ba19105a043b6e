"""Completion ports: each fact on the fake, and on the real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .completion import NULL, SOON, Port, port_of
from .conftest import Sockets, on_linux, refused


@pytest.fixture
def port(system: Any) -> Iterator[Port]:
    """A completion port."""
    with port_of(system) as made:
        yield made


def test_packets_are_taken_in_the_order_of_their_posting(port: Port) -> None:
    for address in (8, 16, 24):
        port.overlapped.PostQueuedCompletionStatus(port.handle, address + 1, 0, address)
    assert [port.take() for _ in range(3)] == [(0, 9, 0, 8), (0, 17, 0, 16), (0, 25, 0, 24)]


def test_without_a_packet_there_is_nothing(port: Port) -> None:
    assert port.take(0) is None
    assert port.take(SOON) is None


def test_a_packet_ends_a_wait_in_another_thread(port: Port) -> None:
    taken: list[Any] = []
    threads = [threading.Thread(target=lambda: taken.append(port.take())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for address in (8, 16, 24):
        port.overlapped.PostQueuedCompletionStatus(port.handle, 0, 0, address)
    for thread in threads:
        thread.join()
    assert sorted(taken) == [(0, 0, 0, 8), (0, 0, 0, 16), (0, 0, 0, 24)]


def test_a_wait_lasts_as_long_as_it_shall(port: Port) -> None:
    begun = time.monotonic()
    assert port.take(60) is None
    assert time.monotonic() - begun > 0.04  # a tick of 15.6 ms is what it may be early


@pytest.mark.parametrize("handle", ["event", "nothing"])
def test_what_is_no_port_gives_no_packet(system: Any, handle: str) -> None:
    overlapped = system.module("_overlapped")
    number = {"event": overlapped.CreateEvent(None, True, False, None), "nothing": 0x1234560}[handle]
    with refused(6):
        overlapped.GetQueuedCompletionStatus(number, 0)


def test_a_port_is_closed_once(system: Any) -> None:
    port = Port(system)
    port.close()
    with refused(6):
        port.close()
    with refused(6):
        port.take(0)


def test_a_socket_belongs_to_one_port(system: Any, port: Port, pair: Sockets) -> None:
    port.owns(pair[0])
    with refused(87):
        port.owns(pair[0])
    with port_of(system) as other, refused(87):
        other.owns(pair[0])


def test_a_socket_belongs_to_its_port_after_the_port_is_closed(system: Any, pair: Sockets) -> None:
    with port_of(system) as closed:
        closed.owns(pair[0])
    with port_of(system) as other, refused(87):
        other.owns(pair[0])


def test_the_next_socket_with_the_same_handle_belongs_to_none(system: Any, socket: Any, port: Port) -> None:
    with socket.socket() as first:
        port.owns(first)
    others = [socket.socket() for _ in range(8)]
    with port_of(system) as other:
        other.owns(*others)
    for sock in others:
        sock.close()


def test_what_is_closed_belongs_to_no_port(socket: Any, port: Port) -> None:
    with socket.socket() as sock:
        handle = sock.fileno()
    with refused(6):
        port.owns(handle)


def test_an_event_belongs_to_no_port(port: Port) -> None:
    with refused(6):
        port.owns(port.overlapped.CreateEvent(None, True, False, None))


def test_a_file_belongs_to_no_port(system: Any, port: Port, tmp_path: Any) -> None:
    with (tmp_path / "file").open("wb") as file, refused(87):
        port.owns(system.module("msvcrt").get_osfhandle(file.fileno()))


def test_nothing_belongs_to_no_port(port: Port) -> None:
    with refused(87):
        port.owns(port.overlapped.INVALID_HANDLE_VALUE)


def wait_for(port: Port, handle: int, milliseconds: int) -> tuple[int, int]:
    """Register a wait; return its handle and its address."""
    key = port.overlapped.Overlapped(NULL)
    return port.overlapped.RegisterWaitWithQueue(handle, port.handle, key.address, milliseconds), key.address


def event_of(port: Port, *, manual: bool = True, signalled: bool = False) -> int:
    """Make an event."""
    made: int = port.overlapped.CreateEvent(None, manual, signalled, None)
    return made


def test_a_wait_tells_that_an_event_is_set(port: Port) -> None:
    event = event_of(port)
    wait, address = wait_for(port, event, 10_000)
    assert port.take(0) is None
    port.overlapped.SetEvent(event)
    assert port.take() == (0, 0, 0, address)
    assert port.take(SOON) is None
    port.overlapped.UnregisterWait(wait)


def test_a_wait_for_what_is_set_already_ends_at_once(port: Port) -> None:
    wait, address = wait_for(port, event_of(port, signalled=True), 10_000)
    assert port.take() == (0, 0, 0, address)
    port.overlapped.UnregisterWait(wait)


def test_a_wait_tells_that_its_time_is_over(port: Port) -> None:
    wait, address = wait_for(port, event_of(port), 30)
    assert port.take() == (0, 1, 0, address)
    port.overlapped.UnregisterWait(wait)


def test_a_wait_that_was_ended_tells_nothing(port: Port) -> None:
    event, told = event_of(port), event_of(port)
    wait, _ = wait_for(port, event, 10_000)
    port.overlapped.UnregisterWaitEx(wait, told)
    second, address = wait_for(port, told, 10_000)
    assert port.take() == (0, 0, 0, address)
    port.overlapped.SetEvent(event)
    assert port.take(SOON) is None
    port.overlapped.UnregisterWait(second)


def test_a_wait_uses_up_an_event_that_resets_itself(system: Any, port: Port) -> None:
    event = event_of(port, manual=False, signalled=True)
    wait, address = wait_for(port, event, 10_000)
    assert port.take() == (0, 0, 0, address)
    assert system.module("_winapi").WaitForSingleObject(event, 0) == 258
    port.overlapped.UnregisterWait(wait)


def test_events(system: Any) -> None:
    winapi, overlapped = system.module("_winapi"), system.module("_overlapped")
    manual = overlapped.CreateEvent(None, True, True, None)
    automatic = overlapped.CreateEvent(None, False, True, None)
    assert [winapi.WaitForSingleObject(manual, 0) for _ in range(2)] == [0, 0]
    assert [winapi.WaitForSingleObject(automatic, 0) for _ in range(2)] == [0, 258]
    overlapped.ResetEvent(manual)
    assert winapi.WaitForSingleObject(manual, SOON) == 258
    assert winapi.WaitForMultipleObjects([manual, automatic], False, SOON) == 258
    overlapped.SetEvent(automatic)
    assert winapi.WaitForMultipleObjects([manual, automatic], True, SOON) == 258
    assert winapi.WaitForMultipleObjects([manual, automatic], False, SOON) == 1
    for event in (manual, automatic):
        winapi.CloseHandle(event)
    with refused(6):
        winapi.WaitForSingleObject(manual, 0)


def test_an_event_ends_a_wait_in_another_thread(system: Any) -> None:
    winapi, overlapped = system.module("_winapi"), system.module("_overlapped")
    event = overlapped.CreateEvent(None, True, False, None)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(winapi.WaitForSingleObject(event, 10_000)))
    thread.start()
    overlapped.SetEvent(event)
    thread.join()
    assert found == [0]


def test_too_many_objects_to_wait_for(system: Any) -> None:
    with pytest.raises(ValueError, match=r"^need at most 63 handles, got a sequence of length 64$"):
        system.module("_winapi").WaitForMultipleObjects([0] * 64, False, 0)


def test_an_event_has_no_attributes(system: Any) -> None:
    with pytest.raises(ValueError, match=r"^EventAttributes must be None$"):
        system.module("_overlapped").CreateEvent(1, True, False, None)


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@on_linux
class TestOfTheFakeOnly:
    """How the fake goes about it."""

    def test_idle_sockets_cost_no_descriptor(self, socket: Any, port: Port) -> None:
        before = open_descriptors()
        socks = [socket.socket() for _ in range(20)]
        port.owns(*socks)
        assert open_descriptors() == before + 20
        for sock in socks:
            sock.close()

    def test_a_socket_of_the_process_that_was_closed_is_noticed(self, port: Port) -> None:
        import socket as host

        ours, theirs = host.socketpair()
        port.owns(ours)
        receive = port.start("WSARecv", ours.fileno(), 10)
        ours.close()
        assert port.finish(receive) == (995, 0)
        theirs.close()
