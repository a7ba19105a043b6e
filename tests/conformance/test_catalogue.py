"""The catalogue is whole, in order and well-formed, and the areas that are done have a case for everything."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from everyloop.conformance import catalogue
from everyloop.conformance.catalogue import Behaviour

from ..conftest import Command

SIZES = {
    "API": 6, "CAN": 4, "DBG": 6, "DNS": 10, "EXC": 10, "EXE": 12, "FD": 35, "FRK": 7, "GC": 13, "LIF": 15, "PIP": 18,
    "SCH": 57, "SIG": 18, "SNF": 12, "SOCK": 23, "SRV": 29, "STR": 10, "SUB": 35, "TCP": 69, "THR": 15, "TLS": 38,
    "TSK": 16, "UDP": 24, "UNX": 16,
}  # fmt: skip
DONE = (
    "SCH", "THR", "FD", "SOCK", "PIP", "SUB", "API", "LIF", "UDP", "SRV", "SIG", "EXC", "TCP",
    "SNF", "DBG", "TSK", "DNS", "STR", "UNX", "EXE", "FRK", "TLS", "GC", "CAN",
)  # fmt: skip
WITHOUT_CASE = {"TLS-14": "the ssl module offers no way to start a renegotiation"}
"""Behaviours of areas that are done which no case shows, each with the reason."""

EXAMPLE = Behaviour("XX-01", "XX", "must", "It works.", "https://example.org")
VERSION = "{}.{}".format(*sys.version_info[:2])


def test_the_catalogue_is_as_large_as_its_areas() -> None:
    assert len(catalogue.behaviours()) == sum(SIZES.values())
    assert {area.code: len(area.behaviours) for area in catalogue.areas()} == SIZES


def test_ids_are_unique_and_in_order() -> None:
    for area in catalogue.areas():
        numbered = [f"{area.code}-{number:02}" for number in range(1, len(area.behaviours) + 1)]
        assert [behaviour.id for behaviour in area.behaviours] == numbered
        assert {behaviour.area for behaviour in area.behaviours} == {area.code}


def test_areas_are_in_order_and_have_a_module_each() -> None:
    areas = catalogue.areas()
    assert [area.code for area in areas] == sorted(SIZES)
    assert len({area.module for area in areas}) == len({area.title for area in areas}) == len(areas)
    assert catalogue.modules() == {area.module for area in areas}
    assert all(area.module.isidentifier() for area in areas)


@pytest.mark.parametrize("behaviour", catalogue.behaviours().values(), ids=lambda behaviour: behaviour.id)
def test_every_behaviour_is_well_formed(behaviour: Behaviour) -> None:
    assert behaviour.level in catalogue.LEVELS
    statement = behaviour.statement
    assert statement == statement.strip()
    assert statement.endswith(".")
    assert not re.search(r"[.!?]\s+[A-Z]|\n", statement), "more than one sentence"
    assert 25 <= len(statement) <= 400
    source = urlsplit(behaviour.source)
    assert (source.scheme, source.hostname is not None, " " in behaviour.source) == ("https", True, False)
    for version in filter(None, (behaviour.since, behaviour.until)):
        assert re.fullmatch(r"3\.\d+", version)
    assert behaviour.platforms is None or set(behaviour.platforms) <= {"linux", "darwin", "win32", "aix", "freebsd"}
    assert behaviour.platforms != ()


def test_no_statement_stands_twice() -> None:
    counted = Counter(behaviour.statement.lower() for behaviour in catalogue.behaviours().values())
    assert [statement for statement, count in counted.items() if count > 1] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"since": VERSION, "until": VERSION, "platforms": (sys.platform,)}, None),
        ({"since": "3.99"}, "since Python 3.99"),
        ({"until": "3.9"}, "until Python 3.9"),
        ({"platforms": ("plan9", "vms")}, "only on plan9, vms"),
    ],
)
def test_a_behaviour_says_why_it_is_not_promised_here(changes: dict[str, Any], reason: str | None) -> None:
    assert replace(EXAMPLE, **changes).why_not_here() == reason


@pytest.fixture(scope="module")
def collected() -> dict[str, list[dict[str, str]]]:
    """The cases as the tests of this module ask for them, by how workers were started."""
    return {}


@pytest.fixture
def cases(cli: Command, collected: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    return collect(cli, collected, "fork")


def collect(cli: Command, kept: dict[str, list[dict[str, str]]], start: str) -> list[dict[str, str]]:
    if start not in kept:
        done = cli("list", "cases", "--json", env={"EVERYLOOP_START_METHOD": start})
        assert done.returncode == 0, done.stderr
        kept[start] = json.loads(done.stdout)
    return kept[start]


def test_cases_are_the_same_in_every_collection(
    cli: Command, collected: dict[str, list[dict[str, str]]], cases: list[dict[str, str]]
) -> None:
    assert collect(cli, collected, "spawn") == cases


def test_case_ids_are_unique_and_stable(cases: list[dict[str, str]]) -> None:
    assert [case for case, count in Counter(case["case"] for case in cases).items() if count > 1] == []
    for case in cases:
        assert re.fullmatch(r"\w+::\w+(\[[ -~]+\])?", case["case"])
        assert not re.search(r"0x[0-9a-f]{6,}", case["case"]), "an address is in the id"


def test_every_case_shows_a_behaviour_of_its_own_area(cases: list[dict[str, str]]) -> None:
    modules = {area.code: area.module for area in catalogue.areas()}
    for case in cases:
        behaviour = catalogue.behaviours()[case["behaviour"]]
        assert case == {
            "case": case["case"],
            "behaviour": behaviour.id,
            "area": behaviour.area,
            "level": behaviour.level,
        }
        assert case["case"].split("::")[0] == modules[behaviour.area]


def test_cases_are_in_the_order_of_the_catalogue(cases: list[dict[str, str]]) -> None:
    order = [area.code for area in catalogue.areas()]
    areas = list(dict.fromkeys(case["area"] for case in cases))
    assert areas == sorted(areas, key=order.index)


@pytest.mark.parametrize("area", DONE)
def test_every_behaviour_of_an_area_that_is_done_has_a_case(area: str, cases: list[dict[str, str]]) -> None:
    shown = {case["behaviour"] for case in cases}
    lacking = [name for name, behaviour in catalogue.behaviours().items() if behaviour.area == area]
    lacking = [name for name in lacking if name not in shown]
    assert lacking == [name for name in WITHOUT_CASE if name.startswith(f"{area}-")]


def test_levels_are_in_order_of_weight() -> None:
    assert cast("tuple[str, ...]", catalogue.LEVELS) == ("must", "should", "info")
