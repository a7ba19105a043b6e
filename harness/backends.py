"""The backends: what the suite can be run on, how to name one and how to open it."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import importlib
import importlib.metadata
import importlib.util
import platform
import selectors
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from .. import fake_selectors
from ..conformance.subject import LoopFactory, Run
from ..fake_selectors import limits
from ..fake_selectors.limits import Limit
from . import emulation

T = TypeVar("T")

GROUP = "everyloop.backends"


class BackendError(Exception):
    """A backend cannot be named, imported or opened; the text is one line for a person."""


@dataclass(frozen=True)
class Guest:
    """An event loop that exists only inside another runtime, and so cannot be handed out stopped.

    Attributes:
        run: runs an async function on the loop and returns its result.
    """

    run: Run


@dataclass(frozen=True)
class Backend:
    """Something the suite can be run on.

    Attributes:
        name: as on the command line and in the results.
        reference: ``package.module:attribute``, a loop factory or a :class:`Guest`.
        package: what must be importable for it; None for the standard library.
        distribution: whose version is the backend's; None: Python's.
        extra: the extra of everyloop that installs it.
        platforms: the values of :data:`sys.platform` where it exists; None: everywhere.
        requires: ``module.attribute`` that this platform's Python must have.
        emulated: the :data:`sys.platform` whose kernel is faked under it; None: the loop has this machine's own.
        fixed: settings of the emulated platform that make this backend what it is.
        classes: names of the classes of its loops and of their selectors, if they are the standard library's, which is
            what documented limits are about.
        asyncio: whether it has an asyncio loop at all; a backend without one has capabilities only.
        knobs: values given after ``@`` in its name, by knob.
    """

    name: str
    reference: str
    package: str | None = None
    distribution: str | None = None
    extra: str | None = None
    platforms: tuple[str, ...] | None = None
    requires: str | None = None
    emulated: str | None = None
    fixed: Mapping[str, emulation.Value] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    asyncio: bool = True
    knobs: Mapping[str, emulation.Value] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        """The :data:`sys.platform` that its loops run on: the emulated one, or this machine's."""
        return self.emulated or sys.platform

    def version(self) -> str:
        """Return the version of the distribution the loop comes from."""
        if self.distribution is None:
            return ".".join(map(str, sys.version_info[:3]))
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return "unknown"

    def source(self) -> str:
        """Return lines of Python that bind ``new_loop``, or ``run`` for a :class:`Guest`, outside of everyloop."""
        module, _, name = self.reference.partition(":")
        first, *others = name.split(".")
        attribute = ".".join([first, *others])
        if self.emulated is not None:
            settings = ", ".join(f"{knob}={value!r}" for knob, value in {**self.fixed, **self.knobs}.items())
            return f"from {module} import {first}\n\nnew_loop = {attribute}({settings}).new_event_loop"
        thing = _resolve(self)
        if isinstance(thing, Backend):
            return thing.source()
        if isinstance(thing, Guest):
            return f"from {module} import {first}\n\nrun = {attribute}.run"
        return f"from {module} import {first}\n\nnew_loop = {attribute}"

    def limits(self) -> tuple[Limit, ...]:
        """Return the documented limits of its loops; none for loops that are not the standard library's."""
        if self.emulated is not None:
            there = emulation.make(self.reference, {**self.fixed, **self.knobs})
            names = filter(None, [there.loop_class.rpartition(".")[2], there.selector_class])
            return limits.of(there.sys_platform, *names, system=there.system)
        if not self.classes:
            return ()
        system = platform.mac_ver()[0] if sys.platform == "darwin" else None
        return limits.of(sys.platform, *self.classes, system=system or None)

    def why_not_here(self) -> str | None:
        """Say why the backend cannot be opened, without importing it; None if it should be possible."""
        if self.platforms is not None and sys.platform not in self.platforms:
            return f"exists only on {', '.join(self.platforms)}"
        if self.requires is not None:
            module, _, attribute = self.requires.partition(".")
            if not hasattr(importlib.import_module(module), attribute):
                return f"this platform has no {self.requires}"
        if self.package is not None and importlib.util.find_spec(self.package) is None:
            return f"{self.package} is not installed: pip install 'everyloop[{self.extra}]'"
        return None


@dataclass(frozen=True)
class OpenBackend:
    """A backend that was imported and proved to run a coroutine.

    Attributes:
        backend: the entry it was made from.
        loop: module and name of the type of its loop, as seen from inside a running coroutine.
        new_loop: hands out a stopped loop; None for guests.
        run: for guests: runs an async function.
    """

    backend: Backend
    loop: str
    new_loop: LoopFactory | None
    run: Run | None


_SELECTOR = "SelectorEventLoop"
_DEFAULT = ("ProactorEventLoop",) if sys.platform == "win32" else (_SELECTOR, selectors.DefaultSelector.__name__)
_LOOPS = f"{__package__}.loops"
_FAKES = f"{fake_selectors.__name__}"
_HOSTS = ("linux",)  # the fake kernels stand on Linux' own calls
_BSD = ("darwin", "freebsd", "openbsd", "netbsd")

BUILT_IN: tuple[Backend, ...] = (
    Backend("asyncio", "asyncio:new_event_loop", classes=_DEFAULT),
    Backend("asyncio-select", f"{_LOOPS}:select_loop", classes=(_SELECTOR, "SelectSelector")),
    Backend("asyncio-poll", f"{_LOOPS}:poll_loop", requires="select.poll", classes=(_SELECTOR, "PollSelector")),
    Backend("asyncio-epoll", f"{_LOOPS}:epoll_loop", requires="select.epoll", classes=(_SELECTOR, "EpollSelector")),
    Backend("asyncio-kqueue", f"{_LOOPS}:kqueue_loop", requires="select.kqueue", classes=(_SELECTOR, "KqueueSelector")),
    Backend(
        "asyncio-selector", "asyncio:SelectorEventLoop", platforms=("win32",), classes=(_SELECTOR, "SelectSelector")
    ),
    Backend("asyncio-proactor", "asyncio:ProactorEventLoop", platforms=("win32",), classes=("ProactorEventLoop",)),
    Backend("uvloop", "uvloop:new_event_loop", "uvloop", "uvloop", "uvloop", ("linux", *_BSD)),
    Backend("winloop", "winloop:new_event_loop", "winloop", "winloop", "winloop", ("win32",)),
    Backend("rloop", "rloop:new_event_loop", "rloop", "rloop", "rloop", ("linux", *_BSD)),
    Backend("qasync", f"{_LOOPS}:qasync_loop", "qasync", "qasync", "qt"),
    Backend("trio-asyncio", f"{_LOOPS}:TRIO_ASYNCIO", "trio_asyncio", "trio-asyncio", "trio"),
    Backend("windows-selector", f"{_FAKES}.windows:selector", platforms=_HOSTS, emulated="win32"),
    Backend("windows-proactor", f"{_FAKES}.windows:proactor", platforms=_HOSTS, emulated="win32"),
    Backend("macos", f"{_FAKES}.darwin:macos", platforms=_HOSTS, emulated="darwin"),
    Backend("macos-10.8", f"{_FAKES}.darwin:macos", platforms=_HOSTS, emulated="darwin", fixed={"version": "10.8"}),
    Backend("linux-select", f"{_FAKES}.linux:select", platforms=_HOSTS, emulated="linux"),
    Backend("trio", "trio:run", "trio", "trio", "trio", asyncio=False),
)


def registered() -> dict[str, Backend]:
    """Every backend with a name: the built-in ones, then those that other packages registered."""
    found = {backend.name: backend for backend in BUILT_IN}
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        if entry.name not in found:
            distribution = entry.dist.name if entry.dist else None
            found[entry.name] = Backend(entry.name, entry.value, distribution=distribution)
    return found


def installed() -> list[Backend]:
    """Every real backend that can be run here: what is run if none is named."""
    return [
        backend
        for backend in registered().values()
        if backend.asyncio and not backend.emulated and backend.why_not_here() is None
    ]


def names(text: str) -> tuple[str, ...]:
    """Return the backends of ``NAME[,NAME]…``, each once; ``knob=value`` after a comma belongs to the one before it."""
    found: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if found and "@" in found[-1] and "=" in part and "@" not in part:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return tuple(dict.fromkeys(found))


def find(text: str) -> Backend:
    """Return the backend that `text` names: ``name``, ``name@knob=value,…`` or ``package.module:factory``.

    Raises:
        BackendError: nothing has that name, or the backend has no such knob.
    """
    name, at, knob_text = text.partition("@")
    known = registered()
    if ":" in name:
        module, _, attribute = name.partition(":")
        if not (module and attribute):
            raise BackendError(f"{text!r} is no backend: write package.module:factory")
        backend = Backend(name, name, distribution=_distribution_of(module))
    elif name in known:
        backend = known[name]
    else:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`everyloop list backends` shows all"
        raise BackendError(f"unknown backend {name!r}: {hint} (your own: package.module:factory)")
    if not at:
        return backend
    if backend.emulated is None:
        # There is nothing about a real kernel that we could turn.
        first = knob_text.partition("=")[0] or knob_text
        raise BackendError(f"{name} has no knob {first!r}: only emulated backends have knobs")
    try:
        knobs = emulation.read_knobs(backend.reference, backend.fixed, knob_text)
    except emulation.KnobError as error:
        raise BackendError(f"{name} {error}" if str(error).startswith("has no") else f"{name}: {error}") from None
    return replace(backend, knobs=knobs)


def open_backend(backend: Backend) -> OpenBackend:
    """Import a backend and prove that it runs ``asyncio.sleep(0)`` on its own loop.

    Raises:
        BackendError: it is missing, or it cannot do that.
    """
    if not backend.asyncio:
        raise BackendError(f"{backend.name} has no asyncio loop: the behaviours cannot be run on it")
    if (missing := backend.why_not_here()) is not None:
        raise BackendError(f"{backend.name}: {missing}")
    if backend.emulated is not None:
        thing: Any = emulation.make(backend.reference, {**backend.fixed, **backend.knobs}).new_event_loop
    else:
        thing = _resolve(backend)
    if isinstance(thing, Backend):  # an entry point may name a finished entry
        return open_backend(replace(thing, name=backend.name))
    if isinstance(thing, Guest):
        return OpenBackend(backend, _prove(backend, thing.run), None, thing.run)
    if not callable(thing):
        raise BackendError(f"{backend.name}: {backend.reference} is {thing!r}, not a function that makes a loop")
    factory = cast("LoopFactory", thing)
    try:
        loop: object = factory()
    except (Exception, SystemExit) as error:
        raise BackendError(f"{backend.name}: the factory raised {_one_line(error)}") from error
    if not isinstance(loop, asyncio.AbstractEventLoop):
        kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        raise BackendError(f"{backend.name}: the factory returned a {kind}, which is no asyncio.AbstractEventLoop")
    found = loop

    def run(main: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        with contextlib.closing(main()) as coroutine:
            return found.run_until_complete(coroutine)

    try:
        name = _prove(backend, run)
    finally:
        with contextlib.suppress(Exception):  # what cannot be closed is for the cases to say
            loop.close()
    return OpenBackend(backend, name, factory, None)


def type_name(loop: object) -> str:
    """Module and name of an object's type, ``uvloop.Loop``."""
    return f"{type(loop).__module__}.{type(loop).__qualname__}"


def _prove(backend: Backend, run: Run) -> str:
    async def main() -> str:
        await asyncio.sleep(0)
        return type_name(asyncio.get_running_loop())

    try:
        return run(main)
    except (Exception, SystemExit) as error:
        raise BackendError(f"{backend.name}: cannot run asyncio.sleep(0): {_one_line(error)}") from error


def _resolve(backend: Backend) -> Any:
    module, _, attributes = backend.reference.partition(":")
    try:
        thing: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise BackendError(f"{backend.name}: cannot import {module}: {_one_line(error)}") from error
    for attribute in attributes.split("."):
        try:
            thing = getattr(thing, attribute)
        except AttributeError:
            raise BackendError(f"{backend.name}: {module} has no {attributes!r}") from None
    return thing


def _distribution_of(module: str) -> str | None:
    """The one distribution that provides a module's top-level package, if it is installed from one."""
    owners = importlib.metadata.packages_distributions().get(module.partition(".")[0], [])
    return owners[0] if len(set(owners)) == 1 else None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
