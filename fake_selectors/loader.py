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
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from . import enums


class Library:
    """Modules of the standard library as they are on another platform.

    A module is looked up in three places: the fake modules, the modules that are executed again, the process's own.
    Imports go as :mod:`importlib` has them: a package before what is in it, a module once, and one that is not finished
    yet for those that it imports itself. Other threads see finished modules only.

    Args:
        fakes: the modules of the fake kernel, by name. None, as in :data:`sys.modules`: the platform has no such
            module.
        again: names of the modules of the running Python that are executed again, each at its first import. With a
            module of a package goes the package.
        names: for a module that is executed again, names that shall hide the builtins of the same name in it.

    Raises:
        ValueError: a package is missing in `again`.
    """

    def __init__(
        self,
        fakes: Mapping[str, ModuleType | None],
        again: Collection[str],
        names: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        self._missing = frozenset(name for name, fake in fakes.items() if fake is None)
        self._modules = {name: fake for name, fake in fakes.items() if fake is not None}
        self._again = frozenset(again)
        for name in self._again:
            if (package := name.rpartition(".")[0]) and package not in self._again:
                raise ValueError(f"{name!r} cannot be executed again without its package {package!r}")
        self._names = dict(names or {})
        self._lock = threading.RLock()
        self._loading: dict[str, ModuleType] = {}
        """What the outermost import that is under way has executed so far, in this order."""
        self._modules.setdefault("enum", enums.module(ChainMap(self._loading, self._modules, sys.modules)))
        self._builtins = {**vars(builtins), "__import__": self._import}

    def load(self, name: str) -> ModuleType:
        """Return a module as the platform has it.

        Raises:
            ModuleNotFoundError: neither the platform nor this Python has it.
        """
        if (module := self._modules.get(name)) is not None:
            return module
        if name in self._missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        package = name.rpartition(".")[0]
        if name not in self._again and package not in self._again:
            return importlib.import_module(name)
        with self._lock:
            if package:
                self.load(package)  # it may import the module itself
            return self._loading.get(name) or self._modules.get(name) or self._add(name)

    def has(self, name: str) -> bool:
        """Whether the platform has a module of its own by that name."""
        return name in self._modules or name in self._again

    def _add(self, name: str) -> ModuleType:
        outermost = not self._loading
        if name not in self._again:  # a module of this process, in a package that is the platform's
            self._show(name, importlib.import_module(name))
        else:
            started = len(self._loading)
            try:
                self._execute(name)
            except BaseException:
                # With a module goes all that it has imported: some of it may have imported the module.
                for failed in list(self._loading)[started:]:
                    self._hide(failed)
                raise
        module = self._loading[name]
        if outermost:
            self._modules |= self._loading
            self._loading.clear()
        return module

    def _execute(self, name: str) -> None:
        spec, code = _source(name)
        module = ModuleType(name)
        # The genuine spec: tracebacks, warnings and inspection find the genuine file.
        module.__dict__.update(__spec__=spec, __loader__=spec.loader, __file__=spec.origin, __package__=spec.parent)
        if spec.submodule_search_locations is not None:
            module.__dict__["__path__"] = spec.submodule_search_locations
            inside = f"{name}."
            fakes = {known: fake for known, fake in self._modules.items() if known.startswith(inside)}
            vars(module).update({known.removeprefix(inside): fake for known, fake in fakes.items()})
        own = self._names.get(name)
        module.__dict__["__builtins__"] = {**self._builtins, **own} if own else self._builtins
        self._show(name, module)
        exec(code, module.__dict__)
        _share_exceptions(module)
        if spec.submodule_search_locations is not None:
            self._show_children(module)

    @property
    def builtins(self) -> dict[str, Any]:
        """What a module must have as ``__builtins__`` for its imports to find the platform's modules."""
        return self._builtins

    def _show(self, name: str, module: ModuleType) -> None:
        """Let other modules import a module.

        The package gets it as an attribute at once. Where that is missing, ``from . import name`` looks into
        :data:`sys.modules`, and would find the process's own module.
        """
        self._loading[name] = module
        package, _, child = name.rpartition(".")
        if package:
            setattr(self.load(package), child, module)

    def _show_children(self, package: ModuleType) -> None:
        """Give a package those of the process's modules in it that only other modules of the process import."""
        inside = f"{package.__name__}."
        for name, module in list(sys.modules.items()):
            child = name.removeprefix(inside)
            if name.startswith(inside) and "." not in child and name not in self._again | self._missing:
                vars(package).setdefault(child, module)

    def _hide(self, name: str) -> None:
        del self._loading[name]
        package, _, child = name.rpartition(".")
        if parent := self._loading.get(package) or self._modules.get(package):
            vars(parent).pop(child, None)

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
        module = self.load(name)
        if not fromlist:
            return self.load(name.partition(".")[0])
        if name in self._again:
            self._load_children(module, fromlist)
        elif name not in self._modules:
            importlib.__import__(name, fromlist=fromlist)
        return module

    def _load_children(self, package: ModuleType, names: Iterable[str]) -> None:
        """Import what ``from package import names`` asks for, where it is a module in the package."""
        if not hasattr(package, "__path__"):
            return
        for name in names:
            if name == "*":
                self._load_children(package, getattr(package, "__all__", ()))
            elif not hasattr(package, name):
                full = f"{package.__name__}.{name}"
                try:
                    self.load(full)
                except ModuleNotFoundError as error:
                    if error.name != full:
                        raise


def _share_exceptions(module: ModuleType) -> None:
    """Give a module the process's own exceptions instead of those it has just defined: that is what programs catch."""
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.__name__:
            setattr(module, name, getattr(importlib.import_module(module.__name__), name))


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
