"""A platform as this process's asyncio, for a while, and as the system that named packages see.

The one place that changes the process, and it puts everything back.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loader import Library
    from .platform import Platform

_MISSING: Any = object()


@contextlib.contextmanager
def install(platform: Platform, packages: Collection[str] = ()) -> Iterator[None]:
    """Make a platform's loops those of :mod:`asyncio` while the context lasts.

    ``asyncio.new_event_loop()``, ``asyncio.run()``, ``asyncio.SelectorEventLoop``, the policies and all that is built
    on them are then the platform's; names that asyncio does not have there go missing (``asyncio.start_unix_server``
    on Windows).

    Modules of the named packages see the platform itself besides: ``sys.platform``, ``os.name``, and no
    ``socket.AF_UNIX`` or ``signal.SIGHUP`` where there is none. That holds for what they import while the context
    lasts, and for the modules they have imported before, as ``import sys``. What they took out of a module before
    (``from sys import platform``, or a test at import time) stays as it was: install first, then import.

    Leaving restores everything, also after an error. Modules of the packages that were imported meanwhile are
    forgotten, so that the next import sees this machine again.

    Args:
        platform: such as ``windows.selector()``.
        packages: names of packages and modules, ``"myapp"``; their submodules are meant too.
    """
    library = platform.library
    with contextlib.ExitStack() as undo:
        _take_over_asyncio(platform, undo)
        if packages:
            _impersonate(library, tuple(packages), undo)
        yield


def _take_over_asyncio(platform: Platform, undo: contextlib.ExitStack) -> None:
    library = platform.library
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
    _set_policy(_policy_of(platform)())


def _policy_of(platform: Platform) -> Callable[[], object]:
    """Return the policy that makes the platform's loops: on Windows one of two, and not always the default one."""
    module, _, name = platform.loop_class.rpartition(".")
    events = platform.module(module)
    policies: list[Any] = [kind for kind in vars(events).values() if hasattr(kind, "_loop_factory")]
    chosen: Callable[[], object] = next(
        kind
        for kind in policies
        if kind._loop_factory is getattr(events, name)  # noqa: SLF001
    )
    return chosen


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
    before = frozenset(sys.modules)

    def forget() -> None:
        for name in [name for name in sys.modules if name not in before and _is_in(name, packages)]:
            del sys.modules[name]

    undo.callback(forget)
    _put(vars(builtins), "__import__", _importing(library, packages), undo)


def _importing(library: Library, packages: tuple[str, ...]) -> Callable[..., ModuleType]:
    """Make an ``import`` that finds the platform's modules for some packages, and this process's for all others.

    It is replaced for all, for a function asks for it by way of the builtins that it was made with.
    """
    genuine = builtins.__import__
    theirs = library.builtins["__import__"]

    def import_(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names of builtins.__import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        whose = theirs if globals and _is_in(globals.get("__name__", ""), packages) else genuine
        module: ModuleType = whose(name, globals, locals, fromlist, level)
        return module

    return import_


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
