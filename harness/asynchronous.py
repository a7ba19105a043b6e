"""Which tests start an event loop: told from their code, before anything is executed.

A test is asynchronous if

* it, or a fixture that it uses, is ``async``, also below decorators;
* it belongs to a class that gives every test a loop, as `unittest.IsolatedAsyncioTestCase` does;
* it wants the fixture ``everyloop``;
* its code starts or makes a loop itself, by a name in `STARTERS`; as its own code count the fixtures that it uses and
  the functions, methods and classes beside it, in the same file.

What a test starts in some other file nobody can know in advance. Such tests have the marker.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest

CLASSES = ("tornado.testing.AsyncTestCase", "unittest.async_case.IsolatedAsyncioTestCase")
"""Test classes whose tests run on a loop, whatever they look like."""
LIBRARIES = frozenset({"anyio", "asyncio", "uvloop"})
RUNNERS = frozenset({"Runner", "run"})
"""Names that start a loop if they are a library's."""
STARTERS = frozenset(
    {
        "TestClient",  # of Starlette and FastAPI; that of aiohttp is asynchronous anyhow
        "async_to_sync",  # of asgiref
        "get_event_loop",
        "loop_context",  # of aiohttp
        "new_event_loop",
        "run_forever",
        "run_sync",  # of tornado
        "run_until_complete",
        "setup_test_loop",  # of aiohttp
        "start_blocking_portal",  # of anyio
    }
)
"""Names that start or make a loop wherever they come from."""
_SETTING_UP = ("setUp", "setUpClass", "setup_class", "setup_method", "tearDown", "tearDownClass")


def asynchronous(item: pytest.Function) -> bool:
    """Whether a test starts an event loop of asyncio, as far as can be told."""
    if item.get_closest_marker("trio") is not None or _runs_on_trio(item):
        return False
    if item.cls is not None and any(f"{kind.__module__}.{kind.__qualname__}" in CLASSES for kind in item.cls.__mro__):
        return True
    if "everyloop" in item.fixturenames:
        return True
    fixtures = [found[-1].func for found in item._fixtureinfo.name2fixturedefs.values() if found]  # noqa: SLF001
    own = [getattr(item.cls, name, None) for name in _SETTING_UP]
    return any(_is_async(function) or _starts(function, item.cls) for function in (item.obj, *fixtures, *own))


def _runs_on_trio(item: pytest.Function) -> bool:
    callspec = getattr(item, "callspec", None)
    chosen = callspec.params.get("anyio_backend", "asyncio") if callspec else "asyncio"
    return (chosen[0] if isinstance(chosen, tuple) else chosen) != "asyncio"


def _layers(function: Any) -> Iterator[Any]:
    """Yield a function and what it wraps."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        yield function
        inner = getattr(getattr(function, "hypothesis", None), "inner_test", None)
        if isinstance(function, functools.partial):
            inner = function.func
        function = inner or getattr(function, "__wrapped__", None)


def _is_async(function: object) -> bool:
    return any(inspect.iscoroutinefunction(layer) or inspect.isasyncgenfunction(layer) for layer in _layers(function))


def _starts(function: object, cls: type | None) -> bool:
    pending = [layer for layer in map(_plain, _layers(function)) if layer is not None]
    seen: set[CodeType] = set()
    while pending:
        one = pending.pop()
        if one.__code__ in seen:
            continue
        seen.add(one.__code__)
        names = _names(one.__code__)
        if not names.isdisjoint(STARTERS) or any(_starts_by_name(name, names, one.__globals__) for name in names):
            return True
        for name in names:
            pending += _beside(one, name, cls)
    return False


def _starts_by_name(name: str, names: frozenset[str], where: dict[str, Any]) -> bool:
    """Whether a name is ``asyncio.run``, or an object of a class that is in `STARTERS`."""
    if name in RUNNERS and not names.isdisjoint(LIBRARIES):
        return True
    value = where.get(name)
    if getattr(value, "__name__", None) in RUNNERS and _library(value) in LIBRARIES:
        return True  # under whatever name it was imported
    return type(value).__name__ in STARTERS


def _library(value: object) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]


def _beside(function: FunctionType, name: str, cls: type | None) -> Iterator[FunctionType]:
    """Yield the functions in the same file that a name may mean."""
    where = function.__globals__
    value = where.get(name)
    found = [value, getattr(cls, name, None)]
    if isinstance(value, type) and value.__module__ == function.__module__:
        found += vars(value).values()
    for one in map(_plain, found):
        if one is not None and one.__globals__ is where:
            yield one


def _plain(value: object) -> FunctionType | None:
    value = getattr(value, "__func__", value)  # of a method
    return value if isinstance(value, FunctionType) else None


@functools.cache
def _names(code: CodeType) -> frozenset[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*map(_names, inner))
