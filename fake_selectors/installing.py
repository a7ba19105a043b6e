"""A platform as this process's asyncio, for a while, and as the system that named packages see.

The one place that changes the process, and it puts everything back.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.abc
import sys
import warnings
from collections.abc import Collection, Iterator, MutableMapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loader import Library
    from .platform import Platform

_MISSING: Any = object()


@contextlib.contextmanager
def install(platform: Platform, packages: Collection[str] = ()) -> Iterator[None]:
    """Make a platform's loops those of :mod:`asyncio` while the context lasts.

    ``asyncio.new_event_loop()``, ``asyncio.run()``, ``asyncio.SelectorEventLoop``, the policies and all that is built on
    them are then the platform's; names that asyncio does not have there go missing (``asyncio.start_unix_server`` on
    Windows).

    Modules of the named packages see the platform itself besides: ``sys.platform``, ``os.name``, and no
    ``socket.AF_UNIX`` or ``signal.SIGHUP`` where there is none. That holds for what they import while the context lasts,
    and for the modules they have imported before, as ``import sys``. What they took out of a module before
    (``from sys import platform``, or a test at import time) stays as it was: install first, then import.

    Leaving restores everything, also after an error. Modules of the packages that were imported meanwhile are
    forgotten, so that the next import sees this machine again.

    Args:
        platform: such as ``windows.selector()``.
        packages: names of packages and modules, ``"myapp"``; their submodules are meant too.
    """
    library = platform.library
    with contextlib.ExitStack() as undo:
        _take_over_asyncio(library, undo)
        if packages:
            _impersonate(library, tuple(packages), undo)
        yield


def _take_over_asyncio(library: Library, undo: contextlib.ExitStack) -> None:
    package = library.load("asyncio")
    undo.callback(_set_policy, asyncio.events._event_loop_policy)  # type: ignore[attr-defined] # noqa: SLF001 - reading it by its public name would make one
    for name in sorted(vars(asyncio).keys() | vars(package).keys()):
        if not (name.startswith("__") and name.endswith("__")):
            _put(vars(asyncio), name, vars(package).get(name, _MISSING), undo)
    for name in [name for name in sys.modules if name.startswith("asyncio.")]:
        child = name.partition(".")[2]
        if child in vars(package):
            _put(sys.modules, name, vars(package)[child], undo)
        elif library.has(name) or name in {"asyncio.unix_events", "asyncio.windows_events"}:
            _put(sys.modules, name, None, undo)  # as importlib marks what cannot be imported
    for name, module in vars(package).items():
        if isinstance(module, ModuleType) and library.has(f"asyncio.{name}"):
            _put(sys.modules, f"asyncio.{name}", module, undo)
    events: Any = library.load(_events_of(package))
    _set_policy((getattr(events, "_DefaultEventLoopPolicy", None) or events.DefaultEventLoopPolicy)())


def _events_of(package: ModuleType) -> str:
    return "asyncio.windows_events" if hasattr(package, "windows_events") else "asyncio.unix_events"


def _set_policy(policy: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since 3.14
        asyncio.set_event_loop_policy(policy)  # type: ignore[arg-type]


def _impersonate(library: Library, packages: tuple[str, ...], undo: contextlib.ExitStack) -> None:
    for name, module in list(sys.modules.items()):
        if _is_in(name, packages) and isinstance(module, ModuleType):
            for word, value in list(vars(module).items()):
                if isinstance(value, ModuleType) and library.has(value.__name__):
                    _put(vars(module), word, library.load(value.__name__), undo)
            _put(vars(module), "__builtins__", library.builtins, undo)
    before = frozenset(sys.modules)

    def forget() -> None:
        for name in [name for name in sys.modules if name not in before and _is_in(name, packages)]:
            del sys.modules[name]

    undo.callback(forget)
    finder = _Finder(library, packages)
    sys.meta_path.insert(0, finder)
    undo.callback(sys.meta_path.remove, finder)


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the modules of some packages import the platform's modules."""

    def __init__(self, library: Library, packages: tuple[str, ...]) -> None:
        self._library = library
        self._packages = packages

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of theirs as the other finders do; leave all others to those."""
        if not _is_in(name, self._packages):
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self._library)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """Executes a module as its own loader does, with other builtins: ``import`` is one of them."""

    def __init__(self, genuine: Any, library: Library) -> None:
        self._genuine = genuine
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._genuine, name)  # get_source() for tracebacks, get_data() for resources

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as its own loader does."""
        module: ModuleType | None = self._genuine.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute it with the platform's ``import``."""
        module.__dict__["__builtins__"] = self._library.builtins
        self._genuine.exec_module(module)


def _is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _put(names: MutableMapping[str, Any], name: str, value: Any, undo: contextlib.ExitStack) -> None:
    """Set or, for `_MISSING`, delete a name until the end."""
    before = names.get(name, _MISSING)
    if before is value:
        return
    undo.callback(_restore, names, name, before)
    _restore(names, name, value)


def _restore(names: MutableMapping[str, Any], name: str, value: Any) -> None:
    if value is _MISSING:
        names.pop(name, None)
    else:
        names[name] = value
