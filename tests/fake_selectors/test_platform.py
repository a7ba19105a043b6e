"""Platforms: values, loops of CPython's own classes over them, and a process that does not notice."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import linecache
import logging
import selectors
import socket
import sys
import threading
import traceback

import pytest
from everyloop import fake_selectors
from everyloop.fake_selectors.platform import Kernel, Platform

from ..conftest import Command
from .platforms import MAKERS, PLATFORMS, named

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")
each = pytest.mark.parametrize("name", PLATFORMS)


@dataclasses.dataclass(frozen=True)
class Plain(Platform):
    """The kernel of this machine; `number` makes different ones."""

    number: int
    made: list[int] = dataclasses.field(default_factory=list, compare=False)

    sys_platform = "plain"
    loop_class = "asyncio.selector_events.BaseSelectorEventLoop"
    selector_class = None

    def kernel(self) -> Kernel:
        self.made.append(self.number)
        return Kernel({}, ("asyncio", "asyncio.base_events", "asyncio.selector_events"), {})


async def echo(size: int) -> bytes:
    """Send bytes to a server of the same loop, through streams; return what comes back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(size))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x" * size)
        answer = await reader.readexactly(size)
        writer.close()
        await writer.wait_closed()
    return answer


@each
def test_equal_platforms_are_one(name: str) -> None:
    assert named(name) == named(name)
    assert hash(named(name)) == hash(named(name))
    assert named(name).library is named(name).library


def test_different_platforms_are_told_apart() -> None:
    assert len({named(name) for name in PLATFORMS}) == len(PLATFORMS)
    assert len({id(named(name).library) for name in PLATFORMS}) == len(PLATFORMS)


@each
def test_a_loop_is_of_cpythons_own_class(name: str) -> None:
    platform = named(name)
    loop = platform.new_event_loop()
    try:
        module, _, loop_class = platform.loop_class.rpartition(".")
        assert type(loop) is getattr(platform.module(module), loop_class)
        assert not isinstance(loop, asyncio.SelectorEventLoop)
        assert isinstance(loop, asyncio.AbstractEventLoop)
    finally:
        loop.close()


@each
def test_a_loop_runs_under_asyncios_runner(name: str) -> None:
    async def main() -> bytes:
        assert type(asyncio.get_running_loop()).__module__.startswith("asyncio.")
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        return await asyncio.wait_for(echo(1000), 30)

    with asyncio.Runner(loop_factory=named(name).new_event_loop) as runner:
        assert runner.run(main()) == b"x" * 1000


@each
def test_the_platforms_asyncio_has_the_platforms_loop(name: str) -> None:
    platform = named(name)
    there = platform.module("asyncio")
    assert there.SelectorEventLoop is not asyncio.SelectorEventLoop
    assert there.base_events is platform.module("asyncio.base_events")
    assert there.Task is asyncio.Task
    assert there.get_running_loop is asyncio.get_running_loop


@each
def test_the_platforms_asyncio_lacks_other_systems_only(name: str) -> None:
    platform = named(name)
    there = platform.module("asyncio")
    other, says = (
        ("unix_events", "Signals are not really supported on Windows")
        if platform.sys_platform == "win32"
        else ("windows_events", "win32 only")
    )
    theirs = getattr(getattr(asyncio, other, None), "__all__", ())
    lacking = set(dir(asyncio)) - set(dir(there)) - {*theirs, other, "open_unix_connection", "start_unix_server"}
    assert lacking <= {"__cached__"}
    with pytest.raises(ImportError, match=says):
        platform.module(f"asyncio.{other}")


@pytest.mark.parametrize("name", [name for name in PLATFORMS if named(name).selector_class])
def test_a_selector_is_of_cpythons_own_class(name: str) -> None:
    platform = named(name)
    with platform.new_selector() as selector:
        assert type(selector) is getattr(platform.module("selectors"), str(platform.selector_class))
        assert type(selector) is platform.module("selectors").DefaultSelector


def test_a_platform_without_selectors_makes_none() -> None:
    with pytest.raises(NotImplementedError, match="completion port"):
        Plain(1).new_selector()


def test_a_module_that_nobody_has_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="absent_everywhere"):
        Plain(1).module("absent_everywhere")


def test_many_threads_build_a_platform_once() -> None:
    start = threading.Barrier(16)
    made: list[int] = []
    classes: list[int] = []

    def build() -> None:
        start.wait()
        classes.append(id(Plain(2, made).module("asyncio.selector_events").BaseSelectorEventLoop))

    threads = [threading.Thread(target=build) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [2]
    assert len(classes) == 16
    assert len(set(classes)) == 1


def test_platforms_and_asyncio_run_side_by_side_in_threads() -> None:
    factories = [named(name).new_event_loop for name in PLATFORMS] + [asyncio.SelectorEventLoop]
    together = threading.Barrier(2 * len(factories))
    answers: list[bytes] = []

    def run(number: int) -> None:
        with asyncio.Runner(loop_factory=factories[number % len(factories)]) as runner:
            together.wait(30)  # all loops are there at once
            answers.append(runner.run(asyncio.wait_for(echo(number + 1), 30)))

    threads = [threading.Thread(target=run, args=[number]) for number in range(2 * len(factories))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [b"x" * (number + 1) for number in range(2 * len(factories))]


def test_one_loop_inside_another_is_refused_as_ever() -> None:
    other = named(PLATFORMS[0]).new_event_loop()

    async def main() -> None:
        ready = asyncio.sleep(0)
        try:
            other.run_until_complete(ready)
        finally:
            ready.close()

    with pytest.raises(RuntimeError, match="Cannot run the event loop while another loop is running"):
        asyncio.run(main())
    other.close()


@each
def test_a_loop_changes_nothing_in_the_process(name: str, python: Command) -> None:
    done = python("-c", SNAPSHOTS, *MAKERS[name])
    # CPython's proactor loop takes the signals' descriptor of its process for as long as it is open.
    taken = [("wakeup descriptor",)] if name == "windows-proactor" else []
    assert done.stdout.splitlines() == [f"made: {taken}", f"running: {taken}", "closed: []"], done.stderr


SNAPSHOTS = """
import asyncio, builtins, os, select, selectors, signal, socket, subprocess, sys, threading, time, warnings
import importlib

MODULES = [asyncio, builtins, os, select, selectors, signal, socket, subprocess, threading, time, *(
    module for name, module in sys.modules.items() if name.startswith("asyncio."))]

def snapshot():
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    seen = {
        ("sys.modules", name): id(module) for name, module in sys.modules.items()
    }
    seen |= {(module.__name__, name): id(value) for module in MODULES for name, value in vars(module).items()}
    seen |= {("handler", number): id(signal.getsignal(number)) for number in signal.valid_signals()}
    seen |= {("sys", name): (id(value), len(value)) for name in ("meta_path", "path", "path_hooks")
             for value in [getattr(sys, name)]}
    seen |= {
        ("wakeup descriptor",): wakeup,
        ("import",): id(builtins.__import__),
        ("sys.platform",): (sys.platform, os.name),
        ("policy",): id(asyncio.events._event_loop_policy),
        ("threads",): threading.active_count(),
        ("warnings",): list(warnings.filters),
        ("environment",): dict(os.environ),
    }
    return seen

def changes(before):
    after = snapshot()
    # What is imported for the first time is imported as ever, for all.
    new = [key for key in after.keys() - before.keys() if key[0] != "sys.modules"]
    return sorted(new + [key for key in before if before[key] != after.get(key, "gone")])

module, function = sys.argv[1:]
platform = getattr(importlib.import_module(module), function)()
before = snapshot()
loop = platform.new_event_loop()
print("made:", changes(before))
loop.run_until_complete(asyncio.sleep(0.001))
print("running:", changes(before))
loop.close()
print("closed:", changes(before))
"""


@each
def test_tracebacks_of_a_loop_show_cpythons_files_and_lines(name: str) -> None:
    loop = named(name).new_event_loop()
    try:
        with pytest.raises(TypeError) as raised:
            loop.call_later(None, print)  # type: ignore[arg-type] # that is the point
    finally:
        loop.close()
    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert last.filename == asyncio.base_events.__file__
    assert last.lineno is not None
    assert last.line
    assert last.line == linecache.getline(last.filename, last.lineno).strip()


@each
def test_errors_in_callbacks_go_to_asyncios_logger(name: str, caplog: pytest.LogCaptureFixture) -> None:
    loop = named(name).new_event_loop()
    loop.call_soon(lambda: io.StringIO().read(b""))  # type: ignore[arg-type] # that is the point
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert [record.name for record in caplog.records] == ["asyncio"]


def test_importing_the_package_is_cheap(python: Command) -> None:
    script = "import sys, everyloop.fake_selectors; print(*sys.modules)"
    done = python("-c", script, env={"COVERAGE_PROCESS_START": None, "COVERAGE_PROCESS_CONFIG": None})
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert not {"asyncio", "ctypes", "select", "selectors", "socket", "subprocess"} & imported
    assert {name for name in imported if name.startswith("everyloop")} == {"everyloop", "everyloop.fake_selectors"}


def test_the_package_exports_what_it_says() -> None:
    assert fake_selectors.Platform is Platform
    for name in fake_selectors.__all__:
        assert getattr(fake_selectors, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        _ = fake_selectors.absent


@pytest.mark.parametrize("name", [name for name in fake_selectors.__all__ if name.endswith("Selector")])
def test_the_selectors_are_for_asyncios_own_loop(name: str) -> None:
    selector = getattr(fake_selectors, name)()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        assert runner.run(echo(10)) == b"x" * 10
    ours, theirs = socket.socketpair()
    with ours, theirs, getattr(fake_selectors, name)() as another:
        another.register(ours, selectors.EVENT_READ, "data")
        assert another.select(0) == []
        theirs.send(b"x")
        ((key, events),) = another.select(10)
        assert (key.fileobj, key.data, events) == (ours, "data", selectors.EVENT_READ)
