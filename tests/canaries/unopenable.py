"""Backends that cannot be opened, each for another reason."""

from __future__ import annotations

import asyncio
from typing import Any

from everyloop.harness.backends import Backend, Guest

NO_FACTORY = 42


def raises() -> asyncio.AbstractEventLoop:
    raise RuntimeError("no luck\ntoday")


def exits() -> asyncio.AbstractEventLoop:
    raise SystemExit(0)


def no_loop() -> dict[str, int]:
    return {}


class NotWhole(asyncio.AbstractEventLoop):
    """A loop that implements nothing, not even close()."""


class CannotRun(asyncio.SelectorEventLoop):
    def run_until_complete(self, _: Any) -> Any:
        raise OSError("out of order")


class CannotBeClosed(asyncio.SelectorEventLoop):
    def close(self) -> None:
        if not self.is_closed():
            super().close()
            raise OSError("stuck")


class NeverEnds(asyncio.SelectorEventLoop):
    def run_until_complete(self, _: Any) -> Any:
        self.run_forever()


def _fails(_: object) -> Any:
    raise ValueError("nobody is at home")


GUEST = Guest(_fails)
ENTRY = Backend("inner", "asyncio:SelectorEventLoop")
