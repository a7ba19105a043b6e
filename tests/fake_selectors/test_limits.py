"""The table of limits: its shape, which of its rows hold where, and that they are true of the loops of this machine."""

from __future__ import annotations

import asyncio
import os
import runpy
import selectors
import socket
import sys
from pathlib import Path

import pytest
from everyloop.fake_selectors import limits
from everyloop.fake_selectors.limits import (
    EPOLL,
    KQUEUE,
    LIMITS,
    LINUX,
    MACOS,
    POLL,
    PROACTOR,
    SELECT,
    SELECTOR,
    WINDOWS,
)

CONTEXTS = [
    (WINDOWS, (SELECTOR, SELECT)),
    (WINDOWS, (PROACTOR,)),
    (MACOS, (SELECTOR, KQUEUE)),
    (MACOS, (SELECTOR, POLL)),
    (MACOS, (SELECTOR, SELECT)),
    (LINUX, (SELECTOR, EPOLL)),
    (LINUX, (SELECTOR, POLL)),
    (LINUX, (SELECTOR, SELECT)),
]
every = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.id)


def ids(platform: str, *classes: str, **options: object) -> set[str]:
    return {limit.id for limit in limits.of(platform, *classes, **options)}  # type: ignore[arg-type]


def test_ids_are_unique() -> None:
    assert len({limit.id for limit in LIMITS}) == len(LIMITS)


@every
def test_a_row_is_whole(limit: limits.Limit) -> None:
    assert limit.forbids.endswith(".")
    assert limit.instead.endswith((".", "()."))
    assert limit.source.startswith("https://")
    assert limits.by_id(limit.id) is limit
    assert set(limit.platforms) <= {WINDOWS, MACOS, LINUX}
    assert set(limit.loops) <= {SELECTOR, PROACTOR, SELECT, POLL, EPOLL, KQUEUE}
    assert limit.exception is not None or limit.text is None
    # What is measured is one of: what is raised, a number, something else.
    measures = [limit.exception is not None and limit.number is None, limit.number is not None, limit.value is not None]
    assert sum(measures) == 1 if limit.capabilities else not (measures[1] and limit.amount is None) and not measures[2]


@every
def test_what_an_audit_asks_of_a_row(limit: limits.Limit) -> None:
    assert {*limit.when} <= limits.CIRCUMSTANCES
    assert limit.amount is None or (limit.amount in limits.AMOUNTS and limit.number is not None)
    assert not (limit.amount and limit.when)  # a whole program is counted, or a call is looked at
    assert limit.doubt is None or (limit.doubt.endswith(".") and limit.exception is not None)


def test_calls_that_limits_concern() -> None:
    watching = limits.by_id("windows-selector-sockets-only")
    assert watching.concerns("add_reader", ["pipe"])
    assert not watching.concerns("add_reader", ["socket"])
    assert not watching.concerns("connect_read_pipe", ["pipe"])
    assert limits.by_id("windows-proactor-readers").concerns("add_reader", ["socket"])
    assert limits.by_id("windows-signals").concerns("signal.signal", ["SIGHUP"])


@pytest.mark.parametrize(
    ("limit", "amount", "within", "beyond"),
    [
        ("windows-selector-512-sockets", "sockets-at-once", 511, 512),  # one wakes the loop
        ("macos-select-1024", "highest-descriptor", 1023, 1024),
        ("windows-waits", "shortest-timer", 0.016, 0.015),
        ("macos-unix-path", "longest-unix-path", 103, 104),
    ],
)
def test_amounts_that_limits_are_about(limit: str, amount: str, within: float, beyond: float) -> None:
    row = limits.by_id(limit)
    assert [row.is_beyond(amount, value) for value in (within, beyond)] == [False, True]
    assert not any(row.is_beyond(other, beyond) for other in limits.AMOUNTS if other != amount)


@every
def test_a_method_is_one_of_loops(limit: limits.Limit) -> None:
    assert all(hasattr(asyncio.AbstractEventLoop, method) for method in limit.methods)


@every
def test_a_row_holds_somewhere(limit: limits.Limit) -> None:
    pythons = [(3, minor) for minor in range(7, 16)]
    assert any(
        limit in limits.of(platform, *classes, python=python, system=system)
        for platform, classes in CONTEXTS
        for python in pythons
        for system in (None, "10.7")
    )


@pytest.mark.parametrize("python", [(3, 7), (3, 11), (3, 12), (3, 13), (3, 15)], ids=limits.text)
@pytest.mark.parametrize("system", [None, "10.8", "15.1"])
@pytest.mark.parametrize(("platform", "classes"), CONTEXTS, ids=str)
def test_no_capability_has_two_limits(
    platform: str, classes: tuple[str, ...], system: str | None, python: limits.Version
) -> None:
    found = [
        name for limit in limits.of(platform, *classes, python=python, system=system) for name in limit.capabilities
    ]
    assert sorted(set(found)) == sorted(found)


class TestSelection:
    def test_windows_loops_differ(self) -> None:
        selector = ids(WINDOWS, SELECTOR, SELECT)
        proactor = ids(WINDOWS, PROACTOR)
        assert {"windows-unix-sockets", "windows-signal-handlers"} <= selector & proactor
        assert {"windows-selector-512-sockets", "windows-selector-subprocesses"} <= selector - proactor
        assert "windows-proactor-readers" in proactor - selector

    def test_the_version_of_python_decides_which_windows_loop_is_the_default(self) -> None:
        for system in (None, "6.1", "10.0"):
            old = ids(WINDOWS, PROACTOR, python=(3, 7), system=system)
            new = ids(WINDOWS, PROACTOR, python=(3, 8), system=system)
            assert "windows-default-selector" in old - new
            assert "windows-default-proactor" in new - old
            assert "windows-proactor-datagrams" in old - new

    def test_the_clock_of_windows(self) -> None:
        assert "windows-clock" in ids(WINDOWS, PROACTOR, python=(3, 12))
        assert "windows-clock" not in ids(WINDOWS, PROACTOR, python=(3, 13))
        assert "windows-waits" in ids(WINDOWS, PROACTOR, python=(3, 13))

    def test_a_version_may_be_written_to_the_last_digit(self) -> None:
        assert "windows-clock" in ids(WINDOWS, PROACTOR, python=(3, 12, 9))

    @pytest.mark.parametrize(
        ("system", "expected"),
        [
            ("10.6", "macos-10.8-character-devices"),
            ("10.8", "macos-10.8-character-devices"),
            ("10.8.5", "macos-10.8-character-devices"),
            ("10.9", "macos-devices"),
            ("15.1", "macos-devices"),
            (None, "macos-devices"),
        ],
    )
    def test_versions_of_macos(self, system: str | None, expected: str) -> None:
        both = {"macos-10.8-character-devices", "macos-devices"}
        assert ids(MACOS, SELECTOR, KQUEUE, system=system) & both == {expected}

    def test_a_selector_has_limits_of_its_own(self) -> None:
        assert "linux-select-1024" in ids(LINUX, SELECTOR, SELECT)
        assert "linux-select-1024" not in ids(LINUX, SELECTOR, EPOLL)
        assert "files-epoll" in ids(LINUX, SELECTOR, EPOLL)

    def test_child_watchers(self) -> None:
        assert "linux-child-threads" in ids(LINUX, SELECTOR, EPOLL, python=(3, 11))
        assert "linux-child-threads" not in ids(LINUX, SELECTOR, EPOLL, python=(3, 12))
        assert "macos-child-threads" in ids(MACOS, SELECTOR, KQUEUE, python=(3, 14))

    def test_a_name_that_no_limit_has(self) -> None:
        with pytest.raises(KeyError, match="no-such-limit"):
            limits.by_id("no-such-limit")


class TestWords:
    def test_where(self) -> None:
        assert limits.by_id("windows-default-selector").where == "Windows, Python to 3.7"
        assert limits.by_id("macos-10.8-character-devices").where == "macOS 10.6 to 10.8, KqueueSelector"
        assert limits.by_id("macos-devices").where == "macOS from 10.9, KqueueSelector"

    def test_refusals_are_named_as_they_are_measured(self) -> None:
        assert limits.by_id("windows-selector-sockets-only").refusal == "OSError [WinError 10038]"
        assert limits.by_id("linux-epoll-devices").refusal == "PermissionError"
        assert limits.by_id("files-kqueue").refusal is None


def raised(limit: limits.Limit, error: BaseException) -> bool:
    """Whether this is the exception of a limit, with its text."""
    return type(error).__name__ == limit.exception and str(error).startswith(limit.text or "")


class TestTruth:
    """Rows about POSIX are true of this machine's own kernel, where it has what they are about."""

    @pytest.mark.skipif(not hasattr(selectors, EPOLL), reason="needs epoll")
    @pytest.mark.parametrize("name", ["files-epoll", "linux-epoll-devices"])
    def test_what_epoll_refuses(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "files-epoll").touch()
        path = {"files-epoll": tmp_path / "files-epoll", "linux-epoll-devices": Path(os.devnull)}[name]
        with path.open("rb") as file, selectors.EpollSelector() as selector:
            with pytest.raises(OSError) as found:
                selector.register(file, selectors.EVENT_READ)
            assert raised(limits.by_id(name), found.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows counts entries, not numbers")
    def test_select_and_high_descriptors(self) -> None:
        import fcntl

        with socket.socket() as low, selectors.SelectSelector() as selector:
            high = socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 1024))
            with high:
                selector.register(high, selectors.EVENT_READ)
                with pytest.raises(ValueError) as found:
                    selector.select(0)
        assert raised(limits.by_id("linux-select-1024"), found.value)
        assert raised(limits.by_id("macos-select-1024"), found.value)

    @pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="needs Unix sockets of a known size")
    def test_paths_of_unix_sockets(self) -> None:
        limit = limits.by_id({"linux": "linux-unix-path", "darwin": "macos-unix-path"}[sys.platform])
        longest = {"linux": 107, "darwin": 103}[sys.platform]
        with socket.socket(socket.AF_UNIX) as sock:
            with pytest.raises(OSError) as found:
                sock.connect("x" * (longest + 1))
            assert raised(limit, found.value)
            with pytest.raises(FileNotFoundError):
                sock.connect("x" * longest)


def test_the_page_is_made_from_the_table(root: Path) -> None:
    made = runpy.run_path(str(root / "docs" / "limits.py"))
    page = (root / "docs" / "limits.md").read_text(encoding="utf-8")
    assert made["updated"](page) == page, "run: python docs/limits.py"
    assert page.count("| [`") == len(LIMITS)
