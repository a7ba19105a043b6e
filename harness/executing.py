"""Another program, in this process, on the loop of a backend."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import runpy
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from ..conformance.subject import LoopFactory
from . import backends, emulation, policies


class ExecutionError(Exception):
    """A program cannot be executed on a backend; the text is one line for a person."""


@contextlib.contextmanager
def installed(backend: backends.Backend, packages: Collection[str] = ()) -> Iterator[None]:
    """Make a backend's loop this process's default one while the context lasts.

    Args:
        backend: an emulated one replaces all of asyncio (see :func:`..fake_selectors.installing.install`); a real one
            only makes the loops of ``asyncio.run()`` and ``asyncio.new_event_loop()``.
        packages: those that see the emulated platform.

    Raises:
        ExecutionError: it hands out no loops, or there is no platform for the packages to see.
        BackendError: it cannot be opened.
    """
    if not backend.asyncio:
        raise ExecutionError(f"{backend.name} has no asyncio loop that a program could run on")
    opened = backends.open_backend(backend)
    if opened.backend.emulated is not None:
        settings = {**opened.backend.fixed, **opened.backend.knobs}
        with emulation.make(opened.backend.reference, settings).install(packages):
            yield
        return
    if packages:
        raise ExecutionError(f"{backend.name} is this machine's own platform: there is nothing to impersonate")
    if opened.new_loop is None:
        raise ExecutionError(f"{backend.name} hands out no loop that a program could run on")
    with _policy_over(opened.new_loop):
        yield


@contextlib.contextmanager
def _policy_over(factory: LoopFactory) -> Iterator[None]:
    making = threading.local()
    with policies.silence():

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> asyncio.AbstractEventLoop:
                if vars(making):  # the factory itself asks asyncio for a loop
                    return super().new_event_loop()
                making.now = True
                try:
                    return factory()
                finally:
                    del making.now

    before = policies.current()
    policies.become(Policy())
    try:
        yield
    finally:
        policies.become(before)


def execute(
    backend: backends.Backend,
    packages: Collection[str],
    *,
    module: str | None,
    arguments: Sequence[str],
    watching: contextlib.AbstractContextManager[object] | None = None,
) -> int:
    """Execute a program as ``python`` would, on a backend, which stays installed until the process ends.

    Args:
        backend: to run it on.
        packages: those that see the emulated platform.
        module: a module's name, as after ``python -m``; None: the first argument is a script.
        arguments: the program's.
        watching: entered before the program, and left when the process ends.

    Returns:
        its exit status.

    Raises:
        ExecutionError: there is no such program, or it cannot be run on that backend.
        BackendError: the backend cannot be opened.
    """
    script = Path(arguments[0]) if module is None else None
    if script is not None and not script.exists():
        raise ExecutionError(f"cannot open {str(script)!r}: there is no such file")
    stack = contextlib.ExitStack()
    stack.enter_context(installed(backend, packages))
    if watching is not None:
        stack.enter_context(watching)
    # A program's threads and exit handlers outlive its last line; this one comes first and so is called last.
    atexit.register(stack.close)
    # As `python` does: the script's folder comes first, or the current one.
    sys.path.insert(0, str(script.resolve().parent if script else Path.cwd()))
    sys.argv = [str(script), *arguments[1:]] if script else [sys.argv[0], *arguments]
    try:
        if script is not None:
            runpy.run_path(str(script), run_name="__main__")
        else:
            assert module is not None
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        return _status(ending.code)
    except KeyboardInterrupt:
        raise
    except ImportError as error:
        if module is not None and _below_us(error.__traceback__) is None:
            raise ExecutionError(str(error)) from None  # the module itself, not one that it wants
        _show(error)
    except BaseException as error:  # noqa: BLE001 - shown as Python shows it
        _show(error)
    else:
        return 0
    return 1


def _show(error: BaseException) -> None:
    own = error.with_traceback(_below_us(error.__traceback__))
    sys.excepthook(type(own), own, own.__traceback__)


def _below_us(trace: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that is the program's own."""
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace


def _status(code: object) -> int:
    """What a process ends with after SystemExit, and what it says."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1
