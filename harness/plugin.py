"""The pytest plugin: everyloop's options, and the cases when somebody asks for them.

pytest imports this module in every environment everyloop is installed in, so it only defines the option; all else
is imported when the option is used or a case module is collected.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_SUITE = f"{__package__}.suite"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--everyloop``."""
    group = parser.getgroup("everyloop", "event loops (everyloop)")
    group.addoption(
        "--everyloop",
        metavar="BACKEND[,BACKEND]",
        help="run the cases of everyloop.conformance on these event loops, as in\n"
        "`pytest --pyargs everyloop.conformance --everyloop uvloop`; \n"
        "`everyloop list backends` shows their names; package.module:factory works too",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring in the suite's fixtures and reports if a backend is named."""
    if config.getoption("everyloop") is not None:
        suite = importlib.import_module(_SUITE)
        config.pluginmanager.register(suite.Suite.of(config), suite.Suite.NAME)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the folder of the cases by the catalogue instead of by file-name patterns."""
    if path.name != "conformance" or not (path / "catalogue").is_dir():
        return None
    collection = importlib.import_module(f"{__package__}.collection")
    found: pytest.Collector | None = collection.conformance_folder(path, parent)
    return found
