"""CPython's own tests, each of its classes executed again over every platform it is about.

A test's name here: suite, module, class, and method.
"""

from __future__ import annotations

import faulthandler
import unittest
from collections.abc import Iterator

import pytest

from .suites import SUITES, Suite, failures

PATIENCE = 120.0
"""Seconds that a test may take before the run is ended, with the stacks of all threads."""

# What CPython's tests warn of is CPython's business.
pytestmark = [pytest.mark.filterwarnings("ignore")]

KNOWN: set[str] = set()


def over(suite: Suite, genuine: type[unittest.TestCase], name: str) -> type[unittest.TestCase]:
    """Make the class that pytest collects: CPython's, with the platform installed while it runs."""

    class Over(genuine):  # type: ignore[misc, valid-type] # a class that is known at run time
        @classmethod
        def setUpClass(cls) -> None:
            cls.enterClassContext(suite.installed())
            super().setUpClass()

    Over.__module__ = genuine.__module__
    for method in unittest.defaultTestLoader.getTestCaseNames(genuine):
        KNOWN.add(f"{name}.{method}")
        if failure := failures().get(f"{name}.{method}"):
            expected = pytest.mark.xfail(reason=failure.reason, strict=True)
            setattr(Over, method, expected(_calling(method)))
    return Over


def _calling(method: str) -> object:
    def test(self: unittest.TestCase) -> object:
        return getattr(super(type(self), self), method)()

    return test


for _name, _suite in SUITES.items():
    for _class, _genuine in _suite.load().items():
        globals()[f"{_name}.{_class}"] = over(_suite, _genuine, f"{_name}.{_class}")
del _genuine


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """End a test that hangs, with its stacks on the standard error of the run."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True, file=2)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", [name for name, suite in SUITES.items() if suite.platform])
def test_the_tests_see_the_platform(name: str) -> None:
    platform = SUITES[name].platform
    assert platform is not None
    tests = next(tests for known, tests in globals().items() if known.startswith(f"{name}.test_asyncio."))
    seen = tests.create_event_loop.__globals__
    assert seen["asyncio"].SelectorEventLoop is platform.module("asyncio").SelectorEventLoop
    assert seen["sys"].platform == platform.sys_platform
    assert seen["test_utils"].selectors is platform.module("selectors")


def test_what_is_expected_to_fail_exists() -> None:
    assert failures().keys() <= KNOWN
