"""How pytest finds the cases: by the catalogue, and under their canonical module names.

pytest derives a module's name from its path, which would import ``conformance/readers.py`` of an editable install a
second time under another name. These collectors import ``everyloop.conformance.readers`` instead, in every import
mode, and take every function that declares a behaviour, whatever its name.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from .. import conformance
from ..conformance import catalogue
from ..conformance.declare import declaration
from . import plugin


def conformance_folder(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return the collector of the cases if `path` is the installed package, else None."""
    if not any(path.samefile(place) for place in conformance.__path__):
        return None
    folder: pytest.Collector = ConformanceFolder.from_parent(parent, path=path)
    return folder


class ConformanceFolder(pytest.Directory):
    """The folder of the case modules, in the order of the catalogue."""

    def collect(self) -> Iterable[pytest.Collector]:
        """Yield a collector for each area that has cases."""
        # Not when the folder is found: pytest looks at every folder beside one that it was asked for.
        if plugin.asked(self.config) is None:
            raise self.CollectError(
                "name the event loop to test: pytest --pyargs everyloop.conformance --everyloop uvloop"
            )
        suite = importlib.import_module(f"{__package__}.suite")
        suite.Suite.of(self.config)
        for area in catalogue.areas():
            path = self.path / f"{area.module}.py"
            if path.exists():
                yield CaseModule.from_parent(self, path=path)


class CaseModule(pytest.Module):
    """A module of cases.

    Attributes:
        everyloop_cases: tells the plugin that what is collected here chooses its loop itself.
    """

    everyloop_cases = True

    def _getobj(self) -> ModuleType:
        return importlib.import_module(f"{conformance.__name__}.{self.path.stem}")

    def istestfunction(self, obj: object, _name: str) -> bool:
        """Whether the function is a case: it is one by its declaration, not by its name."""
        return declaration(obj) is not None

    def istestclass(self, _obj: object, _name: str) -> bool:
        """Cases are functions: no class is collected."""
        return False
