"""``select.kevent``: one test per fact, on the fake and on the real one."""

from __future__ import annotations

import operator
import os
from typing import Any

import pytest
from everyloop.fake_selectors.kernels.macos.kevent import CONSTANTS, Untold, event


def test_members_have_the_documented_defaults(select: Any) -> None:
    made = select.kevent(7)
    assert (made.ident, made.filter, made.flags) == (7, select.KQ_FILTER_READ, select.KQ_EV_ADD)
    assert (made.fflags, made.data, made.udata) == (0, 0, 0)


def test_members_go_by_name_too(select: Any) -> None:
    made = select.kevent(ident=1, filter=2, flags=3, fflags=4, data=5, udata=6)
    assert made == select.kevent(1, 2, 3, 4, 5, 6)


def test_an_object_with_a_descriptor_is_an_ident(select: Any) -> None:
    with open(os.devnull) as file:  # noqa: PTH123 - any object with fileno()
        assert select.kevent(file).ident == file.fileno()


@pytest.mark.parametrize("ident", ["7", 7.0, None, object()])
def test_other_objects_are_no_idents(select: Any, ident: object) -> None:
    with pytest.raises(TypeError, match=r"argument must be an int, or have a fileno\(\) method"):
        select.kevent(ident)


def test_a_negative_ident_is_refused(select: Any) -> None:
    with pytest.raises(OverflowError):
        select.kevent(-1)


@pytest.mark.parametrize(("filter_", "text"), [(0x8000, "greater than maximum"), (-0x8001, "less than minimum")])
def test_a_filter_that_does_not_fit_is_refused(select: Any, filter_: int, text: str) -> None:
    with pytest.raises(OverflowError, match=f"signed short integer is {text}"):
        select.kevent(1, filter_)


def test_flags_are_cut_to_their_width(select: Any) -> None:
    made = select.kevent(1, -1, 0x1_2345, 0x1_2345_6789)
    assert (made.flags, made.fflags) == (0x2345, 0x2345_6789)


def test_members_can_be_assigned(select: Any) -> None:
    made = select.kevent(1)
    made.ident, made.filter, made.flags, made.fflags, made.data, made.udata = 6, -5, 4, 3, -2, 1
    assert made == select.kevent(6, -5, 4, 3, -2, 1)
    with pytest.raises(TypeError):
        made.data = "1"


@pytest.mark.parametrize("member", ["ident", "filter", "flags", "fflags", "data", "udata"])
def test_members_stay_numbers(select: Any, member: str) -> None:
    made = select.kevent(1, 2, 3, 4, 5, 6)
    for huge in (2**1000, -(2**1000)):
        with pytest.raises(OverflowError):
            setattr(made, member, huge)
    with pytest.raises(TypeError, match="can't delete numeric/char attribute"):
        delattr(made, member)
    assert made == select.kevent(1, 2, 3, 4, 5, 6)


def test_assigning_cuts_and_warns(select: Any) -> None:
    made = select.kevent(1)
    with pytest.warns(RuntimeWarning, match="Truncation of value to short"):
        made.filter = 0x1_0005
    assert made.filter == 5


def test_there_are_no_other_members(select: Any) -> None:
    with pytest.raises(AttributeError):
        select.kevent(1).color = 1


def test_comparison_goes_member_by_member(select: Any) -> None:
    members = [1, -2, 3, 4, 5, 6]
    for place in range(6):
        larger = [*members]
        larger[place] += 1
        first, second = select.kevent(*members), select.kevent(*larger)
        assert first < second
        assert second > first
        assert first <= second
        assert second >= first
        assert first != second
        assert not first > second
    assert select.kevent(*members) == select.kevent(*members)


@pytest.mark.parametrize("other", [None, 1, "kevent"])
def test_other_objects_do_not_compare(select: Any, other: Any) -> None:
    made = select.kevent(1)
    assert made != other
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(TypeError):
            compare(made, other)


def test_events_have_no_hash(select: Any) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(select.kevent(1))


def test_representation(select: Any) -> None:
    made = select.kevent(7, -2, 0x11, 2, 9, 10)
    assert repr(made) == "<select.kevent ident=7 filter=-2 flags=0x11 fflags=0x2 data=0x9 udata=0xa>"
    assert (type(made).__module__, type(made).__name__) == ("select", "kevent")


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_constants(select: Any, name: str) -> None:
    assert getattr(select, name) == CONSTANTS[name]


def test_what_the_host_does_not_tell_is_not_made_up() -> None:
    made = event(7, -1, 1, Untold("the error,"), Untold("the backlog,"), 0)
    for member, text in (("fflags", "the error"), ("data", "the backlog")):
        with pytest.raises(NotImplementedError, match=rf"^select\.kevent\.{member}: {text}, is not emulated$"):
            getattr(made, member)
    assert "fflags=untold data=untold" in repr(made)
