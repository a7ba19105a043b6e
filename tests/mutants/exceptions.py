"""Broken exception handlers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop
from .stepwise import Stepwise

LOG = logging.getLogger("asyncio")


@mutant("EXC", bug="a callback's exception ends the run", source="EXC-08")
class BubblesUp(Stepwise):
    def _run_handle(self, handle: Any) -> None:
        callback, arguments = handle._callback, handle._args
        handle.get_context().run(callback, *arguments)


@mutant("EXC", bug="the context of a callback's exception does not name its handle", source="EXC-01")
class NamesNoHandle(SelectorLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        super().call_exception_handler({key: value for key, value in context.items() if key != "handle"})


@mutant("EXC", bug="set_exception_handler(None) changes nothing", source="EXC-03")
class KeepsItsHandler(SelectorLoop):
    def set_exception_handler(self, handler: Any) -> None:
        super().set_exception_handler(handler or self._exception_handler)


@mutant("EXC", bug="what is no callable is found out only when there is an exception to handle", source="EXC-03")
class TakesAnyHandler(SelectorLoop):
    def set_exception_handler(self, handler: Any) -> None:
        self._exception_handler = handler


@mutant("EXC", bug="get_exception_handler() returns the default one and not None", source="EXC-03")
class ReturnsTheDefault(SelectorLoop):
    def get_exception_handler(self) -> Any:
        return super().get_exception_handler() or self.default_exception_handler


@mutant("EXC", bug="a handler that raises ends the run", source="EXC-04")
class EndsWithItsHandler(SelectorLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is None:
            super().call_exception_handler(context)
        else:
            self._exception_handler(self, context)


@mutant(
    "EXC",
    bug="of a handler that raises only its own exception is logged, not the one that it was called for",
    source="EXC-04",
)
class LogsTheSecondOnly(SelectorLoop):
    def default_exception_handler(self, context: dict[str, Any]) -> None:
        super().default_exception_handler({key: value for key, value in context.items() if key != "context"})


@mutant("EXC", bug="a handler's SystemExit is logged like any exception", source="EXC-05")
class LogsTheExit(SelectorLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        try:
            super().call_exception_handler(context)
        except SystemExit as error:
            self.default_exception_handler({"message": "Unhandled error in exception handler", "exception": error})


@mutant("EXC", bug="the handler runs in a context of its own, not in that of what failed", source="EXC-06")
class HandlesElsewhere(SelectorLoop):
    def set_exception_handler(self, handler: Any) -> None:
        super().set_exception_handler(handler)
        if handler is not None:
            self._exception_handler = _Elsewhere(handler)

    def get_exception_handler(self) -> Any:
        handler = super().get_exception_handler()
        return handler.handler if isinstance(handler, _Elsewhere) else handler


class _Elsewhere:
    def __init__(self, handler: Callable[..., object]) -> None:
        self.handler = handler

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        contextvars.Context().run(self.handler, loop, context)


@mutant(
    "EXC",
    bug="the default handler logs no traceback",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.default_exception_handler",
)
class LogsNoTraceback(SelectorLoop):
    def default_exception_handler(self, context: dict[str, Any]) -> None:
        LOG.error("%s: %r", context.get("message"), context)


@mutant("EXC", bug="the default handler fails where an object cannot be shown", source="EXC-07")
class FailsOnABrokenRepr(SelectorLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is None:
            self.default_exception_handler(context)
        else:
            super().call_exception_handler(context)


@mutant(
    "EXC",
    bug="a handler that is set from within a handler is lost",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.set_exception_handler",
)
class RestoresItsHandler(SelectorLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        before = self._exception_handler
        try:
            super().call_exception_handler(context)
        finally:
            self._exception_handler = before
