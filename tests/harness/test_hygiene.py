"""What is noticed of what a case left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from everyloop.harness import hygiene
from everyloop.harness.hygiene import Snapshot, settled, summary

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


@pytest.fixture
def before() -> Snapshot:
    return Snapshot.take()


def leaks(before: Snapshot) -> list[str]:
    return before.leaks(Snapshot.take())


def damage(before: Snapshot) -> list[str]:
    return before.damage(Snapshot.take())


def test_nothing_happened(before: Snapshot) -> None:
    _, leaked, damaged = settled(before)
    assert (leaked, damaged) == ([], [])


def test_the_summary() -> None:
    assert summary([]) == "clean"
    assert summary(["threads left running: x", "wakeup fd changed: 3"]) == (
        "threads left running: x; wakeup fd changed: 3"
    )


@posix
class TestDescriptors:
    def test_they_are_counted_by_kind(self, before: Snapshot, tmp_path: Path) -> None:
        with contextlib.ExitStack() as stack:
            for end in socket.socketpair():
                stack.enter_context(end)
            for number in os.pipe():
                stack.callback(os.close, number)
            stack.enter_context(tempfile.TemporaryFile(dir=tmp_path))
            stack.enter_context(Path(os.devnull).open())
            stack.callback(os.close, os.open(tmp_path, os.O_RDONLY))
            assert leaks(before) == ["descriptors left open: 1 character device, 1 directory, 1 file, 2 pipe, 2 socket"]
        assert leaks(before) == []

    @pytest.mark.skipif(sys.platform != "linux", reason="Linux names these")
    def test_what_has_no_type_of_its_own_is_named(self, before: Snapshot) -> None:
        import select

        with select.epoll():
            assert leaks(before) == ["descriptors left open: 1 eventpoll"]

    def test_a_kind_that_nobody_knows(self) -> None:
        assert hygiene._kind(99999, 0) == "unknown kind"

    def test_one_that_was_closed_is_damage(self) -> None:
        reading, writing = os.pipe()
        before = Snapshot.take()
        os.close(reading)
        assert damage(before) == [f"closed descriptors that were not its own: {reading}"]
        os.close(writing)

    def test_one_that_is_another_now_is_damage(self) -> None:
        reading, writing = os.pipe()
        before = Snapshot.take()
        here, there = socket.socketpair()
        os.dup2(here.fileno(), reading)
        here.close()
        there.close()
        assert damage(before) == [f"closed descriptors that were not its own: {reading}"]
        os.close(reading)
        os.close(writing)

    def test_a_platform_that_lists_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hygiene, "_DESCRIPTORS", None)
        assert Snapshot.take().descriptors == {}


class TestThreads:
    def test_one_that_runs_on_is_named(self, before: Snapshot) -> None:
        end = threading.Event()
        thread = threading.Thread(target=end.wait, name="worker-7")
        thread.start()
        try:
            assert leaks(before) == ["threads left running: worker-7"]
            assert before.is_outlived_by(Snapshot.take())
        finally:
            end.set()
            thread.join()
        assert leaks(before) == []

    def test_one_on_its_way_out_is_given_the_time(self, before: Snapshot) -> None:
        threading.Thread(target=time.sleep, args=(0.1,)).start()
        _, leaked, _ = settled(before)
        assert leaked == []

    def test_one_that_stays_does_not_hold_up_the_run(self, before: Snapshot) -> None:
        end = threading.Event()
        thread = threading.Thread(target=end.wait, name="stays")
        thread.start()
        try:
            after, leaked, _ = settled(before)
            assert leaked == ["threads left running: stays"]
            # It is no leak of the next case.
            assert after.leaks(Snapshot.take()) == []
        finally:
            end.set()
            thread.join()


@posix
class TestChildren:
    @contextlib.contextmanager
    def child(self) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL) as process:
            yield process
            process.kill()

    def test_one_that_lives_is_named(self, before: Snapshot) -> None:
        with self.child():
            assert leaks(before) == ["child processes left: sleep"]

    def test_one_that_has_ended_is_no_leak(self, before: Snapshot) -> None:
        with self.child() as process:
            process.kill()
            _, leaked, damaged = settled(before)
            assert (leaked, damaged) == ([], [])

    def test_one_that_ends_meanwhile_has_a_name_too(self) -> None:
        assert hygiene._name(2**31 - 2) == "unknown"


class TestDamage:
    @posix
    def test_signal_handlers(self, before: Snapshot) -> None:
        old = signal.signal(signal.SIGUSR1, lambda *_: None)
        real_time = signal.SIGRTMIN + 2 if sys.platform == "linux" else None
        if real_time is not None:
            signal.signal(real_time, lambda *_: None)
        try:
            expected = "SIGUSR1" if real_time is None else f"SIGUSR1, signal {real_time}"
            assert damage(before) == [f"signal handlers changed: {expected}"]
        finally:
            signal.signal(signal.SIGUSR1, old)
            if real_time is not None:
                signal.signal(real_time, signal.SIG_DFL)

    def test_environment_variables(self, before: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVERYLOOP_TEST_NEW", "1")
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "pytest's own")
        assert damage(before) == ["environment variables changed: EVERYLOOP_TEST_NEW"]

    def test_the_current_directory(self, before: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        assert damage(before) == [f"current directory changed: {str(tmp_path)!r}"]

    @posix
    def test_a_current_directory_that_is_gone(
        self, before: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        monkeypatch.chdir(folder)
        folder.rmdir()
        assert damage(before) == ["current directory changed: None"]

    def test_a_running_loop(self, before: Snapshot) -> None:
        loop = asyncio.new_event_loop()
        asyncio._set_running_loop(loop)
        try:
            (found,) = damage(before)
        finally:
            asyncio._set_running_loop(None)
            loop.close()
        assert found.startswith("running loop changed: <")

    @posix
    def test_the_wakeup_descriptor(self, before: Snapshot) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        try:
            assert damage(before) == [f"wakeup fd changed: {writing}"]
            # Looking does not change it.
            assert signal.set_wakeup_fd(-1) == writing
            signal.set_wakeup_fd(writing)
            os.close(writing)
            assert f"wakeup fd changed: {writing}" in damage(before)
        finally:
            signal.set_wakeup_fd(-1)
            os.close(reading)

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="policies are deprecated")
    def test_the_policy(self, before: Snapshot) -> None:
        old = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
        try:
            (found,) = damage(before)
        finally:
            asyncio.set_event_loop_policy(old)
        assert found.startswith("event loop policy changed: <")

    def test_a_python_without_policies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(asyncio, "get_event_loop_policy", raising=False)
        assert hygiene._policy() is None

    def test_the_hooks_of_asynchronous_generators(self, before: Snapshot) -> None:
        old = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=print)
        try:
            (found,) = damage(before)
        finally:
            sys.set_asyncgen_hooks(*old)
        assert found.startswith("async generator hooks changed: ")

    def test_exception_hooks(self, before: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "excepthook", print)
        (found,) = damage(before)
        assert found.startswith("exception hooks changed: ")
        assert len(found) < 150

    @posix
    def test_the_signal_mask(self, before: Snapshot) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            assert "signal mask changed: " in damage(before)[0]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})

    @posix
    def test_the_interval_timer(self, before: Snapshot) -> None:
        signal.setitimer(signal.ITIMER_REAL, 100, 50)
        try:
            assert damage(before) == ["interval timer changed: 50.0"]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    @posix
    @pytest.mark.parametrize(
        "harm",
        [lambda: os.environ.pop("HOME"), lambda: os.environ.update(HOME="/elsewhere")],
        ids=["removed", "changed"],
    )
    def test_a_variable(self, harm: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home")
        before = Snapshot.take()
        harm()
        assert damage(before) == ["environment variables changed: HOME"]
