"""The cases as pytest tests: the loop under test as fixtures, gates as skips, verdicts in the reports."""

from __future__ import annotations

import collections
import contextlib
import gc
import inspect
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from .. import conformance
from ..conformance import catalogue
from ..conformance.declare import declaration
from ..conformance.subject import Exploring, LoopFactory, Observe, Run
from . import backends, plugin
from .explaining import explain, explained
from .judging import LoopFaultError, Outcome, counts, judge
from .listening import logged_errors
from .orders import Effort

PEERS = f"{conformance.__name__}.peers"
# Assertions explain themselves only if they are rewritten, which must be asked for before the import.
pytest.register_assert_rewrite(PEERS, *(f"{conformance.__name__}.{name}" for name in catalogue.modules()))

EXPLAINABLE = frozenset({"fail", "deviation", "unsupported"})
_FINALLY = 100  # nested blocks of a case that want to wait while it is ended
OUTCOME = pytest.StashKey[Outcome]()
OBSERVED = pytest.StashKey[list[str]]()
LOGGED = pytest.StashKey[list[BaseException]]()


@dataclass(frozen=True)
class Case:
    """What the results say of a case besides its verdict."""

    id: str
    behaviour: catalogue.Behaviour


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that a test item is; None for a test that is none."""
    if not isinstance(item, pytest.Function) or (declared := declaration(item.obj)) is None:
        return None
    name = item.name
    if (callspec := getattr(item, "callspec", None)) is not None and "backend" in callspec.params:
        # Our own parameter is applied last, so it ends the id: "name[x-uvloop]" or "name[uvloop]".
        name = name.removesuffix(f"{callspec.params['backend']}]").removesuffix("-").removesuffix("[")
        name += "]" if "[" in name else ""
    return Case(f"{item.path.stem}::{name}", catalogue.behaviours()[declared.behaviour])


def explores(item: pytest.Item) -> bool:
    """Whether a test item is a property-based case."""
    return "exploring" in getattr(item, "fixturenames", ())


class Reports:
    """The plugin that shows the verdicts of cases, also those of pytest-xdist's workers."""

    NAME = "everyloop-reports"

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show the verdict where pytest would say failed; it is a failure all the same, with its explanation."""
        verdict = _verdict(report)
        if report.when != "call" or verdict in {None, "pass", "fail", "skip"}:
            return None
        return "failed" if report.failed else str(verdict), str(verdict)[0].upper(), str(verdict).upper()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Count the verdicts."""
        phases = ("setup", "call", "teardown")
        reports = [report for found in terminalreporter.stats.values() for report in found if _verdict(report)]
        reports.sort(key=lambda report: phases.index(report.when))
        last = {report.nodeid: str(_verdict(report)) for report in reports}
        if last:
            terminalreporter.write_line(f"everyloop: {counts(collections.Counter(last.values()))}")


class Suite:
    """The plugin that is active when cases are collected."""

    NAME = "everyloop-suite"

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._opened: dict[str, backends.OpenBackend] = {}
        self.explore(Effort(), lambda _: None)

    @classmethod
    def of(cls, config: pytest.Config) -> Suite:
        """Return the plugin of a pytest run that collects cases, which is made when the first are met."""
        manager = config.pluginmanager
        suite: Suite | None = manager.get_plugin(cls.NAME)
        if suite is None:
            manager.import_plugin(PEERS)
            suite = cls(backends.names(plugin.asked(config) or ""))
            manager.register(suite, cls.NAME)
        return suite

    def become(self, name: str) -> backends.OpenBackend:
        """Make `name` the one backend of a pytest run that has collected its cases already, and open it.

        Raises:
            BackendError: it cannot be opened.
        """
        self._names = (name,)
        return self._open(name)

    def explore(self, effort: Effort, executing: Callable[[str], None]) -> None:
        """Say how far the property-based cases go from now on, and who is told what they execute."""
        self._effort = effort
        self._executing = executing

    def _open(self, name: str) -> backends.OpenBackend:
        if name not in self._opened:
            self._opened[name] = backends.open_backend(backends.find(name))
        return self._opened[name]

    def _entry_of(self, item: pytest.Item) -> backends.Backend:
        callspec = getattr(item, "callspec", None)
        name = callspec.params.get("backend", self._names[0]) if callspec else self._names[0]
        try:
            return self._open(name).backend
        except backends.BackendError:  # the case's own fixtures will say so
            return backends.find(name)

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every case and every backend, if there is more than one."""
        if len(self._names) > 1 and declaration(metafunc.function) is not None:
            metafunc.fixturenames.append("backend")
            metafunc.parametrize("backend", self._names, indirect=True)

    def pytest_collection_finish(self) -> None:
        """Keep what lives as long as the run out of every search for garbage, of which cases ask for many."""
        gc.freeze()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a case whose gates do not hold, or whose behaviour is not promised here."""
        case = case_of(item)
        if case is None:
            return
        platform = self._entry_of(item).platform
        if (why := case.behaviour.why_not_here(platform)) is not None:
            pytest.skip(f"{case.behaviour.id} holds {why}")
        declared = declaration(getattr(item, "obj", None))
        for gate in declared.gates if declared else ():
            if not gate.holds_on(platform):
                pytest.skip(gate.reason)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Keep the exceptions that the loop only logs, as it does with those of callbacks."""
        with logged_errors() as item.stash[LOGGED]:
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge each phase of a case; the report carries the verdict as ``user_properties``."""
        report = yield
        case = case_of(item)
        if case is None:
            return report
        previous = item.stash.get(OUTCOME, None)
        error = call.excinfo.value if call.excinfo else None
        observed = item.stash[OBSERVED] if OBSERVED in item.stash else ()  # noqa: SIM401 - typed as its key
        outcome = judge(case.behaviour.level, call.when, error, observed, previous)
        if error is not None and outcome.verdict in EXPLAINABLE:
            limits = self._entry_of(item).limits()
            shown = (explain(raised, limits) for raised in (error, *item.stash.get(LOGGED, ())))
            found = filter(None, (explained(case.id, limits), *shown))
            outcome = replace(outcome, limit=next((limit.id for limit in found), None))
        item.stash[OUTCOME] = outcome
        report.user_properties.append(("everyloop", outcome.verdict))
        if outcome.verdict in {"info", "skip"} and report.failed and call.when == "call":
            report.outcome = "passed"  # informational: recorded, never failed
            report.longrepr = None
        return report

    @pytest.fixture
    def backend(self, request: pytest.FixtureRequest) -> backends.OpenBackend:
        """The backend under test."""
        try:
            return self._open(getattr(request, "param", self._names[0]))
        except backends.BackendError as error:
            raise LoopFaultError(str(error)) from error

    @pytest.fixture
    def new_loop(self, backend: backends.OpenBackend) -> Iterator[LoopFactory]:
        """Make a loop of the kind under test; it is closed after the case."""
        factory = backend.new_loop
        if factory is None:
            pytest.skip(f"{backend.backend.name} hands out no stopped loop")
        with contextlib.ExitStack() as stack:

            def make() -> object:
                try:
                    loop = factory()
                except Exception as error:
                    raise LoopFaultError(f"making a loop raised {error!r}") from error
                stack.callback(_close, _reference(loop))
                return loop

            yield make  # type: ignore[misc]

    @pytest.fixture
    def loop(self, new_loop: LoopFactory) -> object:
        """A fresh loop, not running."""
        return new_loop()

    @pytest.fixture
    def run(self, backend: backends.OpenBackend, request: pytest.FixtureRequest) -> Run:
        """Run an async function on the loop under test."""
        if backend.run is not None:
            return backend.run
        loop = request.getfixturevalue("loop")

        def run_on_the_loop(main):  # type: ignore[no-untyped-def]
            coroutine = main()
            try:
                return loop.run_until_complete(coroutine)
            finally:
                _unwind(coroutine)

        return run_on_the_loop

    @pytest.fixture
    def exploring(self, backend: backends.OpenBackend) -> Exploring:
        """What property-based cases need, and how far they go."""
        return Exploring(
            run=backend.run or _on_fresh_loops(backend),
            backend=backend.backend.name,
            factory=backend.backend.source(),
            seconds=self._effort.seconds,
            seed=self._effort.seed,
            executing=self._executing,
        )

    @pytest.fixture
    def platform(self, backend: backends.OpenBackend) -> str:
        """The value of :data:`sys.platform` that belongs to the kernel under the loop."""
        return backend.backend.platform

    @pytest.fixture
    def observe(self, request: pytest.FixtureRequest) -> Observe:
        """Record what an informational case saw."""
        seen: list[str] = []
        request.node.stash[OBSERVED] = seen
        return seen.append


def _on_fresh_loops(backend: backends.OpenBackend) -> Run:
    def run(main):  # type: ignore[no-untyped-def]
        assert backend.new_loop is not None
        loop = backend.new_loop()
        coroutine = main()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            _unwind(coroutine)
            loop.close()

    return run


def _verdict(report: object) -> object:
    """What makereport noted, here or in a worker of pytest-xdist."""
    return dict(getattr(report, "user_properties", ())).get("everyloop")


def _unwind(coroutine: Coroutine[Any, Any, Any]) -> None:
    """End a case that its loop abandoned half-way: what it opened is not the loop's to close."""
    for _ in range(_FINALLY):
        if inspect.getcoroutinestate(coroutine) != inspect.CORO_SUSPENDED:
            return
        # It may wait for something in its `finally`, which is refused, and may fail there without its loop.
        with contextlib.suppress(Exception):
            coroutine.close()


def _reference(loop: object) -> Callable[[], object]:
    """Refer to a loop weakly, if that is possible: some cases let it die."""
    try:
        return weakref.ref(loop)
    except TypeError:
        return lambda: loop


def _close(reference: Callable[[], Any]) -> None:
    loop = reference()
    try:
        if loop is not None and not loop.is_closed():
            loop.close()
    except Exception as error:
        raise LoopFaultError(f"loop.close() raised {error!r}") from error
