"""Signals during a wait, in processes of their own: on the fake, and on the real system where this is Windows."""

from __future__ import annotations

import signal
import sys

import pytest

from ...conftest import Command
from .conftest import fake, on_linux, real

FAKE = "from everyloop.fake_selectors import windows\nmodule = windows.selector().module\n"
REAL = "from importlib import import_module as module\n"

PROLOGUE = """
import os, signal, threading, time
select, socket = module("select").select, module("socket")
ours, theirs = socket.socketpair()
log = []

def meanwhile(function):
    "Run it in a thread once the main thread waits; a while later, end the wait."
    def run():
        time.sleep(0.3)
        function()
        time.sleep(0.3)
        log.append("data")
        theirs.send(b"x")
    threading.Thread(target=run, daemon=True).start()
"""


@pytest.fixture(params=[fake, real])
def start(request: pytest.FixtureRequest) -> str:
    """The beginning of a program on Windows."""
    return (FAKE if request.param == "fake" else REAL) + PROLOGUE


def test_a_handler_runs_when_the_call_has_returned(start: str, python: Command) -> None:
    script = f"""{start}
signal.signal(signal.SIGINT, lambda *_: log.append("handler"))
meanwhile(lambda: signal.raise_signal(signal.SIGINT))
assert select([ours], [], [], None) == ([ours], [], [])
assert log == ["data", "handler"], log
assert signal.getsignal(signal.SIGINT).__name__ == "<lambda>"
"""
    assert python("-c", script).stderr == ""


def test_ctrl_c_is_raised_when_the_call_has_returned(start: str, python: Command) -> None:
    script = f"""{start}
meanwhile(lambda: signal.raise_signal(signal.SIGINT))
try:
    select([ours], [], [], None)
    time.sleep(10)
except KeyboardInterrupt:
    assert log == ["data"], log
else:
    raise AssertionError
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    assert python("-c", script).stderr == ""


def test_the_wakeup_handle_ends_a_wait_that_watches_it(start: str, python: Command) -> None:
    script = f"""{start}
theirs.setblocking(False)
signal.signal(signal.SIGINT, lambda *_: log.append("handler"))
signal.set_wakeup_fd(theirs.fileno())
meanwhile(lambda: signal.raise_signal(signal.SIGINT))
assert select([ours], [], [], None) == ([ours], [], [])
assert log == ["handler"], log
assert ours.recv(10) == bytes([signal.SIGINT])
"""
    assert python("-c", script).stderr == ""


def test_a_wait_in_another_thread_leaves_signals_alone(start: str, python: Command) -> None:
    script = f"""{start}
signal.signal(signal.SIGINT, lambda *_: log.append("handler"))
waiting = threading.Thread(target=select, args=([ours], [], [], None))
waiting.start()
time.sleep(0.1)
signal.raise_signal(signal.SIGINT)
assert log == ["handler"], log
theirs.send(b"x")
waiting.join()
"""
    assert python("-c", script).stderr == ""


@on_linux
class TestOfTheFakeOnly:
    """What only this machine has: signals that end a process, and those that Windows does not know."""

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
    def test_a_wait_can_be_ended_from_outside(self, python: Command, name: str) -> None:
        script = f"""{FAKE}{PROLOGUE}
threading.Timer(0.3, os.kill, [os.getpid(), signal.{name}]).start()
select([ours], [], [], None)
"""
        assert python("-c", script).returncode == -signal.Signals[name]

    def test_signals_that_windows_does_not_know_interrupt(self, python: Command) -> None:
        script = f"""{FAKE}{PROLOGUE}
def handler(*_):
    raise InterruptedError("the watchdog")
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    select([ours], [], [], None)
except InterruptedError as error:
    assert str(error) == "the watchdog"
    select([ours], [], [], 0.001)
else:
    raise AssertionError
"""
        assert python("-c", script).stderr == ""

    def test_several_handlers_run_in_order_and_a_new_one_stays(self, python: Command) -> None:
        script = f"""{FAKE}{PROLOGUE}
signal.signal(signal.SIGINT, lambda number, frame: log.append("int"))
signal.signal(signal.SIGTERM, lambda number, frame: log.append("term"))
def during():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
meanwhile(during)
select([ours], [], [], None)
assert log == ["data", "term", "int"], log
"""
        assert sys.platform == "linux"
        assert python("-c", script).stderr == ""
