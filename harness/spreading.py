"""Tests, once per backend."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest import python
from _pytest.unittest import TestCaseFunction

from .staging import PLACE

_CallSpec: Any = getattr(python, "CallSpec", None) or getattr(python, "CallSpec2")  # noqa: B009 - its name up to pytest 9.1


def new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop of the backend of the moment, where a test asks for a factory of its own."""
    return asyncio.new_event_loop()


def on_backend(item: pytest.Function, name: str) -> pytest.Function:
    """Return a test like another that runs on a backend, with the backend at the end of its id."""
    callspec = getattr(item, "callspec", None) or _CallSpec()
    callspec = dataclasses.replace(callspec, _idlist=[*callspec._idlist, name])  # noqa: SLF001
    kind = _of_unittest(type(item)) if isinstance(item, TestCaseFunction) else type(item)
    spread: pytest.Function = kind.from_parent(
        item.parent,
        name=f"{item.originalname}[{callspec.id}]",
        callspec=callspec,
        fixtureinfo=item._fixtureinfo,  # noqa: SLF001
        keywords=item.keywords,
        originalname=item.originalname,
    )
    spread.own_markers[:] = item.own_markers
    spread.stash[PLACE] = name
    return spread


@functools.cache
def _of_unittest(kind: type[Any]) -> type[pytest.Function]:
    """Return a kind of test that keeps its name to itself where unittest wants that of a method."""

    class Spread(kind):  # type: ignore[misc]
        name: str
        originalname: str

        @contextlib.contextmanager
        def _as_written(self) -> Iterator[None]:
            shown, self.name = self.name, self.originalname
            try:
                yield
            finally:
                self.name = shown

        def _getinstance(self) -> object:
            with self._as_written():
                instance = super()._getinstance()
            if getattr(instance, "loop_factory", None) is not None:  # since 3.13
                instance.loop_factory = new_loop
            return instance

        def runtest(self) -> None:
            with self._as_written():
                super().runtest()

    Spread.__name__ = Spread.__qualname__ = kind.__name__  # as `--collect-only` shows it
    return Spread
