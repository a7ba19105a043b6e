"""CPython's own modules, executed again over the modules of another kernel.

``selectors``, ``asyncio.selector_events``, ``asyncio.windows_events`` and their like are Python code that decides at
import time what it runs on: ``sys.platform``, ``hasattr(select, "kqueue")``, ``import msvcrt``. A :class:`Library`
executes the very same code of the running interpreter once more, and answers those questions for another platform.
Nothing of the process changes: the names of the second copy live in the library, not in :data:`sys.modules`.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any


class Library:
    """Modules of the standard library as they are on another platform.

    A module is looked up in three places: the fake modules, the modules that are executed again, the process's own.

    Args:
        fakes: the modules of the fake kernel, by name.
        again: names of the modules of the running Python that are executed again, each at its first import.
        names: for a module that is executed again, names that shall hide the builtins of the same name in it.
    """

    def __init__(
        self,
        fakes: Mapping[str, ModuleType],
        again: Collection[str],
        names: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        self._modules = dict(fakes)
        self._again = frozenset(again)
        self._names = dict(names or {})
        self._lock = threading.RLock()
        self._packages: dict[str, _Package] = {}

    def load(self, name: str) -> ModuleType:
        """Return a module as the platform has it.

        Raises:
            ModuleNotFoundError: neither the platform nor this Python has it.
        """
        if (module := self._modules.get(name)) is not None:
            return module
        if name not in self._again:
            return importlib.import_module(name)
        with self._lock:
            if (module := self._modules.get(name)) is None:
                module = self._execute(name)
            return module

    def has(self, name: str) -> bool:
        """Whether the platform has a module of its own by that name."""
        return name in self._modules or name in self._again

    def _execute(self, name: str) -> ModuleType:
        spec, code = _source(name)
        module = ModuleType(name)
        # The genuine spec: tracebacks, warnings and inspection find the genuine file.
        module.__dict__.update(__spec__=spec, __loader__=spec.loader, __file__=spec.origin, __package__=spec.parent)
        module.__dict__["__builtins__"] = {
            **builtins.__dict__,
            **self._names.get(name, {}),
            "__import__": self._import,
        }
        self._modules[name] = module  # as importlib does: modules may import each other
        try:
            exec(code, module.__dict__)
        except BaseException:
            del self._modules[name]
            raise
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the names of builtins.__import__
        locals: Mapping[str, object] | None = None,  # noqa: A002, ARG002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Stand for :func:`builtins.__import__` in the modules that are executed again."""
        if level:
            package = str((globals or {})["__package__"])
            name = importlib.util.resolve_name("." * level + name, package)
        if fromlist:
            return self.load(name) if self.has(name) else self._package(name)
        if "." in name:
            self.load(name)
            return self._package(name.partition(".")[0])
        return self.load(name)

    def _package(self, name: str) -> ModuleType:
        """Return a module of this process; if the platform has modules of its own in it, a view that shows those."""
        module = importlib.import_module(name)
        inside = f"{name}."
        if not any(own.startswith(inside) for own in (*self._modules, *self._again)):
            return module
        with self._lock:
            if name not in self._packages:
                self._packages[name] = _Package(self, module)
            return self._packages[name]


class _Package(ModuleType):
    """A package of this process in which the platform's own modules hide this process's."""

    def __init__(self, library: Library, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_library=library, _real=real, __path__=real.__path__)

    def __getattr__(self, name: str) -> Any:
        full = f"{self.__name__}.{name}"
        if self._library.has(full):
            return self._library.load(full)
        try:
            return getattr(self._real, name)
        except AttributeError:
            if importlib.util.find_spec(full) is None:
                raise
            return importlib.import_module(full)


@functools.cache
def _source(name: str) -> tuple[ModuleSpec, CodeType]:
    """Return where a module of the running Python comes from, and its code, from source or from ``.pyc``."""
    # Not find_spec(): the module may have been replaced in sys.modules, and its parent is imported either way.
    parent, _, _ = name.rpartition(".")
    path = importlib.import_module(parent).__path__ if parent else None
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "get_code"):
            code = spec.loader.get_code(name)
            if code is not None:
                return spec, code
    raise ModuleNotFoundError(f"this Python has no code for the module {name!r}", name=name)
