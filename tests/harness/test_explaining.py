"""From an exception to the documented limit it shows."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from everyloop.conformance import driving
from everyloop.fake_selectors.limits import LIMITS, Limit
from everyloop.harness.explaining import SHOWN_BY, explain, explained, is_left_by, left_by

from .runs import Commands

LIMIT = Limit(
    id="no-readers",
    forbids="Nothing can be watched.",
    instead="Watch nothing.",
    source="https://example.org",
    methods=("add_reader",),
    exception="OSError",
    text="[Errno 22] Invalid",
)


def raised(function: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        function()
    return caught.value


def add_reader(error: BaseException | None = None) -> None:
    raise error or OSError(22, "Invalid argument")


def _add_reader() -> None:
    raise OSError(22, "Invalid argument")


def in_a_group() -> None:
    raise BaseExceptionGroup("several", [ValueError(), raised(add_reader)])


def because_of_it() -> None:
    try:
        add_reader()
    except OSError as error:
        raise AssertionError("nothing arrived") from error


def while_handling_it() -> None:
    try:
        add_reader()
    finally:
        raise AssertionError("nothing arrived")


def elsewhere() -> None:
    raise OSError(22, "Invalid argument")


@pytest.mark.parametrize("function", [add_reader, _add_reader, in_a_group, because_of_it, while_handling_it])
def test_what_shows_a_limit(function: Callable[[], object]) -> None:
    assert explain(raised(function), [LIMIT]) is LIMIT
    assert explain(raised(function), []) is None


def test_a_subclass_of_the_documented_exception_shows_it() -> None:
    class OwnError(OSError):
        pass

    assert explain(raised(lambda: add_reader(OwnError(22, "Invalid argument"))), [LIMIT]) is LIMIT


@pytest.mark.parametrize(
    "function",
    [
        elsewhere,
        lambda: add_reader(OSError(9, "Bad file descriptor")),
        lambda: add_reader(ValueError("[Errno 22] Invalid argument")),
    ],
    ids=["another method", "another text", "another class"],
)
def test_what_shows_none(function: Callable[[], object]) -> None:
    assert explain(raised(function), [LIMIT]) is None


def test_what_a_case_does_itself_shows_none() -> None:
    limit = replace(LIMIT, exception="AssertionError", text=None, methods=("run_until",))
    loop = asyncio.new_event_loop()
    error = raised(lambda: driving.run_until(loop, lambda: False, turns=1))
    loop.close()
    assert explain(error, [limit]) is None


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("SomeLoop.add_reader() is the one of asyncio's abstract class", True),
        ("SomeLoop.add_writer() is the one of asyncio's abstract class", False),
        ("add_reader", False),
    ],
)
def test_a_method_that_a_case_finds_missing(text: str, shows: bool) -> None:
    limit = replace(LIMIT, exception="NotImplementedError", text=None)

    def look() -> None:
        raise NotImplementedError(text)

    assert explain(raised(look), [limit]) is (limit if shows else None)


def test_what_a_case_shows_whatever_it_raises() -> None:
    limit = replace(LIMIT, id="windows-proactor-wrapped-ports")
    assert explained("sockets::port_out_of_range_is_not_wrapped[-1]", [LIMIT, limit]) is limit
    assert explained("sockets::port_out_of_range_is_not_wrapped", [LIMIT, limit]) is None
    assert explained("sockets::port_out_of_range_is_not_wrapped[-1]", [LIMIT]) is None


def test_limits_that_cases_show_exist() -> None:
    assert SHOWN_BY.keys() <= {limit.id for limit in LIMITS}


def test_what_a_limit_leaves_behind() -> None:
    lax = replace(LIMIT, leaves="wakeup fd changed")
    assert left_by("wakeup fd changed: 8", (LIMIT, lax)) is lax
    assert left_by("threads left running: x; wakeup fd changed: 8", (LIMIT, lax)) is None
    assert left_by("clean", (LIMIT, lax)) is None


def test_a_limit_excuses_only_what_it_leaves_behind() -> None:
    assert is_left_by("wakeup fd changed: 8", "windows-proactor-wakeup-fd")
    assert not is_left_by("threads left running: x", "windows-proactor-wakeup-fd")
    assert not is_left_by("wakeup fd changed: 8", "windows-proactor-readers")
    assert not is_left_by("wakeup fd changed: 8", None)


def test_patterns_of_cases_match_some(commands: Commands) -> None:
    listed = commands.run("list", "cases", "--json")
    cases = [row["case"] for row in json.loads(listed.stdout)]
    for pattern in (pattern for patterns in SHOWN_BY.values() for pattern in patterns):
        assert fnmatch.filter(cases, pattern), pattern
