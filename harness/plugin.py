"""The pytest plugin: everyloop's options, and what is behind them once somebody uses them.

pytest imports this module in every environment everyloop is installed in, so it only defines the options; all else is
imported when an option is used, a test has the marker, or a case module is collected.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .backends import Backend

VARIABLE = "EVERYLOOP"
"""The environment variable that stands for the option ``--everyloop``."""
LIMIT = "everyloop_limit"
"""The property of a report that names the limit that the failure shows."""
USAGE = "everyloop_usage"
"""What a worker of pytest-xdist says that cannot do what it is asked for."""
_MARKER = (
    "everyloop(*backends, **knobs): run this test on these event loops, with these knobs of the emulated platforms; "
    "without arguments: on those that --everyloop names, although the test does not look asynchronous"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--everyloop``, and what goes with it."""
    group = parser.getgroup("everyloop", "event loops (everyloop)")
    group.addoption(
        "--everyloop",
        metavar="BACKEND[,BACKEND]",
        help="run every asynchronous test on these event loops, as in\n"
        "`pytest --everyloop windows-selector,uvloop`, or the cases of everyloop.conformance, as in\n"
        "`pytest --pyargs everyloop.conformance --everyloop uvloop`; \n"
        "`everyloop list backends` shows their names; package.module:factory works too",
    )
    group.addoption(
        "--everyloop-impersonate",
        metavar="PACKAGE",
        action="append",
        help="let this package see the emulated platform: sys.platform, os.name, missing names (repeatable)",
    )
    group.addoption(
        "--everyloop-audit",
        metavar="REPORT",
        nargs="?",
        const="",
        help="record what the tests ask of their event loops, and tell which loops and platforms that would run on;\n"
        "also into a report, as in `pytest --everyloop-audit=report.json` (or report.sarif)",
    )
    parser.addini("everyloop", f"default of --everyloop; the environment variable {VARIABLE} comes before it", "string")
    parser.addini("everyloop_impersonate", "default of --everyloop-impersonate, a package a line", "linelist")


def asked(config: pytest.Config) -> str | None:
    """Return the backends that a pytest run is asked for; None if it is not asked."""
    text: str | None = _option(config, "everyloop")
    if text is None:
        text = os.environ.get(VARIABLE) or config.getini("everyloop") or None
    return text


def _option(config: pytest.Config, name: str) -> Any:
    # Before the initial conftests are loaded, only what is known so far has been parsed.
    return getattr(config.option, name, None) or getattr(config.known_args_namespace, name, None)


def impersonated(config: pytest.Config) -> tuple[str, ...]:
    """Return the packages that shall see the emulated platform."""
    return tuple(_option(config, "everyloop_impersonate") or config.getini("everyloop_impersonate"))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Let packages see the platform from their import on, where that is possible."""
    if asked(early_config) is not None and impersonated(early_config):
        _load("staging").stage_of(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Look at the names of the backends, and bring in the reports of the cases."""
    config.addinivalue_line("markers", _MARKER)
    if (report := config.getoption("everyloop_audit")) is not None:
        _load("audit.plugin").start(config, report)
    if asked(config) is not None:
        _load("staging").stage_of(config)
        suite = _load("suite")
        config.pluginmanager.register(suite.Reports(), suite.Reports.NAME)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is under test."""
    header: str | None = None if asked(config) is None else _load("staging").stage_of(config).header()
    return header


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the folder of the cases by the catalogue instead of by file-name patterns."""
    if path.name != "conformance" or not (path / "catalogue").is_dir():
        return None
    found: pytest.Collector | None = _load("collection").conformance_folder(path, parent)
    return found


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Make a test of every asynchronous test and every backend."""
    ours = getattr(collector, "everyloop_cases", False)
    wanted = not ours and asked(collector.config) is not None
    if wanted:
        _application(collector.config)  # before tests are generated: pytest-asyncio asks for loop factories then
    report = yield
    if wanted or (not ours and _is_marked(report.result)):
        report.result = _application(collector.config).spread(report.result)
    return report


def _is_marked(nodes: Sequence[pytest.Item | pytest.Collector]) -> bool:
    return any(
        "everyloop" in node.keywords and node.get_closest_marker("everyloop") is not None
        for node in nodes
        if isinstance(node, pytest.Item)
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the limits that tests failed of."""
    reports = [report for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
    if any(name == LIMIT for report in reports for name, _ in getattr(report, "user_properties", ())):
        _load("teaching").summarise(terminalreporter, reports)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """End a run whose workers cannot do what they are asked for; pytest-xdist would say nothing."""
    if (text := getattr(node, "workeroutput", {}).get(USAGE)) is not None:
        raise pytest.UsageError(text)


@pytest.fixture
def everyloop(request: pytest.FixtureRequest) -> Backend:
    """The backend that the test runs on: its name, its platform, its limits."""
    backend: Backend = _load("staging").backend_of(request.node)
    return backend


def _application(config: pytest.Config) -> Any:
    application = _load("application").Application
    return config.pluginmanager.get_plugin(application.NAME) or application.started(config)


def _load(module: str) -> Any:
    return importlib.import_module(f"{__package__}.{module}")
