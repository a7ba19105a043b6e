"""Which backend is asyncio in a pytest run, and when."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

import pytest

from .. import fake_selectors
from . import backends, executing, plugin, policies

TOOLS = ("_pytest", "everyloop", "execnet", "pluggy", "pytest", "xdist")
"""What runs the tests is never shown another platform."""
NATIVE = "asyncio"
PLACE = pytest.StashKey[str]()
"""The backend that a test runs on; a test without it runs on none."""
_STAGE = pytest.StashKey["Stage"]()


class Stage:
    """The one backend at a time that is this process's asyncio.

    Args:
        names: the backends that the run is asked for.
        packages: those that see an emulated platform.
    """

    def __init__(self, names: Sequence[str], packages: Sequence[str]) -> None:
        self.names = tuple(names)
        self._packages = tuple(packages)
        self._whole = contextlib.ExitStack()
        self._now = contextlib.ExitStack()
        self._policy: policies.Policy = None
        self._base: str | None = None
        self.on: str | None = None

    def open(self) -> None:
        """Enter the only backend for the whole run, if packages shall see it from their import on."""
        if self._packages and len(self.names) == 1:
            (self._base,) = self.names
            self._enter(self._base, self._whole)
            self.on = self._base

    def header(self) -> str:
        """Return the line that says what is under test."""
        shown = f"everyloop: {', '.join(self.names)}"
        if self._packages:
            shown += f" (seen by {', '.join(self._packages)}"
            # Several platforms cannot be there when a package is imported, once.
            shown += ")" if self._base else " while tests run, not when it is imported)"
        return shown

    def enter(self, name: str | None) -> None:
        """Make a backend this process's asyncio; None: the one of the whole run, or this machine's own.

        Raises:
            BackendError: it cannot be opened.
            ExecutionError: it hands out no loops.
        """
        name = name or self._base
        if name != self.on:
            self.leave()
            if name is not None and name != self._base:
                self._enter(name, self._now)
            self.on = name
        elif name is not None and policies.current() is not self._policy:
            policies.become(self._policy)  # a test has put its own there

    def leave(self) -> None:
        """Put back the asyncio of the whole run."""
        if self.on != self._base:
            policies.close_left_loop()
            self._now.close()
            self.on = self._base

    def close(self) -> None:
        """Put back this machine's own asyncio."""
        self.leave()
        self._whole.close()
        self.on = self._base = None

    def _enter(self, name: str, stack: contextlib.ExitStack) -> None:
        backend = backends.find(name)
        stack.enter_context(executing.installed(backend, self._packages if backend.emulated else ()))
        _hide_kernels()
        self._policy = policies.current()


def stage_of(config: pytest.Config) -> Stage:
    """Return the stage of a pytest run, which is made when it is first asked for.

    Raises:
        UsageError: a backend or a package cannot be what it is asked to be.
    """
    if (stage := config.stash.get(_STAGE, None)) is None:
        stage = config.stash[_STAGE] = Stage(_names(config), _packages(config))
        config.add_cleanup(stage.close)
        try:
            stage.open()
        except (backends.BackendError, executing.ExecutionError) as error:
            raise pytest.UsageError(f"--everyloop: {error}") from None
    return stage


def backend_of(node: pytest.Item) -> backends.Backend:
    """Return the backend that a test runs on."""
    return backends.find(node.stash.get(PLACE, None) or stage_of(node.config).on or NATIVE)


def _hide_kernels() -> None:
    """End tracebacks where they end on the real platform, whose kernel shows no Python code; --full-trace shows all."""
    inside = (f"{fake_selectors.__name__}.kernels.", f"{fake_selectors.__name__}.views")
    for module in [module for name, module in sys.modules.items() if name.startswith(inside)]:
        vars(module)["__tracebackhide__"] = True


def _names(config: pytest.Config) -> tuple[str, ...]:
    text = plugin.asked(config)
    names = backends.names(text or "")
    here = str(config.invocation_params.dir)
    if any(":" in name for name in names) and here not in sys.path:
        sys.path.append(here)  # as for `everyloop run`: a loop of one's own is in no place where pytest looks
    if text is not None and not names:
        raise pytest.UsageError("--everyloop: name at least one backend, such as --everyloop uvloop")
    try:
        for name in names:
            backend = backends.find(name)
            if (missing := backend.why_not_here()) is not None:
                raise backends.BackendError(f"{name}: {missing}")
            if ":" in name:
                backends.open_backend(backend)  # nobody knows more of it than its name
    except backends.BackendError as error:
        raise pytest.UsageError(f"--everyloop: {error}") from None
    return names


def _packages(config: pytest.Config) -> tuple[str, ...]:
    packages = plugin.impersonated(config)
    for package in packages:
        if package.partition(".")[0] in TOOLS:
            raise pytest.UsageError(f"--everyloop-impersonate: {package} runs the tests: it stays on this machine")
    named = _names(config)
    if packages and named and not any(backends.find(name).emulated for name in named):
        ours = ", ".join(named)
        raise pytest.UsageError(f"--everyloop-impersonate: {ours}: this machine's own platform, nothing to impersonate")
    return packages
