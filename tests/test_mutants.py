"""The mutants are what they say, and the runner tells a broken loop from a sound one."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
from everyloop.conformance import catalogue

from .conftest import Command
from .mutants import runner
from .mutants.declare import Mutant

if sys.platform == "win32":
    pytest.skip("the mutants break what POSIX has: forks, Unix sockets, signals", allow_module_level=True)

MUTANTS = runner.mutants()
SOUND = [
    Mutant("tests.mutants.stepwise:Stepwise", ("DBG",), "none", ""),
    Mutant("tests.mutants.readers:Uncancelling", ("FD",), "none", ""),
]
"""What mutants are made of, whole."""


def test_there_are_a_hundred() -> None:
    assert len(MUTANTS) >= 100
    assert len({mutant.backend for mutant in MUTANTS}) == len(MUTANTS)
    assert len({(mutant.areas, mutant.bug) for mutant in MUTANTS}) == len(MUTANTS)


def test_their_areas_exist() -> None:
    assert {area for mutant in MUTANTS for area in mutant.areas} <= {area.code for area in catalogue.areas()}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.backend)
def test_a_mutant_says_what_is_wrong_with_it_and_why_one_may_expect_otherwise(mutant: Mutant) -> None:
    assert mutant.areas
    assert mutant.bug == mutant.bug.strip().rstrip(".")
    assert len(mutant.bug.split()) > 1
    assert mutant.source in catalogue.behaviours() or re.fullmatch(r"https://\S+|[a-z]+(#|, )\S.*", mutant.source)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.backend)
def test_a_mutant_can_be_made(mutant: Mutant) -> None:
    module, _, name = mutant.backend.partition(":")
    loop = getattr(importlib.import_module(module), name)()
    try:
        assert not loop.is_running()
        assert not loop.is_closed()
    finally:
        loop.close()


@pytest.mark.once
def test_a_sound_loop_survives() -> None:
    outcomes = list(runner.judge(SOUND, timeout=30, keyword="debug or replace"))
    assert [(outcome.mutant, outcome.evidence) for outcome in outcomes] == [(mutant, ()) for mutant in SOUND]


@pytest.mark.once
def test_a_broken_loop_is_caught(python: Command, root: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = python("-m", "tests.mutants", "surface:CallsLaterWithoutContext", "--json", found, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "1 mutants: 1 caught, 0 survived" in done.stdout
    (entry,) = json.loads(found.read_text())
    assert entry["caught"]
    assert {"case": "surface::loop_callback_method_accepts_context[call_later]"}.items() <= entry["by"][0].items()


@pytest.mark.once
def test_a_survivor_is_named(python: Command, root: Path) -> None:
    """Without a case that looks there, even a broken loop survives."""
    script = """
import sys
from tests.mutants import __main__, runner
judge = runner.judge
runner.judge = lambda chosen, **options: judge(chosen, keyword="loop_method_is_present", **options)
sys.argv[1:] = ["surface:CallsLaterWithoutContext"]
__main__.main()
"""
    done = python("-c", script, cwd=root)
    assert done.returncode == 1, done.stderr
    assert "SURVIVED surface:CallsLaterWithoutContext [API]: call_later() takes no context" in done.stdout


@pytest.mark.once
def test_an_unknown_name_is_a_usage_error(python: Command, root: Path) -> None:
    done = python("-m", "tests.mutants", "nobody", cwd=root)
    assert done.returncode == 2
    assert "there is no mutant 'nobody'" in done.stderr
