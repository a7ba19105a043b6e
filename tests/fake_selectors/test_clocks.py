"""Clocks and waits: what the platforms' are, and what asyncio makes of them."""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from everyloop.fake_selectors import windows
from everyloop.fake_selectors.clocks import (
    LONGEST_POLL,
    MACOS,
    SECOND,
    WINDOWS_TICK,
    Clock,
    FineClock,
    WindowsClock,
    poll,
)
from everyloop.fake_selectors.loader import Library
from everyloop.fake_selectors.platform import ASYNCIO, Platform
from everyloop.fake_selectors.views import Fake
from hypothesis import given, settings
from hypothesis import strategies as st

MS = 1_000_000  # nanoseconds
TICK = 15_625_000  # nanoseconds

any_windows = pytest.param(time, id="real", marks=pytest.mark.skipif(sys.platform != "win32", reason="needs Windows"))
old_windows = pytest.param(
    time,
    id="real",
    marks=pytest.mark.skipif(
        sys.platform != "win32" or sys.version_info >= (3, 13), reason="needs Windows and Python up to 3.12"
    ),
)
new_windows = pytest.param(
    time,
    id="real",
    marks=pytest.mark.skipif(
        sys.platform != "win32" or sys.version_info < (3, 13), reason="needs Windows and Python from 3.13 on"
    ),
)
real_mac = pytest.param(
    time,
    id="real",
    marks=pytest.mark.skipif(sys.platform != "darwin", reason="the real kernel is that of another system"),
)


@dataclass
class Host:
    """The clock of a machine on which time passes only as it is told."""

    now: int = 0

    def __call__(self) -> int:
        return self.now


class TestWindowsClock:
    def test_python_decides_how_coarse_it_is(self) -> None:
        assert WindowsClock().coarse == (sys.version_info < (3, 13))

    def test_the_tick_is_15_625_ms_unless_told_otherwise(self) -> None:
        assert WindowsClock().tick == WINDOWS_TICK

    @pytest.mark.parametrize("tick", [0.0005, 0.001, 0.015625])
    def test_the_timer_can_be_set_to(self, tick: float) -> None:
        assert WindowsClock(tick, coarse=True).info("monotonic").resolution == tick

    @pytest.mark.parametrize("tick", [0.0, -1.0, 0.0004, 0.0157, float("nan")])
    def test_the_timer_cannot_be_set_to(self, tick: float) -> None:
        with pytest.raises(ValueError, match="clock_resolution"):
            WindowsClock(tick)

    def test_a_coarse_clock_moves_once_per_tick_by_whole_milliseconds(self) -> None:
        host = Host()
        clock = WindowsClock(coarse=True, host=host)
        seen = []
        for host.now in range(0, SECOND, MS // 4):
            seen.append(clock.monotonic_ns())
        assert len(set(seen)) == 64
        assert {later - earlier for earlier, later in pairwise(sorted(set(seen)))} == {15 * MS, 16 * MS}
        assert seen == sorted(seen)

    def test_a_coarse_clock_counts_whole_milliseconds_under_the_finest_tick(self) -> None:
        host = Host()
        clock = WindowsClock(0.0005, coarse=True, host=host)
        seen = []
        for host.now in range(0, 10 * MS, MS // 8):
            seen.append(clock.monotonic_ns())
        assert sorted(set(seen)) == [number * MS for number in range(10)]

    def test_a_fine_clock_counts_100_nanoseconds(self) -> None:
        host = Host(123_456_789)
        assert WindowsClock(coarse=False, host=host).monotonic_ns() == 123_456_700

    @pytest.mark.parametrize("module", [pytest.param(WindowsClock(coarse=True).module(), id="fake"), old_windows])
    def test_coarse_readings(self, module: Any) -> None:
        seen = {module.monotonic_ns()}
        while len(seen) < 4:
            seen.add(module.monotonic_ns())
        assert {reading % MS for reading in seen} == {0}
        for earlier, later in pairwise(sorted(seen)):
            ticks = round((later - earlier) / TICK)
            assert ticks >= 1
            assert abs(later - earlier - ticks * TICK) < ticks * MS

    @pytest.mark.parametrize("module", [pytest.param(WindowsClock(coarse=False).module(), id="fake"), new_windows])
    def test_fine_readings(self, module: Any) -> None:
        start = module.perf_counter()
        first = module.monotonic_ns()
        while (later := module.monotonic_ns()) == first:
            assert module.perf_counter() - start < 10
        assert (later - first) % 100 == 0

    @pytest.mark.parametrize(
        ("module", "name", "implementation", "resolution"),
        [
            pytest.param(module, name, implementation, resolution, id=f"{name}-{kind}", marks=marks)
            for kind, module, marks in [
                ("fake", WindowsClock(coarse=True).module(), ()),
                ("real", time, old_windows.marks),
            ]
            for name, implementation, resolution in [
                ("monotonic", "GetTickCount64()", 0.015625),
                ("perf_counter", "QueryPerformanceCounter()", 1e-7),
                ("time", "GetSystemTimeAsFileTime()", 0.015625),
                ("process_time", "GetProcessTimes()", 1e-7),
                ("thread_time", "GetThreadTimes()", 1e-7),
            ]
        ],
    )
    def test_what_a_coarse_clock_says_of_itself(
        self, module: Any, name: str, implementation: str, resolution: float
    ) -> None:
        info = module.get_clock_info(name)
        assert info.implementation == implementation
        assert info.resolution == pytest.approx(resolution, rel=0.01)
        assert info.monotonic == (name != "time")
        assert info.adjustable == (name == "time")

    @pytest.mark.parametrize(
        ("module", "name", "implementation"),
        [
            pytest.param(module, name, implementation, id=f"{name}-{kind}", marks=marks)
            for kind, module, marks in [
                ("fake", WindowsClock(coarse=False).module(), ()),
                ("real", time, new_windows.marks),
            ]
            for name, implementation in [
                ("monotonic", "QueryPerformanceCounter()"),
                ("perf_counter", "QueryPerformanceCounter()"),
                ("time", "GetSystemTimePreciseAsFileTime()"),
            ]
        ],
    )
    def test_what_a_fine_clock_says_of_itself(self, module: Any, name: str, implementation: str) -> None:
        info = module.get_clock_info(name)
        assert (info.implementation, info.resolution) == (implementation, 1e-7)

    @pytest.mark.parametrize("module", [pytest.param(WindowsClock().module(), id="fake"), any_windows])
    def test_an_unknown_clock_is_refused(self, module: Any) -> None:
        with pytest.raises(ValueError, match="unknown clock"):
            module.get_clock_info("sundial")

    @pytest.mark.parametrize("module", [pytest.param(WindowsClock().module(), id="fake"), any_windows])
    def test_what_windows_has_not(self, module: ModuleType) -> None:
        for name in "clock_gettime", "CLOCK_MONOTONIC", "pthread_getcpuclockid", "tzset":
            assert not hasattr(module, name)
            assert name not in dir(module)

    @pytest.mark.parametrize("module", [pytest.param(WindowsClock(coarse=True).module(), id="fake"), old_windows])
    def test_the_coarse_clock_on_the_wall(self, module: Any) -> None:
        start = time.perf_counter()
        first = module.time()
        while (later := module.time()) == first:
            assert time.perf_counter() - start < 10
        assert later - first > 0.014


class TestWindowsWaits:
    @settings(deadline=None)
    @given(
        phase=st.integers(0, 10 * TICK),
        timeout=st.floats(1e-9, 10),
        tick=st.sampled_from([0.0005, 0.001, 0.015625]),
        coarse=st.booleans(),
    )
    def test_a_wait_ends_at_a_tick_up_to_one_earlier_or_later(
        self, phase: int, timeout: float, tick: float, coarse: bool
    ) -> None:
        waited = WindowsClock(tick, coarse=coarse, host=Host(phase)).wait(timeout)
        assert waited is not None
        tick_ns, waited_ns = round(tick * SECOND), round(waited * SECOND)
        assert (phase + waited_ns) % tick_ns == 0
        assert waited_ns > 0
        assert abs(waited_ns - timeout * SECOND) < tick_ns

    @pytest.mark.parametrize(
        ("phase", "timeout", "waited"),
        [
            (0, 0.001, 0.015625),  # 15 times longer
            (15 * MS, 0.001, 0.000625),  # shorter
            (0, 0.015625, 0.015625),
            (MS, 0.015625, 0.014625),
            (TICK - 100, 0.1, 0.0937501),
        ],
    )
    def test_it_is_measured_from_the_last_tick(self, phase: int, timeout: float, waited: float) -> None:
        assert WindowsClock(host=Host(phase)).wait(timeout) == pytest.approx(waited, abs=1e-9)

    def test_for_ever_and_not_at_all_are_exact(self) -> None:
        clock = WindowsClock(host=Host(MS))
        assert (clock.wait(None), clock.wait(0), clock.wait(0.0)) == (None, 0, 0)


class TestMacOS:
    @pytest.mark.parametrize("module", [pytest.param(MACOS.module(), id="fake"), real_mac])
    def test_what_it_says_of_itself(self, module: Any) -> None:
        for name in "monotonic", "perf_counter":
            info = module.get_clock_info(name)
            assert info.implementation == "mach_absolute_time()"
            assert info.resolution == pytest.approx(1e-9) or info.resolution == pytest.approx(125 / 3 * 1e-9)
            assert (info.monotonic, info.adjustable) == (True, False)

    def test_it_counts_steps_of_125_thirds_of_a_nanosecond(self) -> None:
        host = Host()
        clock = FineClock("mach_absolute_time()", (125, 3), host)
        seen = []
        for host.now in range(10_000_000_000_000_000, 10_000_000_000_000_250):
            seen.append(clock.monotonic_ns())
        assert len(set(seen)) in {6, 7}
        assert {later - earlier for earlier, later in pairwise(sorted(set(seen)))} == {41, 42}
        assert all(0 <= now - reading < 43 for now, reading in enumerate(seen, 10_000_000_000_000_000))

    @pytest.mark.parametrize("module", [pytest.param(MACOS.module(), id="fake"), real_mac])
    def test_both_clocks_are_one(self, module: Any) -> None:
        first, second, third = module.monotonic_ns(), module.perf_counter_ns(), module.monotonic_ns()
        assert first <= second <= third

    def test_waits_are_not_changed(self) -> None:
        assert [MACOS.wait(timeout) for timeout in (None, 0, 0.0001)] == [None, 0, 0.0001]


class TestPoll:
    def test_what_is_ready_is_returned_at_once(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            watched = select.poll()
            watched.register(ours, select.POLLOUT)
            start = time.monotonic()
            for timeout in None, 0, 0.0005, 60.0005, 1e9:
                assert poll(watched.poll, timeout) == [(ours.fileno(), select.POLLOUT)]
            assert time.monotonic() - start < 30

    @pytest.mark.parametrize("timeout", [0.0005, 0.001, 0.0101])
    def test_it_never_ends_early(self, timeout: float) -> None:
        start = time.monotonic()
        assert poll(select.poll().poll, timeout) == []
        assert time.monotonic() - start >= timeout

    def test_it_asks_for_whole_milliseconds_and_once_more_at_the_end(self) -> None:
        look = Look(ready_at=2)
        assert poll(look, 0.0155) == [1]
        assert look.asked == [15, 0]

    @pytest.mark.parametrize("timeout", [0, -1, -0.0005])
    def test_what_has_passed_is_zero(self, timeout: float) -> None:
        look = Look()
        assert poll(look, timeout) == []
        assert look.asked == [0]

    def test_it_waits_longer_than_the_kernel_can(self) -> None:
        look = Look()
        assert poll(look, 5_000_000) == []
        assert look.asked == [LONGEST_POLL, LONGEST_POLL, 5_000_000_000 - 2 * LONGEST_POLL]


@dataclass
class Look:
    """A kernel that does not wait, but writes down for how many milliseconds it was asked to."""

    ready_at: int = 0
    asked: list[int | None] = field(default_factory=list)

    def __call__(self, milliseconds: int | None) -> list[int]:
        self.asked.append(milliseconds)
        return [1] if len(self.asked) == self.ready_at else []


class Machine:
    """CPython's loop on a kernel whose time passes in ``select()`` only, as long as its clock says."""

    def __init__(self, make: Callable[[Host], Clock], phase: int = 0) -> None:
        self.host = Host(phase)
        self.clock = make(self.host)
        fakes = {"select": Fake("select", {"select": self.select}), "time": self.clock.module()}
        unix = Library(fakes, ASYNCIO).load("asyncio.unix_events")
        self.new_event_loop: Callable[[], asyncio.AbstractEventLoop] = unix.SelectorEventLoop

    def select(
        self, readers: list[int], writers: list[int], others: list[int], timeout: float | None = None
    ) -> tuple[list[int], list[int], list[int]]:
        ready = select.select(readers, writers, others, 0)
        if not any(ready) and timeout:
            self.host.now += round((self.clock.wait(timeout) or 0) * SECOND)
        return ready

    def run(self, *delays: float) -> list[float]:
        """Call back after so many seconds each; return how many milliseconds it took."""
        loop = self.new_event_loop()
        start = self.host.now
        took: dict[int, float] = {}

        def call(number: int) -> None:
            took[number] = (self.host.now - start) / MS
            if len(took) == len(delays):
                loop.stop()

        for number, delay in enumerate(delays):
            loop.call_later(delay, call, number)
        loop.run_forever()
        loop.close()
        return [took[number] for number in range(len(delays))]

    def took(self, main: Callable[[], Any]) -> float:
        """Run a coroutine; return how many milliseconds it took."""
        start = self.host.now
        with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
            runner.run(main())
        return (self.host.now - start) / MS


def coarse(host: Host) -> Clock:
    return WindowsClock(coarse=True, host=host)


def fine(host: Host) -> Clock:
    return WindowsClock(coarse=False, host=host)


def mac(host: Host) -> Clock:
    return FineClock("mach_absolute_time()", (125, 3), host)


class TestLoops:
    """Times are those of the machine, in milliseconds; a phase is the time since the last tick."""

    @pytest.mark.parametrize(
        ("clock", "phase", "took"),
        [
            (coarse, 0, 109.375),  # late: until the next tick
            (fine, 0, 109.375),
            (coarse, 15 * MS, 94.375),  # early: the clock was 15 ms behind
            (fine, 15 * MS, 110.0),  # the wait ended early, the clock saw it, and it waited again
            (mac, 15 * MS, pytest.approx(100, abs=0.001)),
        ],
    )
    def test_call_later_of_100_ms(self, clock: Callable[[Host], Clock], phase: int, took: float) -> None:
        assert Machine(clock, phase).run(0.1) == [took]

    @pytest.mark.parametrize(
        ("clock", "took"),
        [
            (coarse, [78.25, 78.25]),  # https://github.com/python/cpython/issues/110695
            (fine, [93.875, 109.5]),
            (mac, [pytest.approx(90, abs=0.001), pytest.approx(100, abs=0.001)]),
        ],
    )
    def test_a_loop_that_is_awake_runs_timers_a_resolution_early(
        self, clock: Callable[[Host], Clock], took: list[float]
    ) -> None:
        assert Machine(clock, 15_500_000).run(0.09, 0.1) == took

    @pytest.mark.parametrize(
        ("clock", "phase", "took"),
        [(coarse, 0, 15.625), (fine, 0, 15.625), (coarse, 15 * MS, 0.625), (fine, 15 * MS, 16.25)],
    )
    def test_sleep_of_1_ms(self, clock: Callable[[Host], Clock], phase: int, took: float) -> None:
        assert Machine(clock, phase).took(lambda: asyncio.sleep(0.001)) == took

    @pytest.mark.parametrize(
        ("clock", "phase", "took"), [(coarse, 0, 62.5), (coarse, 15 * MS, 47.5), (fine, 15 * MS, 63.125)]
    )
    def test_a_time_out_of_50_ms(self, clock: Callable[[Host], Clock], phase: int, took: float) -> None:
        async def wait_for() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)

        async def timeout() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.Event().wait()

        assert Machine(clock, phase).took(wait_for) == took
        assert Machine(clock, phase).took(timeout) == took

    def test_the_finest_tick_makes_it_good(self) -> None:
        def finest(host: Host) -> Clock:
            return WindowsClock(0.0005, coarse=False, host=host)

        assert Machine(finest, 15_600_000).run(0.1) == [100.4]

    @pytest.mark.parametrize("clock", [coarse, fine, mac])
    def test_timers_run_in_order(self, clock: Callable[[Host], Clock]) -> None:
        loop = Machine(clock, 7 * MS).new_event_loop()
        ran: list[int] = []
        for number in (3, 1, 2):
            loop.call_at(loop.time() + number / 1000, ran.append, number)
        loop.call_later(0.1, loop.stop)
        loop.run_forever()
        loop.close()
        assert ran == [1, 2, 3]

    def test_a_coarse_loop_does_not_see_a_tick_pass_before_its_end(self) -> None:
        machine = Machine(coarse)
        loop = machine.new_event_loop()
        seen = []
        for machine.host.now in range(0, TICK + MS, MS):
            seen.append(loop.time())
        loop.close()
        assert seen == [0.0] * 16 + [0.015]

    @settings(deadline=None)
    @given(
        phase=st.integers(0, 2 * TICK),
        delays=st.lists(st.integers(1, 200), min_size=1, max_size=4),
        clock=st.sampled_from([coarse, fine]),
    )
    def test_how_early_and_how_late(self, phase: int, delays: list[int], clock: Callable[[Host], Clock]) -> None:
        tick, rounded = TICK / MS, 1  # GetTickCount64 counts whole milliseconds
        early = 2 * tick + rounded if clock is coarse else 0.0002
        for delay, took in zip(delays, Machine(clock, phase).run(*(delay / 1000 for delay in delays)), strict=True):
            assert delay - early < took < delay + tick + rounded


emulated = pytest.param("fake", marks=pytest.mark.skipif(sys.platform != "linux", reason="emulation runs on Linux"))
real = pytest.param("real", marks=pytest.mark.skipif(sys.platform != "win32", reason="needs Windows"))


class TestWindowsLoops:
    """The same of a loop whose time is real: what is certain on a machine that may be busy."""

    @pytest.fixture(params=[emulated, real])
    def loop(self, request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
        made = windows.selector().new_event_loop() if request.param == "fake" else asyncio.SelectorEventLoop()
        yield made
        made.close()

    def test_timers_run_at_most_two_ticks_early(self, loop: asyncio.AbstractEventLoop) -> None:
        early = 2 * WINDOWS_TICK + 0.001 if sys.version_info < (3, 13) else 0.0001
        delays = [number / 200 for number in range(1, 13)]
        took: dict[float, float] = {}

        def call(delay: float) -> None:
            took[delay] = time.perf_counter() - start
            if len(took) == len(delays):
                loop.stop()

        start = time.perf_counter()
        for delay in delays:
            loop.call_later(delay, call, delay)
        loop.run_forever()
        assert list(took) == delays
        assert all(passed > delay - early for delay, passed in took.items())

    def test_a_timer_runs_when_the_clock_says_so(self, loop: asyncio.AbstractEventLoop) -> None:
        resolution = WINDOWS_TICK if sys.version_info < (3, 13) else 1e-7
        due = loop.time() + 0.03

        async def main() -> float:
            await asyncio.sleep(due - loop.time())
            return loop.time()

        assert loop.run_until_complete(main()) > due - resolution - 1e-9

    @pytest.mark.skipif(sys.version_info >= (3, 13), reason="the clock is fine from Python 3.13 on")
    def test_the_time_of_a_loop_is_whole_milliseconds(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(3):
            loop.run_until_complete(asyncio.sleep(0.001))
            assert loop.time() * 1000 == pytest.approx(round(loop.time() * 1000), abs=1e-4)

    def test_a_time_out_is_one(self, loop: asyncio.AbstractEventLoop) -> None:
        async def main() -> None:
            async with asyncio.timeout(0.02):
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform != "linux", reason="the fakes are made of Linux' kernel")
@pytest.mark.parametrize("make", [windows.selector, windows.proactor])
def test_a_wait_is_none_of_the_programs_sleeps(make: Callable[[], Platform], monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(seconds: float) -> None:
        raise AssertionError(f"it slept for {seconds} seconds")

    async def wait() -> None:
        for _ in range(5):  # each ends at another fraction of a millisecond
            await asyncio.sleep(0.0017)

    with asyncio.Runner(loop_factory=make().new_event_loop) as runner:
        monkeypatch.setattr(time, "sleep", forbidden)
        runner.run(asyncio.wait_for(wait(), 10))
        monkeypatch.undo()
