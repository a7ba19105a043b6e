"""Somebody's own tests on other event loops: every asynchronous one, once per backend.

All tests of a backend run one after the other. Between two backends every fixture ends, those of the session included,
so that each is made on the backend, under the platform, that its tests run on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import pytest

from . import backends, executing, policies, spreading
from .asynchronous import asynchronous
from .explaining import explain
from .listening import logged_errors
from .plugin import LIMIT, USAGE
from .spreading import new_loop
from .staging import PLACE, stage_of
from .teaching import add_lesson

MARKER = "everyloop"

Node = pytest.Item | pytest.Collector


def _anyio(value: Any) -> Any:
    name, options = value if isinstance(value, tuple) else (value, {})
    if name != "asyncio" or options.keys().isdisjoint({"loop_factory", "use_uvloop"}):
        return value
    kept = {option: setting for option, setting in options.items() if option != "use_uvloop"}
    return name, {**kept, "loop_factory": new_loop}


CHOICES: Mapping[str, Callable[[Any], Any]] = {
    "_asyncio_loop_factory": lambda value: value and new_loop,
    "anyio_backend": _anyio,
    "event_loop_policy": lambda _: policies.current(),
}
"""Fixtures of test tools by which projects choose a loop, and what the choice is on a backend."""


class Factories:
    """The answer to pytest-asyncio, from 1.4 on, which asks for loop factories when it generates tests."""

    @pytest.hookimpl(optionalhook=True, wrapper=True, tryfirst=True)
    def pytest_asyncio_loop_factories(self, item: pytest.Item) -> Generator[None, Any, Mapping[str, Any]]:
        """Replace the factories of a project by one: each test runs once per backend, not once per factory."""
        yield
        marker = item.get_closest_marker("asyncio")
        return dict.fromkeys((marker and marker.kwargs.get("loop_factories")) or [MARKER], new_loop)


class Application:
    """The plugin that is active when tests are to run on backends."""

    NAME = "everyloop-application"

    def __init__(self, config: pytest.Config) -> None:
        self._stage = stage_of(config)
        self._usable: dict[str, None] = {}
        self._listening = contextlib.ExitStack()
        self._logged: list[BaseException] = []

    @classmethod
    def started(cls, config: pytest.Config) -> Application:
        """Make and register the plugin."""
        application = cls(config)
        config.pluginmanager.register(application, cls.NAME)
        if application._stage.names:
            config.pluginmanager.register(Factories(), f"{cls.NAME}-factories")
        return application

    def spread(self, nodes: Iterable[Node]) -> list[Node]:
        """Return tests with each asynchronous one replaced by one per backend.

        Raises:
            UsageError: a backend cannot be used.
        """
        spread: list[Node] = []
        for node in nodes:
            # A test that is named on the command line is met a second time, as what the session has collected.
            names = self._backends_of(node) if isinstance(node, pytest.Function) and PLACE not in node.stash else None
            if names is None:
                spread.append(node)
            else:
                assert isinstance(node, pytest.Function)
                spread += [spreading.on_backend(node, name) for name in names]
        return spread

    def _backends_of(self, item: pytest.Function) -> Sequence[str] | None:
        chain = ([mark for mark in node.own_markers if mark.name == MARKER] for node in reversed(item.listchain()))
        marks = next(filter(None, chain), [])
        named: dict[str, None] = {}
        for mark in reversed(marks):  # as they are written, from top to bottom
            try:
                named |= dict.fromkeys(_named_by(mark))
                self._use(named)
            except (backends.BackendError, executing.ExecutionError) as error:
                raise usage_error(item.config, f"{item.nodeid}: @pytest.mark.everyloop: {error}") from None
        if named:
            return list(named)
        if not self._stage.names or not (marks or asynchronous(item)):
            return None
        try:
            self._use(self._stage.names)
        except (backends.BackendError, executing.ExecutionError) as error:
            raise usage_error(item.config, f"--everyloop: {error}") from None
        return self._stage.names

    def _use(self, names: Iterable[str]) -> None:
        """Prove once that backends can be run on."""
        for name in names:
            if name not in self._usable:
                with executing.installed(backends.find(name)):
                    self._usable[name] = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the tests of each backend together; those that run on none come first."""
        order = {name: number for number, name in enumerate(self._usable)}
        items.sort(key=lambda item: order.get(item.stash.get(PLACE, ""), -1))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """End all fixtures after the last test of a backend: as if no other test came."""
        if nextitem is None or item.stash.get(PLACE, None) == nextitem.stash.get(PLACE, None):
            return None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Enter the test's backend, before its fixtures are made."""
        try:
            self._stage.enter(item.stash.get(PLACE, None))
        except (backends.BackendError, executing.ExecutionError) as error:
            pytest.fail(str(error), pytrace=False)
        self._listening.close()
        self._logged = self._listening.enter_context(logged_errors())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None, object, object]:
        """Leave the backend once the last fixture has ended."""
        try:
            return (yield)
        finally:
            self._listening.close()
            if nextitem is None:
                self._stage.leave()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Leave the backend of a run that was interrupted, after the fixtures that are left."""
        try:
            return (yield)
        finally:
            self._listening.close()
            self._stage.leave()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Let the backend be what a project's own fixture chooses."""
        value = yield
        choice = CHOICES.get(fixturedef.argname)
        if choice is None or self._stage.on is None or fixturedef.cached_result is None:
            return value
        value = choice(value)
        fixturedef.cached_result = (value, *fixturedef.cached_result[1:])
        return value

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a failure name the limit that it shows."""
        report = yield
        if (name := self._stage.on) is None:
            return report
        if report.failed and call.excinfo is not None:
            limits = backends.find(name).limits()
            shown = (explain(error, limits) for error in (call.excinfo.value, *self._logged))
            if (limit := next(filter(None, shown), None)) is not None:
                report.user_properties.append((LIMIT, limit.id))
                add_lesson(report, limit, item.config)
        return report


def usage_error(config: pytest.Config, text: str) -> pytest.UsageError:
    """Return an error that ends the run, also if this is a worker of pytest-xdist."""
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[USAGE] = text
    return pytest.UsageError(text)


def _named_by(mark: pytest.Mark) -> list[str]:
    """Return the backends that a marker names, with its knobs.

    Raises:
        BackendError: there is no such backend, or it has no such knob.
    """
    if not mark.args and mark.kwargs:
        raise backends.BackendError(f"{', '.join(mark.kwargs)}: a knob belongs to a backend: name one before it")
    settings = ",".join(
        f"{knob}={str(value).lower() if isinstance(value, bool) else value}" for knob, value in mark.kwargs.items()
    )
    named = [f"{name}{'@' if '@' not in str(name) else ','}{settings}" if settings else str(name) for name in mark.args]
    for name in named:
        backends.find(name)
    return named
