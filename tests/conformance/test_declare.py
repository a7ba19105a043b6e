"""How a case says what it shows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from everyloop.conformance.declare import declaration, shows
from everyloop.conformance.gates import LINUX, POSIX


def on_asyncio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(main())


def test_a_case_carries_its_behaviour_and_its_gates() -> None:
    @shows("FD-03", POSIX, LINUX)
    def case() -> None: ...

    declared = declaration(case)
    assert declared is not None
    assert declared.behaviour == "FD-03"
    assert declared.gates == (POSIX, LINUX)


@pytest.mark.parametrize("thing", [None, 3, "shows", len, test_a_case_carries_its_behaviour_and_its_gates, pytest])
def test_what_declares_nothing_is_no_case(thing: object) -> None:
    assert declaration(thing) is None


def test_an_attribute_of_that_name_that_is_something_else_is_no_declaration() -> None:
    class AnswersAnything:
        def __getattr__(self, name: str) -> str:
            return name

    assert declaration(AnswersAnything()) is None


def test_a_plain_case_is_left_as_it_is() -> None:
    def case(loop: object) -> object:
        return loop

    assert shows("FD-01")(case) is case
    assert case("the loop") == "the loop"


def test_an_async_case_asks_for_run_and_runs_on_it() -> None:
    seen = []

    @shows("FD-01")
    async def case(tmp_path: str, *, other: int = 3) -> None:
        """What it shows."""
        seen.append((tmp_path, other, asyncio.get_running_loop().is_running()))

    assert not inspect.iscoroutinefunction(case)
    assert list(inspect.signature(case).parameters) == ["tmp_path", "other", "run"]
    assert (case.__name__, case.__doc__) == ("case", "What it shows.")
    runnable: Any = case
    runnable(run=on_asyncio, tmp_path="folder", other=4)
    assert seen == [("folder", 4, True)]


def test_what_an_async_case_raises_comes_out() -> None:
    @shows("FD-01")
    async def case() -> None:
        raise LookupError("wanted")

    runnable: Any = case
    with pytest.raises(LookupError, match="wanted"):
        runnable(run=on_asyncio)


def test_marks_of_an_async_case_are_kept() -> None:
    @shows("FD-01")
    @pytest.mark.parametrize("size", [1, 2])
    async def case(size: int) -> None: ...

    (mark,) = case.pytestmark  # type: ignore[attr-defined]
    assert mark.args == ("size", [1, 2])
