"""Capabilities: their names and words, what they are measured with, and that probes tell loops apart."""

from __future__ import annotations

import asyncio
import select
import selectors
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everyloop.conformance import descriptors, probes
from everyloop.conformance.capabilities import (
    ALWAYS_READY,
    BY_NAME,
    CAPABILITIES,
    NEVER_READY,
    NO_THREAD,
    YES,
    AbsentError,
    Capability,
    Quantity,
    Value,
    refusal,
)
from everyloop.conformance.probes import ASYNCIO, MOST_SOCKETS, Loop

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows' select() knows sockets only")


def measure(name: str, factory: Callable[[], asyncio.AbstractEventLoop]) -> Value:
    return ASYNCIO[name](Loop.made_by(factory))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


class TestTable:
    def test_names_are_unique(self) -> None:
        assert len(BY_NAME) == len(CAPABILITIES)

    def test_every_capability_has_a_probe(self) -> None:
        assert ASYNCIO.keys() == BY_NAME.keys()

    @pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
    def test_a_capability_is_explained(self, capability: Capability) -> None:
        assert capability.meaning.endswith(".")
        assert capability.name == capability.name.lower()
        assert (capability.unit is None) == (
            capability.usual in {YES, ALWAYS_READY, NO_THREAD, "at once", "no: ValueError"}
        )


class TestValues:
    @pytest.mark.parametrize(
        ("quantity", "text"),
        [
            (Quantity(511, "sockets"), "511 sockets"),
            (Quantity(900, "sockets", at_least=True), "900 sockets or more"),
            (Quantity(65535, ""), "65,535"),
            (Quantity(0.015625, "s"), "15.6 ms"),
            (Quantity(2.5, "s"), "2.5 s"),
            (Quantity(0.0009999, "s"), "1 ms"),
            (Quantity(1e-06, "s"), "1 µs"),
            (Quantity(99.96e-9, "s"), "100 ns"),
            (Quantity(0.2e-9, "s"), "0.2 ns"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_quantity_is_short(self, quantity: Quantity, text: str) -> None:
        assert str(quantity) == text

    def test_an_exception_is_named_by_its_class(self) -> None:
        assert refusal(NotImplementedError("whatever")) == "no: NotImplementedError"

    def test_windows_errors_have_their_number(self) -> None:
        error = OSError("not a socket")
        error.winerror = 10038  # type: ignore[attr-defined,unused-ignore]
        assert refusal(error) == "no: OSError [WinError 10038]"

    def test_an_exception_that_a_nursery_wrapped_is_unwrapped(self) -> None:
        wrapped = ExceptionGroup("", [ExceptionGroup("", [PermissionError()])])
        assert refusal(wrapped) == "no: PermissionError"
        assert refusal(ExceptionGroup("", [OSError(), ValueError()])) == "no: ExceptionGroup"

    def test_what_is_usual(self) -> None:
        flag, count, time = (BY_NAME[name] for name in ("watch-null", "sockets-at-once", "clock-step"))
        assert flag.is_usual(ALWAYS_READY, None, at_least=False)
        assert not flag.is_usual("no: PermissionError", None, at_least=False)
        assert count.is_usual("900 sockets or more", 900, at_least=True)
        assert not count.is_usual("511 sockets", 511, at_least=False)
        assert not count.is_usual("no: NotImplementedError", None, at_least=False)
        assert time.is_usual("200 ns", 2e-7, at_least=False)
        assert not time.is_usual("15.6 ms", 0.0156, at_least=False)
        assert not time.is_usual("no: TypeError", None, at_least=False)


class TestDescriptors:
    """What probes watch is what it is said to be, on this machine's kernel."""

    @posix
    @pytest.mark.parametrize("kind", [descriptors.sockets, descriptors.pipe, descriptors.fifo, descriptors.pty])
    def test_it_is_ready_once_it_is_provoked(self, kind: Any) -> None:
        before = open_descriptors()
        with kind() as watched:
            assert select.select([watched.file], [], [], 0)[0] == []
            watched.provoke()
            assert select.select([watched.file], [], [], 5)[0] == [watched.file]
        assert open_descriptors() == before

    @posix
    def test_null_is_always_ready(self) -> None:
        with descriptors.null() as watched:
            assert select.select([watched.file], [], [], 0)[0] == [watched.file]

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 100])
    def test_of_many_sockets_one_becomes_ready(self, count: int) -> None:
        before = open_descriptors()
        with descriptors.many_sockets(count) as (watched, provoke):
            assert len(set(watched)) == count
            assert select.select(watched, [], [], 0)[0] == []
            provoke()
            assert select.select(watched, [], [], 5)[0] == watched[-1:]
        assert open_descriptors() == before

    @posix
    def test_a_descriptor_has_the_number_asked_for(self) -> None:
        with descriptors.numbered(700) as watched:
            assert watched.file >= 700
            watched.provoke()
            assert select.select([watched.file], [], [], 5)[0] == [watched.file]

    @posix
    def test_a_terminal_is_absent_if_there_is_none_to_be_had(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import fcntl

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(fcntl, "ioctl", refuse)
        with pytest.raises(AbsentError, match=r"leads no session|has a terminal already"), descriptors.terminal():
            pass


class TestHalving:
    @pytest.mark.parametrize("limit", [1, 2, 17, 63, 511, 512, 899])
    def test_the_highest_that_works(self, limit: int) -> None:
        asked = []

        def works(number: int) -> Value:
            asked.append(number)
            return YES if number <= limit else "no: ValueError"

        assert probes._highest(works, 1, 900, "sockets") == Quantity(limit, "sockets")
        assert len(asked) <= 12

    def test_no_limit_is_asked_for_once(self) -> None:
        asked = []

        def works(number: int) -> Value:
            asked.append(number)
            return YES

        assert probes._highest(works, 1, 900, "") == Quantity(900, "", at_least=True)
        assert asked == [900]

    def test_nothing_works(self) -> None:
        assert probes._highest(lambda _: "no: NotImplementedError", 1, 900, "") == "no: NotImplementedError"


class _Selector(selectors.SelectSelector):
    """Knows so many descriptors at once; refuses where it waits, as Windows' select() does."""

    most = 30

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if len(self.get_map()) > self.most:
            raise ValueError("too many file descriptors in select()")
        return super().select(timeout)


def narrow() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Selector())


class _Refusing(asyncio.SelectorEventLoop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


class _Deaf(asyncio.SelectorEventLoop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        pass


class _Eager(asyncio.SelectorEventLoop):
    def add_reader(self, _: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        self.call_soon(callback, *args)


class _Coarse(asyncio.SelectorEventLoop):
    """Its clock moves every 10 ms."""

    def time(self) -> float:
        return super().time() // 0.01 * 0.01


class _Alone(asyncio.SelectorEventLoop):
    """No other thread can wake it, and it starts no processes."""

    def call_soon_threadsafe(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        raise NotImplementedError

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@posix
class TestProbes:
    """A probe says of a loop what that loop is like."""

    @pytest.fixture
    def impatience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For loops that never do what is waited for."""
        monkeypatch.setattr(probes, "PATIENCE", 0.5)

    def test_how_many_sockets(self) -> None:
        # One of those that the selector knows wakes the loop.
        assert measure("sockets-at-once", narrow) == Quantity(_Selector.most - 1, "sockets")
        assert measure("sockets-at-once", asyncio.SelectorEventLoop) == Quantity(MOST_SOCKETS, "sockets", at_least=True)

    def test_the_highest_descriptor(self) -> None:
        def select_loop() -> asyncio.AbstractEventLoop:
            return asyncio.SelectorEventLoop(selectors.SelectSelector())

        assert measure("highest-descriptor", select_loop) == Quantity(1023, "")

    @pytest.mark.parametrize(
        ("loop", "expected"),
        [
            (asyncio.SelectorEventLoop, YES),
            (_Refusing, "no: NotImplementedError"),
            (_Eager, ALWAYS_READY),
        ],
    )
    @pytest.mark.parametrize("name", ["watch-socket", "watch-pipe", "watch-fifo", "watch-pty"])
    def test_what_can_be_watched(self, name: str, loop: Any, expected: str) -> None:
        assert measure(name, loop) == expected

    @pytest.mark.usefixtures("impatience")
    @pytest.mark.parametrize("name", ["watch-socket", "watch-fifo", "sockets-at-once", "highest-descriptor"])
    def test_what_is_never_ready(self, name: str) -> None:
        assert measure(name, _Deaf) == NEVER_READY

    @pytest.mark.parametrize("name", ["sockets-at-once", "highest-descriptor", "watch-file", "watch-null"])
    def test_nothing_can_be_watched(self, name: str) -> None:
        assert measure(name, _Refusing) == "no: NotImplementedError"

    def test_an_exception_that_ends_the_loop_is_a_measurement(self) -> None:
        class Broken(_Selector):
            most = 1

        value = measure("watch-socket", lambda: asyncio.SelectorEventLoop(Broken()))
        assert value == "no: ValueError"

    def test_a_coarse_clock(self) -> None:
        value = measure("clock-step", _Coarse)
        assert isinstance(value, Quantity)
        assert value.number == pytest.approx(0.01)

    @pytest.mark.usefixtures("impatience")
    def test_threads_and_processes(self) -> None:
        assert measure("threads", _Alone) == "no: NotImplementedError"
        assert measure("subprocess", _Alone) == measure("child-exit", _Alone) == "no: NotImplementedError"

    def test_a_probe_closes_what_it_opened(self) -> None:
        quick = sorted(BY_NAME.keys() - {"watch-terminal"})
        for name in quick:  # what is made once in a process is made
            measure(name, asyncio.SelectorEventLoop)
        before = open_descriptors()
        handler = signal.getsignal(signal.SIGINT)
        for name in quick:
            measure(name, asyncio.SelectorEventLoop)
        assert open_descriptors() == before
        assert signal.getsignal(signal.SIGINT) is handler
