"""What Windows tells a program about itself: each fact on the fake, and on the real one."""

from __future__ import annotations

import os as host
import signal as host_signal
import sys as host_sys
from typing import Any

import pytest

from .conftest import on_linux


def test_the_names_of_the_system(system: Any) -> None:
    sys = system.module("sys")
    assert sys.platform == "win32"
    assert system.module("os").name == "nt"
    assert sys.getwindowsversion().major >= 6
    assert sys.winver.startswith(f"3.{sys.version_info.minor}")
    assert not hasattr(sys, "abiflags")


def test_the_version_of_the_system(system: Any) -> None:
    version = system.module("sys").getwindowsversion()
    major, minor, build, platform, pack = version
    assert version[:3] == (major, minor, build) == (version.major, version.minor, version.build)
    assert (platform, pack) == (version.platform, version.service_pack) == (2, "")
    assert len(version.platform_version) == 3
    assert version.service_pack_major == 0


def test_what_platform_says_of_the_system(system: Any) -> None:
    platform, sys = system.module("platform"), system.module("sys")
    release, version, _, _ = platform.win32_ver()
    assert (platform.system(), platform.version()) == ("Windows", version)
    assert version == ".".join(map(str, sys.getwindowsversion().platform_version))
    assert release == platform.release() != ""
    assert platform.platform().startswith(f"Windows-{release}-{version}")
    assert platform.architecture()[1] == "WindowsPE"
    assert platform.mac_ver()[0] == ""


def test_what_platform_says_of_the_machine(system: Any) -> None:
    platform, os = system.module("platform"), system.module("os")
    assert platform.machine() == platform.uname().machine
    assert platform.machine() in {"AMD64", "ARM64"}
    assert os.environ["PROCESSOR_ARCHITECTURE"] == platform.machine()
    assert "Family" in platform.processor()
    assert "Family" in os.environ["processor_identifier".title()]  # names of any case
    assert "PROCESSOR_ARCHITECTURE" in os.environ


@pytest.mark.skipif(host_sys.version_info < (3, 12), reason="Python asks WMI since 3.12")
class TestWmi:
    def test_properties_come_in_the_order_in_which_they_are_asked_for(self, system: Any) -> None:
        answer = system.module("_wmi").exec_query("SELECT Version,ProductType FROM Win32_OperatingSystem")
        version, product = answer.split("\0")
        assert version.startswith("Version=10.0.")
        assert product.startswith("ProductType=")

    def test_only_what_selects_is_a_query(self, system: Any) -> None:
        with pytest.raises(ValueError, match="SELECT"):
            system.module("_wmi").exec_query("Version FROM Win32_OperatingSystem")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("os", "fork getuid pipe2 sendfile WNOHANG EX_USAGE O_NONBLOCK waitpid_ mkfifo killpg uname register_at_fork"),
        ("signal", "SIGHUP SIGKILL SIGALRM SIGCHLD SIGUSR1 pause alarm pthread_kill sigwait setitimer"),
        ("socket", "AF_UNIX SO_REUSEPORT SOCK_NONBLOCK MSG_DONTWAIT CMSG_LEN send_fds TCP_CORK sethostname"),
        ("select", "poll epoll kqueue devpoll PIPE_BUF POLLIN"),
        ("time", "clock_gettime CLOCK_MONOTONIC tzset"),
    ],
)
def test_what_windows_does_not_have(system: Any, module: str, names: str) -> None:
    assert [name for name in names.split() if hasattr(system.module(module), name)] == []


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("os", "EX_OK W_OK waitpid kill getpid O_BINARY startfile get_handle_inheritable pipe set_blocking"),
        ("signal", "SIGBREAK SIGINT SIGTERM SIGABRT SIGFPE SIGILL SIGSEGV CTRL_C_EVENT SIG_DFL raise_signal"),
        ("socket", "SO_EXCLUSIVEADDRUSE SIO_RCVALL SIO_KEEPALIVE_VALS RCVALL_ON ioctl_ errorTab fromshare socketpair"),
        ("errno", "WSAECONNRESET ECONNRESET EAGAIN WSAEINVAL"),
        ("time", "monotonic sleep perf_counter"),
        ("msvcrt", "get_osfhandle open_osfhandle"),
        ("_winapi", "CreateProcess CloseHandle INFINITE"),
        ("_overlapped", "Overlapped CreateIoCompletionPort"),
    ],
)
def test_what_windows_has(system: Any, module: str, names: str) -> None:
    there = [name for name in names.split() if not name.endswith("_")]
    assert [name for name in there if not hasattr(system.module(module), name)] == []


@pytest.mark.parametrize("name", ["curses", "fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"])
def test_modules_that_windows_does_not_have(system: Any, name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        system.module(name)


def test_winsocks_numbers(system: Any) -> None:
    assert system.module("errno").WSAECONNRESET == 10054
    assert system.module("errno").WSAEINVAL == 10022


def test_signals_that_can_be_handled(system: Any) -> None:
    signal = system.module("signal")
    names = ("SIGABRT", "SIGBREAK", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM")
    assert signal.valid_signals() == {getattr(signal, name) for name in names}
    for number in (1, 3, 9, 64):
        with pytest.raises(ValueError, match=r"^invalid signal value$"):
            signal.signal(number, signal.SIG_DFL)


def test_a_handler_is_set_and_found(system: Any) -> None:
    signal = system.module("signal")
    for name in ("SIGTERM", "SIGBREAK"):
        number = getattr(signal, name)
        came: list[int] = []
        before = signal.signal(number, lambda *_, seen=came: seen.append(1))
        try:
            assert callable(signal.getsignal(number))
        finally:
            assert callable(signal.signal(number, before))
        assert signal.getsignal(number) == before
        with pytest.raises(TypeError):
            signal.signal(number, "handler")


@on_linux
class TestOfTheFakeOnly:
    """That the process itself is not changed, and what is not emulated says so."""

    def test_the_process_is_what_it_was(self, system: Any) -> None:
        system.module("asyncio")
        assert (host_sys.platform, host.name) == ("linux", "posix")
        assert hasattr(host_signal, "SIGHUP")

    @pytest.mark.parametrize("asked", ["Version FROM Win32_Fan", "SerialNumber FROM Win32_OperatingSystem", "*"])
    def test_what_this_windows_does_not_know_of_itself(self, system: Any, asked: str) -> None:
        with pytest.raises(NotImplementedError, match=r"^_wmi\.exec_query\('SELECT .*'\) is not emulated$"):
            system.module("_wmi").exec_query(f"SELECT {asked}")

    @pytest.mark.parametrize(
        ("module", "call"),
        [("os", "startfile"), ("_winapi", "PeekNamedPipe"), ("_winapi", "OpenProcess"), ("msvcrt", "locking")],
    )
    def test_what_is_not_emulated_says_so(self, system: Any, module: str, call: str) -> None:
        with pytest.raises(NotImplementedError, match=rf"^{module}\.{call} is not emulated$"):
            getattr(system.module(module), call)(1, 2)

    def test_a_wakeup_handle_that_blocks_is_not_emulated(self, system: Any) -> None:
        ours, theirs = system.module("socket").socketpair()
        with (
            ours,
            theirs,
            pytest.raises(NotImplementedError, match=r"^signal\.set_wakeup_fd with a handle that blocks"),
        ):
            system.module("signal").set_wakeup_fd(ours.fileno())
